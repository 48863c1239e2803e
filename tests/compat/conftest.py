"""Programs that were written for the older libraries, in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from old_programs import OldProgram


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path, mesh_port: int) -> Iterator[Callable[..., OldProgram]]:
    """Start a program of the library that the test file is about, by the rest of its name; all on this test's port."""
    library = request.path.stem.removeprefix("test_").removesuffix("_programs").removesuffix("_rows")
    running: list[OldProgram] = []

    def start(name: str) -> OldProgram:
        running.append(OldProgram(tmp_path / "programs", mesh_port, f"{library}_{name}.py"))
        return running[-1]

    yield start
    for each in running:
        each.kill()
