"""Runs the tests of another project against an adapter of ours, as they were published, in a pytest of their own.

Of its own, for their settings are not ours: some want pytest-asyncio, which cannot live beside
`trio_mode`, and all have a `conftest.py`, whose place is taken by one that makes our caches.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

UNREACHABLE = re.compile(r"No matching distribution|Connection|timed out|resolve", re.IGNORECASE)
PRELUDE = """\
import os, secrets, sys
import pytest
from gossamer import Options
from gossamer.contrib.shelf import Shelf

MESH = "conformance-" + secrets.token_hex(4)
FOR_HOST = {{"port": {port}, "options": {options!r}, "timeout": 20}}


def location():
    '''Return a place of its own, in the one mesh of this process.'''
    return f"{{MESH}}/{{secrets.token_hex(4)}}"


def pytest_unconfigure():
    Shelf(MESH).close()


"""


def sources(distribution: str, directory: Path) -> Path:
    """Return where the published sources of the installed version of `distribution` are; skip if they cannot be had."""
    wanted = f"{distribution}=={version(distribution)}"
    _pip("download", "--no-binary", ":all:", "--no-deps", "--dest", str(directory), wanted)
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(directory, filter="data")
    archive.unlink()
    (found,) = (path for path in directory.iterdir() if (path / "PKG-INFO").exists())
    return found


def installed_beside(names: list[str], directory: Path) -> Path:
    """Return a directory to put on the path, where `names` are installed that must not be in our environment."""
    _pip("install", "--no-deps", "--target", str(directory), *names)
    return directory


def _pip(*arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], capture_output=True, text=True
    )
    if ended.returncode:
        said = ended.stdout + ended.stderr
        if UNREACHABLE.search(said):
            pytest.skip(f"pip {' '.join(arguments)} found nothing: {said.strip().splitlines()[-1]}")
        pytest.fail(said)


def prelude(port: int, options: object) -> str:
    """Return how a conftest.py begins that is to make caches of ours."""
    return PRELUDE.format(port=port, options=options)


def passed(directory: Path, *arguments: str, path: Path | None = None, within_s: float = 300) -> int:
    """Run pytest in `directory`, and return how many tests passed; fail if one did not."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (path or directory, directory)))
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--rootdir", ".", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=within_s,
    )
    counted = re.search(r"^(\d+) passed", ended.stdout.splitlines()[-1] if ended.stdout else "")
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert counted, ended.stdout
    return int(counted[1])
