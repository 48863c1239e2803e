"""Which Gossamer made a result: the package's version, and in a checkout the commit."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path


@cache
def version() -> str:
    """Return such as "0.1.0" or "0.1.0+3f93674"; without git, or outside a checkout, without the commit."""
    try:
        number = installed("gossamer")
    except PackageNotFoundError:  # imported from a folder that nobody installed
        number = "0"
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return number
    try:
        told = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return number
    return f"{number}+{told.stdout.strip()}"
