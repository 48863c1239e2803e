"""Every mutant is noticed by the laboratory, and without one nothing is."""

from __future__ import annotations

import re

import pytest
from catalogue import by_name
from hunt import DOCUMENT, SCHEDULES_MAX, hunt, run_schedule

QUICK_SCHEDULES = 5
"""What the default run hunts is noticed within so many schedules, by the table in the document."""


def table() -> dict[str, int | None]:
    """Return how many schedules each mutant took when the table was made; None if it was not caught."""
    rows = re.findall(
        r"^\| \w+ \| ([\w ]+) \| (\d+|not caught) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name.replace(" ", "_"): int(count) if count.isdigit() else None for name, count in rows}


def quick(name: str) -> bool:
    return (table().get(name) or SCHEDULES_MAX) <= QUICK_SCHEDULES


QUICK = [name for name in by_name() if quick(name)]
SLOW = [name for name in by_name() if not quick(name)]


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_mutant_that_shows_soon_is_noticed_within_a_few_schedules(name):
    assert hunt(name, 4 * QUICK_SCHEDULES).schedules is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SLOW)
def test_a_mutant_that_shows_seldom_is_noticed_in_time(name):
    assert hunt(name).schedules is not None


@pytest.mark.parametrize("start", [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(10, 1500, 10))])
def test_without_a_mutant_nothing_goes_wrong(start):
    for number in range(start, start + 10):
        run_schedule(number)


def test_the_table_names_exactly_the_mutants_there_are_and_each_was_caught():
    assert list(table()) == list(by_name())
    assert len(table()) >= 40
    assert None not in table().values()


def test_a_mutant_is_gone_when_its_hunt_is_over():
    hunt("beacons_not_compared", 1)

    run_schedule(0)


def test_no_two_mutants_have_one_name():
    from catalogue import MUTANTS

    assert len(by_name()) == sum(map(len, MUTANTS.values()))
