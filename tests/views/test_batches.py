"""A batch: seen inside, all or nothing outside, one for each thread and task."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

import gossamer


def test_a_batch_is_read_inside_and_invisible_to_other_threads(mapping):
    mapping["old"] = 1
    with ThreadPoolExecutor(1) as other, mapping.batch():
        mapping["new"] = 2
        del mapping["old"]

        assert (dict(mapping), len(mapping), "old" in mapping) == ({"new": 2}, 1, False)
        assert other.submit(lambda: (dict(mapping), len(mapping), "old" in mapping)).result() == ({"old": 1}, 1, True)
    assert mapping == {"new": 2}


def test_a_batch_is_one_step_for_who_watches(copy, mapping):
    watcher = copy.watch()
    with mapping.batch():
        mapping["a"] = 1
        mapping["b"] = 2
        assert watcher.told() == []

    assert watcher.told() == [("a", None, 1), ("b", None, 2)]


def test_all_of_a_batch_carries_one_stamp(mapping):
    mapping["a"] = 0
    with mapping.batch():
        mapping["a"] = 1
        mapping["b"] = 2

    assert mapping.entry("a").written_at_s == mapping.entry("b").written_at_s


def test_an_exception_discards_the_whole_batch(copy, mapping):
    mapping["a"] = 0
    watcher = copy.watch()

    def write():
        with mapping.batch():
            mapping["a"] = 1
            mapping["b"] = 1 / 0

    with pytest.raises(ZeroDivisionError):
        write()

    assert mapping == {"a": 0}
    assert watcher.told() == []


def test_a_nested_batch_joins_the_outer_one(mapping):
    with mapping.batch():
        mapping["a"] = 1
        with mapping.batch():
            mapping["b"] = 2
        with ThreadPoolExecutor(1) as other:
            assert other.submit(mapping.snapshot).result() == {}
        mapping.update(c=3)

    assert mapping == {"a": 1, "b": 2, "c": 3}


def test_an_exception_in_the_outer_batch_discards_the_inner_one_too(mapping):
    def write():
        with mapping.batch():
            with mapping.batch():
                mapping["b"] = 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    assert mapping == {}


def test_what_is_put_and_deleted_in_one_batch_was_never_there(copy, mapping):
    watcher = copy.watch()
    with mapping.batch():
        mapping["a"] = 1
        assert mapping.pop("a") == 1
        with pytest.raises(KeyError):
            del mapping["a"]

    assert mapping == {}
    assert watcher.told() == []


def test_a_batch_that_changes_nothing_writes_nothing(copy, mapping):
    with mapping.batch():
        assert mapping.get("a") is None

    assert copy.writes_told == 0
    assert copy.ledger.origin is None


def test_a_batch_may_delete_what_it_finds(mapping):
    mapping.update(a=1, b=2)
    with mapping.batch():
        mapping.clear()
        assert (len(mapping), list(mapping), mapping.popitem if mapping else None) == (0, [], None)
        mapping["c"] = 3

    assert mapping == {"c": 3}


def test_each_thread_has_its_own_batch(mapping):
    both_inside = threading.Barrier(2, timeout=10)

    def write(name):
        with mapping.batch():
            mapping[name] = 1
            both_inside.wait()
            seen = dict(mapping)
            both_inside.wait()
        return seen

    with ThreadPoolExecutor(2) as threads:
        seen = list(threads.map(write, ["a", "b"]))

    assert seen == [{"a": 1}, {"b": 1}]
    assert mapping == {"a": 1, "b": 1}


async def test_each_task_has_its_own_batch(mapping):
    seen = {}

    async def write(name, ours, theirs):
        with mapping.batch():
            mapping[name] = 1
            ours.set()
            await theirs.wait()
            seen[name] = dict(mapping)
            await trio.testing.wait_all_tasks_blocked()

    events = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, "a", *events)
        nursery.start_soon(write, "b", *events[::-1])

    assert seen == {"a": {"a": 1}, "b": {"b": 1}}
    assert mapping == {"a": 1, "b": 1}


async def test_a_task_started_in_a_batch_writes_by_itself_once_that_has_ended(mapping):
    ended = trio.Event()

    async def late():
        await ended.wait()
        with mapping.batch():  # so that there is some batch open, only not that of our birth
            pass
        other = contextvars.Context()
        with_other = mapping.batch()
        other.run(with_other.__enter__)
        mapping["late"] = 1
        assert mapping["late"] == 1
        other.run(with_other.__exit__, None, None, None)
        with pytest.raises(ZeroDivisionError), mapping.batch():
            mapping["own"] = 1 / 0 if "own" in mapping else mapping.setdefault("own", 1) / 0

    async with trio.open_nursery() as nursery:
        with mapping.batch():
            mapping["a"] = 1
            nursery.start_soon(late)
            await trio.testing.wait_all_tasks_blocked()
        ended.set()

    assert mapping == {"a": 1, "late": 1}


def test_a_value_is_checked_when_it_is_assigned_not_when_the_batch_ends(mapping):
    with mapping.batch():
        mapping["a"] = 1
        with pytest.raises(gossamer.UnsendableValue):
            mapping["b"] = object()
        with pytest.raises(gossamer.InvalidKey):
            mapping[1.5] = 1

    assert mapping == {"a": 1}


def test_setdefault_and_popitem_see_the_batch(mapping):
    mapping["a"] = 1
    with mapping.batch():
        assert mapping.setdefault("a", 2) == 1
        assert mapping.setdefault("b", 2) == 2
        assert mapping.setdefault("b", 3) == 2
        assert mapping.popitem() == ("b", 2)
        assert mapping.popitem() == ("a", 1)
        with pytest.raises(KeyError):
            mapping.popitem()

    assert mapping == {}


def test_a_batch_reaches_another_peer_whole(make_copy):
    ours, theirs = make_copy("ours"), make_copy("theirs")
    watcher = theirs.watch()
    with ours.mapping.batch():
        ours.mapping.update({f"key {number}": number for number in range(1000)})
    theirs.hear(ours)

    assert theirs.mapping == ours.mapping
    assert len(watcher.read()) == 1000
