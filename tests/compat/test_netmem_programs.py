"""Programs written for netmem run as they are, but for the line that imports it, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import displays

pytestmark = pytest.mark.slow  # each starts programs of its own, as their users would

HERE = Path(__file__).parent
PATIENCE_S = 20.0
with_windows = pytest.mark.skipif(bool(displays.why_not()), reason=displays.why_not())


class Running:
    """A running program: what it has printed, and what it is told."""

    def __init__(self, argv: list[str], directory: Path, environment: dict[str, str], eventually: Any) -> None:
        self._eventually = eventually
        self.process = subprocess.Popen(
            [sys.executable, "-u", *argv],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while text := self.process.stdout.read(1):
            self.printed += text

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def showing(self) -> str:
        """Return what its window shows."""
        before = len(self.seen)
        self.tell("show")
        self._eventually(lambda: len(self.seen) > before or self.process.poll() is not None, PATIENCE_S)
        return self.seen[-1]

    @property
    def seen(self) -> list[str]:
        return re.findall("^seen: (.*)\n", self.printed, re.MULTILINE)

    def ends(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start(tmp_path: Path, eventually: Any) -> Iterator[Callable[..., Running]]:
    """Start a program of `programs/`."""
    running: list[Running] = []

    def start(name: str, display: str | None = None) -> Running:
        source = (HERE / "programs" / name).read_text(encoding="utf-8")
        changed, count = re.subn(r"^import netmem$", "from gossamer.compat import netmem", source, flags=re.MULTILINE)
        assert count == 1
        (tmp_path / name).write_text(changed, encoding="utf-8")
        argv = [name] if display is None else [str(HERE / "at_the_window.py"), name]
        running.append(
            Running(argv, tmp_path, os.environ | ({} if display is None else {"DISPLAY": display}), eventually)
        )
        return running[-1]

    yield start
    for each in running:
        each.kill()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with displays.a_display() as name:
        yield name


def test_the_listener_of_the_readme_is_told_before_the_program_ends(start):
    program = start("netmem_listener.py")

    assert (program.ends(), program.printed) == (0, "Update foo:bar\n")


@with_windows
def test_the_smallest_window_shows_what_is_typed_into_another(start, display, eventually):
    one, other = (start("netmem_window.py", display) for _ in range(2))
    one.tell("type 0 plan 9")
    eventually(lambda: other.showing() == "plan 9|Favorite operating system:", PATIENCE_S, other.printed)
    other.tell("type 0 haiku")
    eventually(lambda: one.showing() == "haiku|Favorite operating system:", PATIENCE_S)
    for program in (one, other):
        program.tell("quit")

    assert (one.ends(), other.ends()) == (0, 0)
    assert "Traceback" not in one.printed + other.printed


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it asks for a loop where there is none any more")
def test_what_is_answered_at_the_prompt_is_told_in_both_programs(start, eventually):
    one, other = (start("netmem_console.py") for _ in range(2))
    for program in (one, other):
        eventually(lambda program=program: "Key? " in program.printed, PATIENCE_S)
    one.tell("pet")
    one.tell("cat")
    for program in (one, other):
        for memory in ("mem1", "mem2", "mem3"):
            told = f"{memory} 'pet' changed from None to cat: {{'pet': 'cat'}}"
            eventually(lambda program=program, told=told: told in program.printed, PATIENCE_S, told)

    assert "Traceback" not in one.printed + other.printed


@pytest.mark.slow
@with_windows
def test_two_play_tic_tac_toe(start, display, eventually):
    one, other = (start("netmem_tictactoe.py", display) for _ in range(2))
    one.tell("type 0 Ada")
    other.tell("type 1 Bob")

    def board(program: Running) -> str:
        return program.showing().partition("Restart|")[2]

    def marks(program: Running) -> str:
        return re.sub("[ |]", "", board(program))

    eventually(lambda: one.showing().startswith("Ada|Bob|"), PATIENCE_S)
    moves = [(one, 0), (other, 3), (one, 1), (other, 4), (one, 2)]
    for number, (player, field) in enumerate(moves):
        whose = f"Current Player:|{number % 2 + 1}|"
        eventually(lambda player=player, whose=whose: whose in player.showing(), PATIENCE_S, whose)
        player.tell(f"press {field + 1}")  # the first button is to restart
        for program in (one, other):
            eventually(lambda program=program, number=number: len(marks(program)) == number + 1, PATIENCE_S)
    eventually(lambda: all("WINNER {'X'}" in program.printed for program in (one, other)), PATIENCE_S)

    assert board(one) == board(other) == "X|X|X|O|O| | | | "
    other.tell("press 0")
    eventually(lambda: marks(one) == "", PATIENCE_S)
    for program in (one, other):
        program.tell("quit")
    assert (one.ends(), other.ends()) == (0, 0)
    assert "Traceback" not in one.printed + other.printed
