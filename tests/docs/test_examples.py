"""Each example runs, beside another that it shares a mesh with, and shows what it promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

import displays

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
LINES_MAX = 80


class Program:
    """An example in a process of its own."""

    def __init__(self, name: str, *arguments: str, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            env=os.environ | {"GOSSAMER_PORT": str(port)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it has ended: {self._errors()}"
        return line.rstrip("\n")

    def line_with(self, text: str) -> str:
        """Return the next line that holds `text`."""
        while text not in (line := self.line()):
            pass
        return line

    def type(self, text: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def ends(self) -> None:
        """Wait until it ends by itself, content."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0, self._errors()

    def stop(self) -> None:
        """Press Ctrl-C, if it has not ended; it ends content."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(20)
        errors = self._errors()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        assert (code, errors) == (0, "")

    def _errors(self) -> str:
        assert self._process.stderr is not None
        return "" if self._process.stderr.closed else self._process.stderr.read()


@pytest.fixture
def start(mesh_port: int) -> Iterator[Callable[..., Program]]:
    with ExitStack() as stopping:

        def start(name: str, *arguments: str) -> Program:
            program = Program(name, *arguments, port=mesh_port)
            stopping.callback(program.stop)
            return program

        yield start


def test_the_board_shows_sensors_and_says_which_fell_silent(start: Callable[..., Program]) -> None:
    board = start("temperature_board.py")
    assert board.line() == "-- now --"

    sensor = start("temperature.py", "bench 3", "--count", "1", "--interval", "0.3")
    value = sensor.line().removeprefix("bench 3 ")

    assert board.line() == f"bench 3: {value}"
    assert board.line() == f"bench 3: silent, last said {value}"


def test_a_board_that_comes_late_shows_what_the_sensor_said_before(start: Callable[..., Program]) -> None:
    sensor = start("temperature.py", "bench 3")
    sensor.line()

    assert start("temperature_board.py").line().startswith("bench 3: ")


def test_settings_changed_by_one_program_are_seen_by_another(start: Callable[..., Program]) -> None:
    follower = start("shared_settings.py")
    assert follower.line() == "lights=True mode='normal' speed=1"

    changer = start("shared_settings.py", "speed=3", "mode=slow")

    assert changer.line() == "changed for 1 others"
    changer.ends()
    assert follower.line().startswith("lights=True mode='slow' speed=3 by ")


@pytest.mark.skipif(bool(displays.why_not()), reason=displays.why_not())
def test_a_window_shows_the_settings_and_what_another_program_changes(
    start: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    with displays.a_display() as display:
        monkeypatch.setenv("DISPLAY", display)
        window, follower = start("settings_window.py"), start("shared_settings.py")
        assert window.line() == "normal at speed 1"
        assert follower.line() == "lights=True mode='normal' speed=1"

        start("shared_settings.py", "speed=3", "mode=slow").ends()

        assert window.line_with("3") == "slow at speed 3"
        assert follower.line().startswith("lights=True mode='slow' speed=3 by ")
        window.stop()


def test_every_vote_counts_once_and_who_has_voted_is_known(start: Callable[..., Program]) -> None:
    follower = start("vote.py")
    assert follower.line() == "pizza 0, pasta 0, salad 0"

    for voter, choice in (("ada", "pizza"), ("bob", "salad"), ("eve", "pizza")):
        program = start("vote.py", choice, "--as", voter)
        assert program.line() == f"{voter} has voted"
        program.ends()

    assert follower.line_with("pizza 2") == "pizza 2, pasta 0, salad 1 by ada, bob, eve"


def test_of_three_programs_one_leads_and_when_it_stops_another_does(start: Callable[..., Program]) -> None:
    programs = {name: start("leader.py", name) for name in ("ada", "bob", "cat")}
    first = leader_among(programs)
    programs.pop(first).stop()

    assert leader_among(programs) in programs


def leader_among(programs: dict[str, Program]) -> str:
    """Return who leads, once a program says so of itself or of another that runs."""
    for line in iter(next(iter(programs.values())).line, ""):
        what, _, name = line.partition(" ")
        if what in ("leading", "following") and name in programs:
            return name
    raise AssertionError("it has ended")


def test_a_chat_shows_who_is_there_what_is_said_and_who_leaves(start: Callable[..., Program]) -> None:
    ada = start("presence.py", "ada")
    assert ada.line() == "* here: nobody else"
    ada.type("is anybody there?")

    bob = start("presence.py", "bob")
    assert ada.line() == "* bob is here"
    assert bob.line_with("here:") == "* here: ada"
    assert bob.line() == "ada: is anybody there?"
    bob.type("I am")
    assert ada.line() == "bob: I am"
    bob.ends()

    assert ada.line() == "* bob has gone"


def test_two_edit_one_playlist_and_both_show_it(start: Callable[..., Program]) -> None:
    ada = start("playlist.py", "ada")
    assert ada.line() == "(no songs)"
    ada.type("+ Fever")
    assert ada.line() == "Fever"
    ada.type("+ Crazy")
    assert ada.line() == "Fever | Crazy"

    bob = start("playlist.py", "bob")
    assert bob.line() == "Fever | Crazy"
    bob.type("! Hurt")
    assert ada.line() == bob.line() == "Hurt | Fever | Crazy"
    ada.type("3 > 1")
    assert ada.line() == bob.line() == "Crazy | Hurt | Fever"
    bob.type("- 2")
    assert ada.line() == bob.line() == "Crazy | Fever"
    bob.type("- 9")
    assert bob.line() == "? pop index out of range"
    bob.ends()
    ada.ends()

    assert ada.line() == "edits: {'ada': 3, 'bob': 2}"


def test_a_doorbell_is_heard_in_another_program_and_answered(start: Callable[..., Program]) -> None:
    kitchen = start("doorbell.py", "listen", "kitchen")
    assert kitchen.line() == "listening in the kitchen"

    visitor = start("doorbell.py", "ring", "bob")

    assert kitchen.line() == "rung by bob"
    assert visitor.line() == "answered in the kitchen"
    visitor.ends()


def test_squares_are_computed_by_the_program_that_serves_them(start: Callable[..., Program]) -> None:
    server = start("squares.py", "serve")
    assert server.line() == "serving"

    asker = start("squares.py", "3", "five", "4")

    assert asker.line() == "3 * 3 = 9, says square server"
    assert asker.line() == "'five' is no number"
    assert asker.line() == "4 * 4 = 16, says square server"
    asker.ends()


def test_work_is_done_by_whoever_waits_for_it(start: Callable[..., Program]) -> None:
    ada = start("work_queue.py", "work", "ada")
    assert ada.line() == "waiting for work"

    giver = start("work_queue.py", "give", "10")

    assert ada.line() == "ada does piece 0: 0"
    assert ada.line() == "ada does piece 1: 499500"
    assert giver.line() == "done by ada"
    giver.ends()


def test_workers_of_a_site_count_each_others_visits(start: Callable[..., Program]) -> None:
    pytest.importorskip("django", reason="Django is not installed here")
    sites = [start("django_cache.py") for _ in range(2)]
    urls = [site.line() for site in sites]

    said = [urlopen(f"{url}?name={name}", timeout=20).read().decode() for name in ("ada", "bob") for url in urls]

    assert said == ["visit 1, after nobody", "visit 2, after ada", "visit 3, after ada", "visit 4, after bob"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_tested(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LINES_MAX
    assert f'"{path.name}"' in Path(__file__).read_text(encoding="utf-8")
    assert "sleep(" not in text
