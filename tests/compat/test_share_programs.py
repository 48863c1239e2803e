"""Programs written for py-share run as they are, but for the line that imports it; its README's are among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from old_programs import OldProgram

pytestmark = pytest.mark.slow  # each starts programs of its own, as their users would


@pytest.fixture
def start(tmp_path, mesh_port) -> Iterator[Callable[..., OldProgram]]:
    with ExitStack() as killing:

        def start(name: str, *arguments: str, directory: str = "programs") -> OldProgram:
            program = OldProgram(tmp_path / directory, mesh_port, name, *arguments)
            killing.callback(program.kill)
            return program

        yield start


def test_one_window_sends_ten_signals_and_another_in_another_directory_gets_all(start):
    receiver, sender = start("share_trial.py", "rx"), start("share_trial.py", "tx", directory="elsewhere")

    assert [receiver.line() for _ in range(10)] == [f"happy:{n}" for n in range(10)]
    assert sender.ends() == (0, "")
    receiver.interrupt()
    assert "KeyboardInterrupt" in receiver.ends()[1]


@pytest.mark.slow
def test_both_in_one_window_take_turns(start):
    program = start("share_trial.py")

    assert program.ends() == (0, "")
    assert program.rest() == [f"happy:{n}" for n in range(10)]


@pytest.mark.slow
def test_signals_with_and_without_data_and_names_of_any_kind(start):
    told, asks = start("share_mood.py"), start("share_mood.py", "ask")

    assert told.ends() == (0, "")
    assert told.rest() == ["mood: ", "mood: I am happy", "and data None"]
    assert asks.ends() == (0, "")
