"""A long list is put in order, and read, without keeping anybody from writing."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_copy import Copy

from gossamer.views import list_body, list_order, rows, space
from gossamer.views.list_order import SORTED_AT_ONCE, in_order
from gossamer.views.spaces import LIST

MANY = 3000
AT_ONCE = 4 * list_body.AT_ONCE
"""Looks at rows under one hold of the lock: each element is looked at as a row, as a place, and to be read."""


class CountingLock:
    """A ledger's lock that counts what is done while it is held."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.is_held = False
        self.work: list[int] = []
        self.work_without = 0

    def acquire(self, *args: object) -> bool:
        self._lock.acquire()
        self.is_held = True
        self.work.append(0)
        return True

    def release(self) -> None:
        self.is_held = False
        self._lock.release()

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()

    def count(self) -> None:
        if self.is_held:
            self.work[-1] += 1
        else:
            self.work_without += 1


@pytest.fixture
def lock(copy, monkeypatch) -> CountingLock:
    """What is done under the lock of `copy`: rows that are entered, placed and decoded."""
    lock = copy.ledger.lock = CountingLock()
    for owner, name in ((space.Space, "_enter"), (list_order, "_place"), (rows, "_decoded")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, real=real: (lock.count(), real(*args))[1])
    return lock


@pytest.fixture
def long_list(copy, make_copy, lock):
    """A list of many, which has just come from elsewhere and has not been looked at."""
    theirs = make_copy("theirs")
    theirs.mapping.shared_list("long").extend(range(MANY))
    copy.hear(theirs)
    lock.work.clear()
    return theirs


@pytest.mark.parametrize(
    "look",
    [
        len,
        list,
        lambda shared: shared[5],
        lambda shared: shared[10:2000:3],
        lambda shared: shared.append(1),
        lambda shared: shared.index(MANY - 1),
        lambda shared: shared.pop(3),
    ],
)
def test_at_first_look_little_is_done_under_the_lock(copy, lock, long_list, look):
    look(copy.mapping.shared_list("long"))

    assert max(lock.work) <= AT_ONCE
    assert lock.work_without >= 2 * MANY


def test_what_came_in_great_numbers_since_is_put_in_order_without_the_lock_too(copy, lock, long_list):
    shared = copy.mapping.shared_list("long")
    assert len(shared) == MANY
    long_list.mapping.shared_list("long").extend(range(MANY))
    copy.hear(long_list)
    lock.work.clear()
    assert list(shared) == [*range(MANY), *range(MANY)]
    assert max(lock.work) <= AT_ONCE

    shared.append(1)
    lock.work.clear()
    assert (shared[-1], max(lock.work) <= 8) == (1, True)


def test_what_is_written_while_a_long_list_is_put_in_order_is_in_it(copy, make_copy, monkeypatch):
    theirs = make_copy("theirs")
    theirs.mapping.shared_list("long").extend(range(MANY))
    copy.hear(theirs)
    later = theirs.mapping.shared_list("long")
    real, calls = list_order._place, []

    def place(id_, rows):
        calls.append(id_)
        if len(calls) == 1000:
            later.append("last")
            del later[0]
            later.move(5, 0)
            copy.hear(theirs)
        return real(id_, rows)

    monkeypatch.setattr(list_order, "_place", place)
    first = list(copy.mapping.shared_list("long"))

    assert first == list(later)
    assert (first[0], first[-1], len(first)) == (6, "last", MANY)


def test_what_is_written_while_a_kind_is_looked_for_is_found(copy, make_copy, monkeypatch):
    theirs = make_copy("theirs")
    theirs.mapping.shared_list("long").extend(range(MANY))
    copy.hear(theirs)
    real, calls = space.Space._place, []

    def place(self, key, held, now_ms):
        calls.append(key)
        if len(calls) == 1000:
            theirs.mapping.shared_list("long").append("last")
            del theirs.mapping.shared_list("long")[0]
            theirs.mapping.shared_list("other").append(1)
            copy.hear(theirs)
        return real(self, key, held, now_ms)

    monkeypatch.setattr(space.Space, "_place", place)

    assert list(copy.mapping.shared_list("long")) == [*range(1, MANY), "last"]
    assert list(copy.mapping.shared_list("other")) == [1]
    assert set(copy.mapping._space(LIST).names()) == {"long", "other"}


def test_threads_that_look_for_the_first_time_at_once_see_what_others_append_meanwhile(copy, make_copy, eager_threads):
    theirs = make_copy("theirs")
    theirs.mapping.shared_list("long").extend(range(MANY))
    copy.hear(theirs)
    seen = []

    def look():
        shared = copy.mapping.shared_list("long")
        shared.append("mine")
        seen.append(list(shared).count("mine") >= 1)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [True] * 4
    assert list(copy.mapping.shared_list("long")) == [*range(MANY), *["mine"] * 4]


def test_one_who_fails_to_put_it_in_order_harms_no_other(copy, long_list, monkeypatch):
    monkeypatch.setattr(list_order, "in_order", lambda pairs: 1 / 0)
    shared = copy.mapping.shared_list("long")
    with pytest.raises(ZeroDivisionError):
        len(shared)
    monkeypatch.undo()

    assert list(shared) == list(range(MANY))
    assert shared._body._missed == []


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0, 1, SORTED_AT_ONCE, SORTED_AT_ONCE + 1, 30_000]))
def test_many_are_sorted_in_short_steps(rng: random.Random, many):
    def step(pairs):
        steps.append(len(pairs))
        return sorted(pairs)

    steps: list[int] = []
    pairs = [(b"%06d" % number, b"") for number in range(many)]
    if rng.random() < 0.7:
        rng.shuffle(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_order, "sort_at_once", step)
        ordered = in_order(pairs)

    assert ordered == sorted(pairs)
    assert max(steps) <= SORTED_AT_ONCE


def test_what_cannot_be_parted_is_sorted_all_the_same():
    same = [(b"same", b"")] * (2 * SORTED_AT_ONCE)
    assert in_order(same) == same
    assert len(Copy().mapping.shared_list("empty")) == 0
