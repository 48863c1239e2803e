"""Which Gossamer made a result: the package's version, and in a checkout the commit."""

from __future__ import annotations

import subprocess
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path


@cache
def version() -> str:
    """Return such as "0.1.0+3f93674", with a hash of what was changed since; without git, the number alone."""
    try:
        number = installed("gossamer")
    except PackageNotFoundError:  # imported from a folder that nobody installed
        number = "0"
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return number
    try:
        commit = _git(root, "rev-parse", "--short", "HEAD").decode().strip()
        changes = _git(root, "diff", "HEAD", "--", "src", "simulations")
    except (OSError, subprocess.SubprocessError):
        return number
    # Two states of one checkout must not pass for one version: results of the older would be taken for the newer's.
    return f"{number}+{commit}" + (f".{blake2b(changes, digest_size=4).hexdigest()}" if changes else "")


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, timeout=5, check=True).stdout
