"""`set(ttl=...)`: what ceases to be seen, when, and how watchers hear of it."""

from __future__ import annotations

import pytest

import gossamer


def test_what_has_a_time_to_live_is_seen_until_then_and_not_a_moment_longer(copy, mapping):
    mapping["for ever"] = 1
    mapping.set("x", 2, ttl=10)
    assert (mapping["x"], len(mapping), list(mapping)) == (2, 2, ["for ever", "x"])

    copy.later(9.999)
    assert mapping == {"for ever": 1, "x": 2}
    copy.later(0.001)

    assert mapping == {"for ever": 1}
    assert (len(mapping), "x" in mapping, mapping.get("x"), list(mapping.items())) == (
        1,
        False,
        None,
        [("for ever", 1)],
    )
    with pytest.raises(KeyError):
        del mapping["x"]
    with pytest.raises(KeyError):
        mapping.entry("x")
    assert mapping.setdefault("x", 3) == 3


def test_writing_again_takes_the_time_to_live_away(copy, mapping):
    mapping.set("x", 1, ttl=10)
    mapping["x"] = 2
    copy.later(100)

    assert (mapping["x"], len(mapping)) == (2, 1)
    assert mapping.entry("x").expires_at_s is None


def test_an_expired_key_may_be_written_again(copy, mapping):
    mapping.set("x", 1, ttl=1)
    copy.later(2)
    assert len(mapping) == 0
    mapping["x"] = 2

    assert (mapping, len(mapping)) == ({"x": 2}, 1)


def test_an_entry_tells_when_it_expires(copy, mapping):
    mapping.set("x", 1, ttl=1.5)

    assert mapping.entry("x").expires_at_s == copy.clock_ms / 1000 + 1.5


def test_a_time_to_live_works_in_a_batch(copy, mapping):
    with mapping.batch():
        mapping.set("x", 1, ttl=1)
        assert mapping["x"] == 1
    copy.later(1)

    assert mapping == {}


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 1e10])
def test_a_time_to_live_that_is_none_is_refused_and_nothing_stored(mapping, ttl):
    with pytest.raises(gossamer.ConfigurationError, match="ttl"):
        mapping.set("x", 1, ttl=ttl)

    assert mapping == {}


def test_expiry_is_told_once_as_such_with_the_old_value(copy, mapping):
    watcher = copy.watch()
    mapping.set("x", 1, ttl=1)
    assert [change.kind for change in watcher.read()] == ["set"]
    copy.later(2)
    assert (len(mapping), len(mapping)) == (0, 0)

    (change,) = watcher.read()
    assert (change.kind, change.key, change.old, change.new, change.local) == ("expire", "x", 1, None, False)


def test_what_expires_elsewhere_expires_here_too(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping.set("x", 1, ttl=5)
    theirs.hear(ours)
    watcher = theirs.watch()
    assert theirs.mapping == {"x": 1}
    theirs.later(5)

    assert theirs.mapping == {}
    assert [change.kind for change in watcher.read()] == ["expire"]


def test_whoever_has_a_wrong_clock_lets_expire_by_that_of_the_others(copy, mapping):
    copy.offset_ms = 3_600_000  # ours is an hour late, and we know it
    mapping.set("x", 1, ttl=10)
    assert (mapping["x"], len(mapping), mapping.entry("x").expires_at_s) == (1, 1, copy.seen_ms() / 1000 + 10)
    copy.later(10)

    assert (dict(mapping), len(mapping), "x" in mapping) == ({}, 0, False)


def test_what_has_expired_stays_so_though_the_clock_is_put_back(copy, mapping):
    mapping["y"] = 1
    mapping.set("x", 1, ttl=10)
    copy.later(11)
    assert len(mapping) == 1
    copy.later(-3600)

    assert (dict(mapping), len(mapping), "x" in mapping, mapping.get("x")) == ({"y": 1}, 1, False, None)
    with pytest.raises(KeyError):
        del mapping["x"]
    assert mapping.setdefault("x", 2) == 2
    assert (mapping, len(mapping)) == ({"x": 2, "y": 1}, 2)


def test_an_older_value_that_was_written_unaware_shows_again_when_the_newer_one_expires(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping["x"] = "lasting"
    theirs.later(1)
    theirs.mapping.set("x", "brief", ttl=5)
    ours.hear(theirs)
    watcher = ours.watch()
    assert ours.mapping["x"] == "brief"
    ours.later(7)

    assert ours.mapping == {"x": "lasting"}
    assert watcher.told() == [("x", "brief", "lasting")]
