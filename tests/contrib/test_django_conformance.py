"""Django's own tests of a cache backend, run from its sources against ours: all of `BaseCacheTests`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

OURS = """
from django.test import TestCase, override_settings
from .tests import BaseCacheTests, caches_setting_for_tests

@override_settings(
    CACHES=caches_setting_for_tests(
        BACKEND="{backend}", LOCATION="{location}", TIMEOUT=300
    )
)
class GossamerCacheTests(BaseCacheTests, TestCase):
    pass
"""
BACKEND = "gossamer.contrib.django.GossamerCache"
OLDER = "gossamer.compat.shared_memory_dict.caches.django.SharedMemoryCache"
TESTS_MIN = 54
"""How many there are in 4.2 and 5.2: fewer would mean that we run something else."""


def sources(version: str, directory: Path) -> Path:
    """Fetch and unpack Django's sources; return where they are."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", f"Django=={version}"]
    fetched = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode:
        pytest.skip(f"Django {version} could not be fetched: {fetched.stderr.strip().splitlines()[-1]}")
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    (root,) = [path for path in directory.iterdir() if path.is_dir()]
    return root


@pytest.mark.parametrize(
    ("version", "backend", "location"),
    [
        ("4.2.30", BACKEND, ""),
        ("5.2.19", BACKEND, ""),
        ("5.2.19", BACKEND, "/pages"),
        ("5.2.19", OLDER, ""),
        pytest.param(
            "6.1.3", BACKEND, "", marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="it needs Python 3.12")
        ),
    ],
)
def test_all_of_djangos_tests_of_a_cache_pass(
    version: str, backend: str, location: str, tmp_path: Path, mesh_name: str, mesh_port: int
) -> None:
    pytest.importorskip("asgiref")
    pytest.importorskip("sqlparse")
    (tmp_path / "sources").mkdir()
    root = sources(version, tmp_path / "sources")
    (root / "tests" / "cache" / "test_gossamer.py").write_text(
        OURS.format(backend=backend, location=mesh_name + location)
    )

    ended = subprocess.run(
        [sys.executable, "runtests.py", "cache.test_gossamer", "--parallel", "1", "-v", "2"],
        cwd=root / "tests",
        env=os.environ | {"PYTHONPATH": str(root), "GOSSAMER_PORT": str(mesh_port)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Testing against Django installed in '{root}/django'" in ended.stdout
    (ran,) = re.findall(r"^Ran (\d+) tests in", ended.stderr, re.MULTILINE)
    assert int(ran) >= TESTS_MIN
    assert re.search(r"^OK$", ended.stderr, re.MULTILINE), ended.stderr  # none was skipped either
