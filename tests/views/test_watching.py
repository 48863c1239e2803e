"""Who is told of what: patterns, order, equal values, slow readers, bad listeners."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_copy import Copy

from gossamer.views.changes import Pattern


def test_a_change_tells_what_was_what_is_and_who_did_it(copy, mapping):
    watcher = copy.watch()
    mapping["x"] = 1
    mapping["x"] = [2]
    del mapping["x"]
    changes = watcher.read()

    assert [(c.key, c.old, c.new, c.kind) for c in changes] == [
        ("x", None, 1, "set"),
        ("x", 1, [2], "set"),
        ("x", [2], None, "delete"),
    ]
    assert all(change.local and change.peer == "ours" for change in changes)
    assert changes[0].stamp >> 16 == copy.clock_ms


def test_who_deleted_is_told_too(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping["x"] = 1
    theirs.hear(ours)
    del theirs.mapping["x"]
    watcher = ours.watch()
    ours.hear(theirs)

    (change,) = watcher.read()
    assert (change.kind, change.old, change.new, change.local, change.peer) == ("delete", 1, None, False, "theirs")


def test_an_equal_value_is_no_change_unless_it_is_forced(copy, mapping):
    mapping["x"] = {"a": 1}
    watcher = copy.watch()
    mapping["x"] = {"a": 1}
    assert watcher.read() == []
    mapping.set("x", {"a": 1}, force=True)

    assert watcher.told() == [("x", {"a": 1}, {"a": 1})]


def test_a_forced_write_is_a_change_for_other_peers_too(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    ours.mapping["x"] = 1
    theirs.hear(ours)
    watcher = theirs.watch()
    ours.mapping["x"] = 1
    theirs.hear(ours)
    assert watcher.read() == []
    ours.mapping.set("x", 1, force=True)
    theirs.hear(ours)

    assert watcher.told() == [("x", 1, 1)]


def test_values_that_python_holds_equal_but_are_not_the_same_are_a_change(copy, mapping):
    mapping["x"] = 1
    watcher = copy.watch()
    mapping["x"] = True
    mapping["x"] = 1.0

    assert [type(change.new) for change in watcher.read()] == [bool, float]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["a", "", "a/b", 1, b"a", None, ("a", 1)], []),
        ("bench/*", ["bench/3", "bench/3/temp", "bench/"], ["bench", "Bench/3", b"bench/3", ("bench/3",)]),
        ("a?c", ["abc", "a/c"], ["ac", "abbc"]),
        ("[ab]*", ["a", "bx"], ["c", ""]),
        ("exact", ["exact"], ["exactly", "EXACT"]),
        ("**", ["a", ""], [1, None]),
    ],
)
def test_patterns_are_those_of_a_shell_and_stars_cross_slashes(pattern, matching, other):
    matches = Pattern(pattern).matches

    assert [key for key in [*matching, *other] if matches(key)] == matching


def test_a_pattern_that_is_no_str_is_refused():
    with pytest.raises(TypeError, match="int"):
        Pattern(7)


def test_a_reader_that_keeps_up_is_told_everything_in_order(copy, mapping):
    watcher = copy.watch(changes_max=1000)
    for number in range(500):
        mapping[number % 7] = number

    assert [change.new for change in watcher.read()] == list(range(500))
    assert watcher.feed.conflated == 0


def test_a_slow_reader_gets_for_each_key_the_first_old_and_the_last_new_value(copy, mapping):
    mapping["a"] = "before"
    watcher = copy.watch(changes_max=2)
    for number in range(1000):
        mapping["a"] = number
        mapping["b"] = number

    told = watcher.told()
    assert told[0] == ("a", "before", 0) or told[0] == ("a", "before", 999)
    assert len(told) <= 4
    assert {key: new for key, _, new in told} == {"a": 999, "b": 999}
    assert watcher.feed.conflated > 1900


def test_a_conflated_change_tells_who_did_the_last_of_it(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    watcher = ours.watch(changes_max=0)
    ours.mapping["x"] = 1
    theirs.hear(ours)
    del theirs.mapping["x"]
    ours.hear(theirs)
    ours.mapping["y"] = 2
    theirs.hear(ours)
    theirs.mapping.set("y", 3, ttl=5)
    ours.hear(theirs)
    ours.later(6)
    assert len(ours.mapping) == 0
    ours.mapping["x"] = 1
    del ours.mapping["x"]
    theirs.mapping["z"] = 1
    ours.hear(theirs)

    assert [(c.key, c.new, c.kind, c.local, c.peer) for c in watcher.read()] == [("z", 1, "set", False, "theirs")]


def test_a_folded_change_shows_its_last_writer(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    watcher = ours.watch(changes_max=0)
    ours.mapping["x"] = 1
    theirs.hear(ours)
    theirs.mapping["x"] = 2
    ours.hear(theirs)
    (change,) = watcher.read()
    assert (change.old, change.new, change.local, change.peer) == (None, 2, False, "theirs")
    ours.mapping["x"] = 3
    theirs.hear(ours)
    del theirs.mapping["x"]
    ours.hear(theirs)
    (change,) = watcher.read()

    assert (change.old, change.new, change.local, change.peer, change.kind) == (2, None, False, "theirs", "delete")


def test_a_conflated_change_that_ended_where_it_began_is_none(copy, mapping):
    mapping["a"] = 1
    watcher = copy.watch(changes_max=0)
    mapping["a"] = 2
    mapping["a"] = 1

    assert watcher.read() == []


@settings(max_examples=100, deadline=None)
@given(
    changes_max=st.integers(0, 6),
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2) | st.none()) | st.just("read"), max_size=40),
)
def test_however_slow_a_reader_is_what_it_was_told_adds_up_to_what_there_is(changes_max, steps):
    copy = Copy()
    watcher = copy.watch(changes_max)
    shown: dict[str, int] = {}

    def read():
        for change in watcher.read():
            assert shown.get(change.key) == change.old
            shown[change.key] = change.new

    for step in [*steps, "read"]:
        if step == "read":
            read()
        elif step[1] is None:
            copy.mapping.pop(step[0], None)
        else:
            copy.mapping[step[0]] = step[1]
        assert len(watcher.feed) <= max(changes_max, 3) + 3

    assert {key: value for key, value in shown.items() if value is not None} == copy.mapping


def test_one_bad_listener_harms_no_other_and_is_logged(copy, mapping, caplog):
    told = []
    copy.listeners.add(lambda change: 1 / 0, "*")
    copy.listeners.add(told.append, "*")
    watcher = copy.watch()
    mapping["x"] = 1
    with caplog.at_level(logging.ERROR, "gossamer"):
        watcher.deliver()

    assert [change.new for change in told] == [1]
    assert copy.listeners.errors == 1
    assert "ZeroDivisionError" in caplog.text


def test_listeners_are_called_in_the_order_of_registration(copy, mapping):
    order = []
    for number in range(5):
        copy.listeners.add(lambda change, number=number: order.append(number), "*")
    watcher = copy.watch()
    mapping["x"] = 1
    watcher.deliver()

    assert order == [0, 1, 2, 3, 4]


def test_nobody_is_told_of_what_nobody_listens_for(copy, mapping):
    copy.listeners.add(print, "bench/*")
    watcher = copy.watch(wanted=copy.listeners.wanted)
    mapping["other"] = 1
    assert (len(watcher.feed), watcher.woken) == (0, 0)
    mapping["bench/3"] = 1

    assert len(watcher.feed) == 1


def test_a_listener_must_be_callable(copy):
    with pytest.raises(TypeError, match="callable"):
        copy.listeners.add("show", "*")


def test_a_watcher_that_left_is_told_nothing_and_writing_is_quick_again(copy, mapping):
    watcher = copy.watch()
    copy.watchers.unwatch(watcher.feed)
    mapping["x"] = 1

    assert watcher.read() == []
    assert copy.ledger.watched is False


def test_threads_that_come_and_go_at_once_lose_no_watcher(copy, mapping):
    begin = threading.Barrier(8)
    woken = [0] * 8

    def wait(me):
        begin.wait()
        for _ in range(200):
            waiter = lambda: woken.__setitem__(me, woken[me] + 1)  # noqa: E731
            copy.watchers.await_change(waiter)
            before = woken[me]
            mapping[me] = woken[me]
            assert woken[me] > before
            copy.watchers.await_no_more(waiter)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(wait, range(8)))

    assert copy.watchers.waiters == ()
    assert copy.ledger.watched is False


def test_two_watchers_are_told_independently(copy, mapping):
    quick, slow = copy.watch(), copy.watch(changes_max=0)
    for number in range(3):
        mapping["x"] = number

    assert [change.new for change in quick.read()] == [0, 1, 2]
    assert slow.told() == [("x", None, 2)]
