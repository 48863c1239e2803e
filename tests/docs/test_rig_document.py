"""The tests that the how-to about real processes shows are run, where there can be a rig."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import blocks

from gossamer.simulation.rig import available

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "cut-real-processes.md"


@pytest.mark.netns
@pytest.mark.skipif(bool(available()), reason=available())
def test_what_the_how_to_about_real_processes_shows_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(DOCUMENT):
        if block.asks:
            Path(block.asks[0].removeprefix("file=")).write_text(block.text)
        elif block.language == "python":
            exec(compile(block.text, block.where, "exec"), names)  # it is ours
    shown = [value for name, value in names.items() if name.startswith("test_")]

    assert len(shown) == 2
    for test in shown:
        test()
