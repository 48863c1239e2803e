"""Addresses are tried soon, then less and less often, and static ones for ever."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from gossamer.options import Options
from gossamer.protocol.hints import HINTS_MAX, WAIT_MAX_S, Hints

HERE = "10.0.0.5", 47474


def hints() -> Hints:
    return Hints(Options(), random.Random(0))


def attempts(tried: Hints, seconds: float, start: float = 0.0) -> list[float]:
    times, now = [], start
    while now < start + seconds:
        times += [now for _ in tried.due(now)]
        now += 0.1
    return times


def test_an_address_is_tried_when_its_delay_is_over():
    tried = hints()
    tried.add(HERE, 0.0, 0.3)

    assert tried.due(0.2) == []
    assert tried.due(0.3) == [HERE]


def test_a_static_address_is_tried_for_ever_at_the_same_pace():
    tried = hints()
    tried.add(HERE, 0.0, 0.0, static=True)
    times = attempts(tried, 20_000)

    assert len(times) == pytest.approx(20_000 / 5, rel=0.1)


def test_any_other_is_tried_less_and_less_often_until_its_time_is_over():
    tried = hints()
    tried.add(HERE, 0.0, 0.0)
    times = attempts(tried, 5000)
    waits = [later - earlier for earlier, later in pairwise(times)]

    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= 1.2 * WAIT_MAX_S + 0.2
    assert times[-1] < Options().forget_peer_after_s
    assert len(tried) == 0


def test_hearing_of_an_address_again_does_not_hurry():
    tried = hints()
    tried.add(HERE, 0.0, 0.0)
    tried.due(0.0)

    for now in (0.1, 0.2, 0.3):
        tried.add(HERE, now, 0.0)

    assert tried.due(1.0) == []


def test_when_somebody_came_back_all_are_tried_soon():
    tried = hints()
    tried.add(HERE, 0.0, 0.0)
    times = attempts(tried, 600)

    tried.again(600.0)

    assert times[-1] < 600
    assert attempts(tried, 5.1, start=600.0)


def test_where_a_peer_was_met_is_tried_no_more_unless_it_is_static():
    tried = hints()
    tried.add(HERE, 0.0, 0.0)
    tried.add(("10.0.0.6", 1), 0.0, 0.0, static=True)

    tried.met(HERE)
    tried.met(("10.0.0.6", 1))

    assert tried.due(0.0) == [("10.0.0.6", 1)]


def test_our_own_address_is_never_tried_again():
    tried = hints()
    tried.add(HERE, 0.0, 0.0, static=True)

    tried.ours(HERE)
    tried.add(HERE, 1.0, 0.0, static=True)

    assert attempts(tried, 100) == []


def test_a_hint_that_becomes_static_is_tried_at_once():
    tried = hints()
    tried.add(HERE, 0.0, 60.0)

    tried.add(HERE, 1.0, 0.0, static=True)

    assert tried.due(1.0) == [HERE]


def test_hints_are_bounded():
    tried = hints()
    for number in range(HINTS_MAX + 100):
        tried.add((f"10.{number >> 8}.{number & 255}.1", 1), 0.0, 0.0)

    assert len(tried) == HINTS_MAX
