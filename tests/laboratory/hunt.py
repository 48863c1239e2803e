"""The laboratory that mutants are put into: numbered schedules, and how many it takes until one goes wrong.

Schedule n is a pure function of n.  Of ten, six are random lives of the swarm, two are
workloads under a nemesis, and two are stories of what random lives seldom come into.

    python tests/laboratory              hunt all mutants, and make the table of docs/explanation/mutants.md
    python tests/laboratory NAME ...     only these, and tell what was noticed
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from catalogue import MUTANTS, by_name
from stories import STORIES

from gossamer.simulation import Simulation
from gossamer.simulation.player import play
from gossamer.simulation.swarm import schedule_of
from gossamer.simulation.workloads import (
    DEADLY,
    AddRemoveSet,
    AtomicBatch,
    CausalAppend,
    Nemesis,
    Register,
    SetFull,
    expect,
    trial,
)

SCHEDULES_MAX = 2000
"""When a mutant is said not to be caught."""
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "mutants.md"
WORKLOADS = (SetFull, AddRemoveSet, Register, CausalAppend, AtomicBatch)


def run_schedule(number: int) -> None:
    """Run one schedule.  Raise whatever it is by which something is noticed."""
    round_, turn = divmod(number, 10)
    if turn < 6:
        play(schedule_of(round_ * 6 + turn))
    elif turn < 8:
        _try_workload(round_ * 2 + turn - 6)
    else:
        at = round_ * 2 + turn - 8
        STORIES[at % len(STORIES)](at // len(STORIES))


def _try_workload(number: int) -> None:
    make = WORKLOADS[number % len(WORKLOADS)]
    nemesis = Nemesis(DEADLY) if make is SetFull else Nemesis()
    expect(trial(Simulation(f"workload {number}"), make(), seconds=15, nemesis=nemesis))


@dataclass(frozen=True, slots=True)
class Caught:
    """How it went with one mutant."""

    name: str
    schedules: int | None
    """How many it took; None if it was not caught."""
    by: str
    """What was noticed."""
    cpu_s: float


def hunt(name: str, schedules_max: int = SCHEDULES_MAX) -> Caught:
    """Run schedules with the mutant of this name until one goes wrong.

    What a mutant that fits the code no more raises is no catch, and raised again.
    """
    mutant = by_name()[name]
    began = time.process_time()
    for number in range(schedules_max):
        with pytest.MonkeyPatch.context() as patch:
            mutant(patch)
            try:
                run_schedule(number)
            except (TypeError, AttributeError, NameError):
                raise  # the mutant does not fit the code any more
            except Exception as error:
                why = " ".join(f"{type(error).__name__}: {error}".split())
                return Caught(name, number + 1, why, time.process_time() - began)
    return Caught(name, None, "", time.process_time() - began)


def main(arguments: list[str] | None = None) -> int:
    """Hunt mutants, in two processes; return 1 if one was not caught."""
    parser = argparse.ArgumentParser(
        prog="python tests/laboratory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="of mutants; all, if none is named")
    parser.add_argument("--schedules", type=int, default=SCHEDULES_MAX, help="how many to try at most")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args(arguments)
    caught = {}
    for one in hunt_all(chosen.names or list(by_name()), chosen.schedules, chosen.jobs):
        caught[one.name] = one
        sys.stdout.write(f"{one.name:60} {one.schedules or 'not caught':>10} {one.cpu_s:7.1f} s  {one.by[:90]}\n")
        sys.stdout.flush()
    if not chosen.names:
        write_table(caught)
    return 0 if all(one.schedules for one in caught.values()) else 1


def hunt_all(names: list[str], schedules_max: int, jobs: int) -> Iterable[Caught]:
    """Hunt these mutants, in so many processes; yield how it went, in the order of the names."""
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(hunt, names, [schedules_max] * len(names))


def write_table(caught: dict[str, Caught]) -> None:
    """Put the counts into the document, between its marks."""
    rows = ["| room | what is wrong | schedules |", "|---|---|---|"]
    for room, mutants in MUTANTS.items():
        for mutant in mutants:
            schedules = caught[mutant.__name__].schedules
            rows.append(f"| {room} | {mutant.__name__.replace('_', ' ')} | {schedules or 'not caught'} |")
    counts = [one.schedules or SCHEDULES_MAX for one in caught.values()]
    found = sum(one.schedules is not None for one in caught.values())
    rows += ["", f"{found} of {len(counts)} caught; median {median(counts):g} schedules, at most {max(counts)}."]
    head, _, rest = DOCUMENT.read_text().partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end of table -->\n")
    DOCUMENT.write_text("".join([head, "<!-- table -->\n", "\n".join(rows), "\n<!-- end of table -->\n", tail]))
