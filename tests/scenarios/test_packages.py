"""The scenarios travel along: whoever installs Gossamer can play them, without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "simulations" / "scenarios").glob("*.py"))


def run(*command, cwd, path=""):
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel that is built as an installer builds it from PyPI: from the source distribution alone."""
    folder = tmp_path_factory.mktemp("packages")
    run("-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=folder / source.name.removesuffix(".tar.gz"))
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_every_scenario_and_nothing_of_the_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    packed = "gossamer/simulation/scenarios/"
    assert sorted(name.removeprefix(packed) for name in names if name.startswith(packed)) == FILES
    assert not [name for name in names if name.startswith(("tests/", "simulations/"))]


def test_an_installed_gossamer_plays_the_scenarios_that_came_with_it(wheel, tmp_path):
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)

    home = run("-c", "from gossamer.simulation.catalogue import home; print(home())", cwd=tmp_path, path=installed)
    played = run("-m", "gossamer", "simulate", "run", "quiet", "--engine", "serial", cwd=tmp_path, path=installed)

    assert Path(home.strip()) == installed / "gossamer" / "simulation" / "scenarios"
    assert "1 runs, 1 held, 0 wrong" in played
