"""Who wrote what, when; and what was written by two who had not heard of each other."""

from __future__ import annotations

import pytest


@pytest.fixture
def apart(make_copy):
    """Two copies that both wrote "door", the second of them later."""
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping["door"] = ["open"]
    theirs.later(1)
    theirs.mapping["door"] = ["shut"]
    return ours, theirs


def test_an_entry_tells_who_wrote_it_and_when(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    theirs.mapping["a"] = 0
    theirs.mapping["door"] = ["shut"]
    ours.hear(theirs)
    entry = ours.mapping.entry("door")

    assert (entry.key, entry.value, entry.writer, entry.sequence) == ("door", ["shut"], "theirs", 2)
    assert entry.written_at_s == pytest.approx(theirs.clock_ms / 1000)
    assert entry.expires_at_s is None
    with pytest.raises(KeyError):
        ours.mapping.entry("absent")


def test_the_later_of_two_concurrent_writes_wins_and_the_other_stays_readable(apart):
    ours, theirs = apart
    ours.meet(theirs)

    for copy in apart:
        assert copy.mapping == {"door": ["shut"]}
        assert [(e.value, e.writer) for e in copy.mapping.conflicts("door")] == [
            (["shut"], "theirs"),
            (["open"], "ours"),
        ]
        assert list(copy.mapping.conflicts()) == ["door"]


def test_the_next_write_ends_a_conflict_everywhere(apart):
    ours, theirs = apart
    ours.meet(theirs)
    ours.mapping["door"] = "ajar"
    ours.meet(theirs)

    for copy in apart:
        assert (copy.mapping["door"], copy.mapping.conflicts(), copy.mapping.conflicts("door")) == ("ajar", {}, ())


def test_a_delete_ends_a_conflict_too(apart):
    ours, theirs = apart
    ours.meet(theirs)
    assert ours.mapping.pop("door") == ["shut"]
    ours.meet(theirs)

    assert ours.mapping == theirs.mapping == {}


def test_a_delete_removes_what_it_has_seen_and_no_write_it_had_not_heard_of(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping["door"] = "open"
    theirs.hear(ours)
    theirs.mapping["door"] = "shut"
    del ours.mapping["door"]
    ours.meet(theirs)

    assert ours.mapping == theirs.mapping == {"door": "shut"}


def test_a_key_without_a_conflict_has_none(mapping):
    mapping["door"] = 1

    assert (mapping.conflicts("door"), mapping.conflicts("absent"), mapping.conflicts()) == ((), (), {})


def test_a_change_names_the_values_that_lost(apart):
    ours, theirs = apart
    watcher, other_watcher = ours.watch(), theirs.watch()
    ours.meet(theirs)
    (change,) = watcher.read()

    assert (change.old, change.new, change.superseded) == (["open"], ["shut"], (["open"],))
    assert (change.peer, change.local, change.kind) == ("theirs", False, "set")
    assert other_watcher.read() == []  # what it shows is what it showed before


def test_a_conflict_is_told_to_both_sides_the_winner_first(apart):
    ours, theirs = apart
    told = []
    for copy in apart:
        copy.listeners.add_conflict(lambda key, values, name=copy.name: told.append((name, key, values)))
    watchers = [copy.watch() for copy in apart]
    ours.meet(theirs)
    for watcher in watchers:
        watcher.deliver()

    assert sorted(told) == [(name, "door", (["shut"], ["open"])) for name in ("ours", "theirs")]


def test_keys_come_in_the_order_in_which_each_peer_first_saw_them(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping.update(b=1, a=2)
    theirs.mapping.update(c=3)
    ours.meet(theirs)

    assert (list(ours.mapping), list(theirs.mapping)) == (["b", "a", "c"], ["c", "b", "a"])
    assert ours.mapping == theirs.mapping
