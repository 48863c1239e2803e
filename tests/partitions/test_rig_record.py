"""The record of a rig accuses whoever lost, kept or made up a write, and nobody else."""

from __future__ import annotations

import pytest

from gossamer.simulation import Wrong
from gossamer.simulation.rig.record import Record


def row(key, dot, *replaced, delete=False):
    return {"key": key, "dot": "" if delete else dot, "covered_by": dot, "replaced": list(replaced)}


@pytest.fixture
def record():
    """Of `door`, aa:1 was replaced by bb:1; of `lamp`, aa:2 was deleted; `bell` has two siblings."""
    record = Record()
    record.acknowledged(("a", 1), [row("door", "aa:1"), row("lamp", "aa:2"), row("bell", "aa:3")])
    record.acknowledged(("b", 1), [row("door", "bb:1", "aa:1"), row("lamp", "bb:2", "aa:2", delete=True)])
    record.acknowledged(("b", 1), [row("bell", "bb:3")])
    return record


ALL = {"aa": 3, "bb": 3}
RIGHT = {"door": ["bb:1"], "bell": ["aa:3", "bb:3"]}


def test_what_must_be_left_is_accepted(record):
    record.check("c", RIGHT, ALL)

    assert record.died_with_author == []


@pytest.mark.parametrize(
    ("held", "complaint"),
    [
        ({"bell": ["aa:3", "bb:3"]}, "lost"),
        ({**RIGHT, "bell": ["aa:3"]}, "lost"),
        ({**RIGHT, "door": ["aa:1", "bb:1"]}, "resurrected"),
        ({**RIGHT, "lamp": ["aa:2"]}, "resurrected"),
        ({**RIGHT, "gate": ["cc:1"]}, "invented"),
    ],
)
def test_a_wrong_state_is_named(record, held, complaint):
    with pytest.raises(Wrong, match=complaint):
        record.check("c", held, ALL)


def test_a_write_that_nobody_knows_is_lost_while_its_author_lives(record):
    with pytest.raises(Wrong, match="lost"):
        record.check("c", {"door": ["bb:1"], "bell": ["aa:3"]}, {"aa": 3, "bb": 2})


def test_a_write_may_die_with_its_author_unless_somebody_who_lives_confirmed_it(record):
    record.ended(("b", 1))
    held = {"door": ["bb:1"], "bell": ["aa:3"]}
    record.check("c", held, {"aa": 3, "bb": 2})
    assert [write.dot for write in record.died_with_author] == ["bb:3"]
    record.confirmed(("b", 1), by=("c", 1))

    with pytest.raises(Wrong, match="lost"):
        record.check("c", held, {"aa": 3, "bb": 2})


def test_a_write_that_all_held_once_may_be_unknown_only_when_all_of_them_are_no_more(record):
    record.agreed(ALL, [("b", 1), ("c", 1)])
    for process in (("a", 1), ("b", 1)):
        record.ended(process)
    with pytest.raises(Wrong, match="lost"):
        record.check("d", {}, {})
    record.ended(("c", 1))

    record.check("d", {}, {})
    assert len(record.died_with_author) == 6


def test_a_delete_that_died_with_its_author_deletes_nothing(record):
    record.ended(("b", 1))

    record.check("c", {"door": ["bb:1"], "lamp": ["aa:2"], "bell": ["aa:3"]}, {"aa": 3, "bb": 1})
