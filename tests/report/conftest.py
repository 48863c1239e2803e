"""A run to look at, and a browser to look with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import NAMES, Chromium, path_of_chromium
from report_runs import split_brain

from gossamer.simulation import Simulation
from gossamer.simulation.trace import Trace


@pytest.fixture(scope="session")
def split() -> tuple[Simulation, Trace]:
    """A run of a split brain, over; nobody may let it go on."""
    return split_brain()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless Chromium, one for all tests."""
    program = path_of_chromium()
    if program is None:
        pytest.skip(f"no Chromium on the path, under any name of {', '.join(NAMES)}")
    chromium = Chromium(program, tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test writes its report."""
    return tmp_path / "report.html"
