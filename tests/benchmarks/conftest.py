"""Takes readings, keeps them, and prints the table of all of them when the run ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from figures import ROUNDS, Bound, Figure, Reading, table

HERE = Path(__file__).parent
_figures: list[Figure] = []


class Companion:
    """Another process: it is sent a line of words, and answers with a line of JSON."""

    def __init__(self, script: str, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hello = self.answer()

    def answer(self) -> Any:
        """Return its next answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the companion process ended with {self._process.wait(10)}"
        return json.loads(line)

    def tell(self, *words: object) -> None:
        """Ask, and go on; `answer` gives the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def ask(self, *words: object) -> Any:
        """Ask, and return the answer."""
        self.tell(*words)
        return self.answer()

    def close(self) -> None:
        """Let it end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def companion() -> Iterator[Callable[..., Companion]]:
    """Start another process that runs a script beside this one; all have ended when the test has."""
    with ExitStack() as closing:

        def start(script: str, *words: str) -> Companion:
            process = Companion(script, *words)
            closing.callback(process.close)
            return process

        yield start


@pytest.fixture
def figure(benchmark: Any) -> Callable[..., None]:
    """Measure a figure: call `take` once a round, which returns a Reading."""

    def figure(name: str, unit: str, reference: str, take: Callable[[], Reading], bound: Bound | None = None) -> None:
        readings: list[Reading] = []
        benchmark.pedantic(lambda: readings.append(take()), rounds=ROUNDS, iterations=1)
        keep(benchmark, Figure(name, unit, reference, tuple(readings), bound))

    return figure


@pytest.fixture
def figures(benchmark: Any) -> Callable[..., None]:
    """Measure several figures in the same rounds: `take` returns a Reading for each of `named`."""

    def figures(named: dict[str, tuple[str, str, Bound | None]], take: Callable[[], dict[str, Reading]]) -> None:
        rounds: list[dict[str, Reading]] = []
        benchmark.pedantic(lambda: rounds.append(take()), rounds=ROUNDS, iterations=1)
        for name, (unit, reference, bound) in named.items():
            keep(benchmark, Figure(name, unit, reference, tuple(found[name] for found in rounds), bound))

    return figures


def keep(benchmark: Any, figure: Figure) -> None:
    """Remember a figure for the table, and for --benchmark-json."""
    _figures.append(figure)
    benchmark.extra_info[figure.name] = {
        "unit": figure.unit,
        "reference": figure.reference,
        "values": figure.values,
        "ratios": figure.ratios,
    }


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print all figures."""
    if _figures:
        terminalreporter.write_sep("=", f"figures of gossamer: medians of {ROUNDS} rounds, and their spread")
        for line in table(_figures):
            terminalreporter.write_line(line)
