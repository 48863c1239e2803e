"""Which writes of a key are rivals, and until when."""

from __future__ import annotations

import pytest

from gossamer.crdt.dots import Origin
from gossamer.crdt.writes import Write, pack
from gossamer.simulation.trace.conflicts import Conflicts

LEFT, RIGHT = (Origin(bytes([number]) * 14) for number in (1, 2))


def write(origin: Origin, sequence: int) -> Write:
    return Write(sequence * 10 + origin[0], origin, sequence, b"\x01")


@pytest.fixture
def conflicts():
    """Two writes were made apart, and a node has just met both."""
    found = Conflicts()
    found.look("door", pack([write(LEFT, 1), write(RIGHT, 1)]), {LEFT: 1, RIGHT: 1}, "cart", 1.0)
    return found


def test_a_rival_is_out_once_a_node_knows_it_and_does_not_hold_it(conflicts):
    conflicts.look("door", pack([write(LEFT, 1), write(RIGHT, 2)]), {LEFT: 1, RIGHT: 2}, "dock", 2.0)
    conflicts.look("door", pack([write(LEFT, 1), write(RIGHT, 1)]), {LEFT: 1, RIGHT: 1}, "east", 3.0)

    (conflict,) = conflicts.all

    assert set(conflict.rivals.values()) == {write(LEFT, 1), write(RIGHT, 2)}
    assert conflict.winner == write(RIGHT, 2)
    assert conflict.resolved_at is None


def test_a_conflict_of_which_one_write_is_left_is_over(conflicts):
    conflicts.look("door", write(LEFT, 2), {LEFT: 2, RIGHT: 1}, "dock", 2.0)

    (conflict,) = conflicts.all

    assert (conflict.resolved_at, conflict.resolved_by) == (2.0, "")
    assert set(conflict.rivals.values()) == {write(LEFT, 1), write(RIGHT, 1)}


def test_who_writes_over_a_conflict_that_it_saw_ends_it(conflicts):
    conflicts.wrote("door", "cart", 2.0)

    (conflict,) = conflicts.all

    assert (conflict.resolved_at, conflict.resolved_by) == (2.0, "cart")


def test_who_writes_without_having_seen_a_conflict_does_not_end_it(conflicts):
    conflicts.wrote("door", "dock", 2.0)

    assert conflicts.all[0].resolved_at is None


def test_a_node_that_has_not_heard_yet_that_a_conflict_is_over_begins_no_other(conflicts):
    conflicts.wrote("door", "cart", 2.0)
    conflicts.look("door", pack([write(LEFT, 1), write(RIGHT, 1)]), {LEFT: 1, RIGHT: 1}, "dock", 3.0)

    assert len(conflicts.all) == 1


def test_rivals_that_come_after_a_conflict_are_another_one(conflicts):
    conflicts.wrote("door", "cart", 2.0)
    conflicts.look("door", pack([write(LEFT, 2), write(RIGHT, 2)]), {LEFT: 2, RIGHT: 2}, "dock", 3.0)

    assert [conflict.at for conflict in conflicts.all] == [1.0, 3.0]
