"""A shared list among several: whatever is done apart, all of it survives, in one order everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_copy import Copy

PEERS = 3


def peers():
    copies = [Copy(name) for name in "abc"[:PEERS]]
    return copies, [copy.mapping.shared_list("it") for copy in copies]


def all_meet(copies):
    for _ in range(2):
        for one in copies:
            for other in copies:
                if one is not other:
                    one.hear(other)


WHO = st.integers(0, PEERS - 1)
WHERE = st.integers(0, 50)
STEP = st.one_of(
    st.tuples(st.just("insert"), WHO, WHERE),
    st.tuples(st.just("insert"), WHO, st.just(0)),
    st.tuples(st.just("append"), WHO),
    st.tuples(st.just("assign"), WHO, WHERE),
    st.tuples(st.just("delete"), WHO, WHERE),
    st.tuples(st.just("move"), WHO, WHERE, WHERE),
    st.tuples(st.just("sort"), WHO),
    st.tuples(st.just("hear"), WHO, WHO),
)


@settings(max_examples=100)
@given(st.lists(STEP, max_size=40))
def test_all_end_in_one_order_with_every_element_once_and_none_that_was_seen_deleted(steps):
    copies, lists = peers()
    deleted, assigned = set(), set()
    for number, (name, who, *where) in enumerate(steps):
        shared = lists[who]
        size = len(shared)
        match name:
            case "insert":
                shared.insert(where[0] % (size + 1), [number, None])
            case "append":
                shared.append([number, None])
            case "assign" if size:
                index = where[0] % size
                assigned.add(shared[index][0])
                shared[index] = [shared[index][0], number]
            case "delete" if size:
                deleted.add(shared.pop(where[0] % size)[0])
            case "move" if size:
                shared.move(where[0] % size, where[1] % size)
            case "sort":
                shared.sort(key=lambda item: item[0])
            case "hear" if who != where[0]:
                copies[who].hear(copies[where[0]])
    all_meet(copies)

    made = {number for number, (name, *_) in enumerate(steps) if name in ("insert", "append")}
    left = [item[0] for item in lists[0]]
    assert [list(other) for other in lists[1:]] == [list(lists[0])] * (PEERS - 1)
    assert len(left) == len(set(left))
    assert made - deleted <= set(left) <= (made - deleted) | assigned
    for shared in lists:
        assert shared._body._order._sorted == sorted(shared._body._order._sorted)


@given(
    st.lists(st.tuples(WHO, WHERE), max_size=12),
    st.lists(st.tuples(WHERE, st.integers(1, 6), st.booleans()), min_size=PEERS, max_size=PEERS),
)
def test_what_one_types_in_one_go_stays_together(before, runs):
    copies, lists = peers()
    for number, (who, where) in enumerate(before):
        lists[who].insert(where % (len(lists[who]) + 1), number)
        all_meet(copies)
    for shared, name, (where, length, backwards) in zip(lists, "abc", runs, strict=True):
        index = where % (len(shared) + 1)
        for number in range(length):
            shared.insert(index if backwards else index + number, name)
    all_meet(copies)

    merged = list(lists[0])
    for name, (_, length, _) in zip("abc", runs, strict=True):
        start = merged.index(name)
        assert merged[start : start + length] == [name] * length


def test_two_who_append_apart_keep_both_runs_whole():
    (a, b, _), (ours, theirs, _) = peers()
    ours.append("start")
    a.meet(b)

    for number in range(500):
        ours.append(("a", number))
        theirs.append(("b", number))
    a.meet(b)

    assert ours == theirs
    assert len(ours) == 1001
    runs = [[("a", n) for n in range(500)], [("b", n) for n in range(500)]]
    assert list(ours) in (["start", *runs[0], *runs[1]], ["start", *runs[1], *runs[0]])


def test_an_element_that_two_move_apart_stands_once_where_the_later_put_it():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend("abcd")
    a.meet(b)

    ours.move(0, 3)
    b.later(1)
    theirs.move(0, 1)
    a.meet(b)

    assert ours == theirs == ["b", "a", "c", "d"]


def test_what_is_assigned_while_another_moves_it_is_both():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend("abc")
    a.meet(b)

    ours.move(0, 2)
    theirs[0] = "A"
    a.meet(b)

    assert ours == theirs == ["b", "c", "A"]


def test_what_is_deleted_while_another_moves_it_is_gone_and_may_be_cleared_away():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend("abc")
    a.meet(b)

    ours.move(0, 2)
    del theirs[0]
    a.meet(b)
    assert ours == theirs == ["b", "c"]

    ours.clear()
    a.meet(b)
    assert theirs == []
    assert len(theirs._body._space.rows("it")) == 0


def test_clearing_removes_what_was_seen_and_nothing_else():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend("abc")
    a.meet(b)

    ours.clear()
    theirs.append("d")
    theirs[0] = "A"
    a.meet(b)

    assert ours == theirs == ["A", "d"]


def test_two_who_reorder_all_apart_agree_and_lose_nothing():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend([3, 1, 2])
    a.meet(b)

    ours.sort()
    b.later(1)
    theirs.reverse()
    ours.append(9)
    a.meet(b)

    assert ours == theirs == [2, 1, 3, 9]


def test_two_who_run_out_of_room_at_one_spot_apart_agree():
    (a, b, _), (ours, theirs, _) = peers()
    ours.extend(["first", "last"])
    a.meet(b)
    for copy, shared in ((a, ours), (b, theirs)):
        index = 1
        for number in range(400):
            shared.insert(index, (copy.name, number))
            index += number % 2
    a.meet(b)

    assert ours == theirs
    assert len(ours) == len(set(ours)) == 802
    assert (ours[0], ours[-1]) == ("first", "last")


def test_a_batch_of_another_shows_whole_in_order(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    with ours.mapping.batch():
        ours.mapping.shared_list("it").extend(range(2000))
        ours.mapping["count"] = 2000
    late = theirs.mapping.shared_list("it")
    assert late == []

    theirs.hear(ours)

    assert late == list(range(theirs.mapping["count"]))


@pytest.mark.parametrize("used_before", [True, False])
def test_a_list_is_found_by_who_comes_late(make_copy, used_before):
    ours, theirs = make_copy(), make_copy("theirs")
    ours.mapping.shared_list("it").extend("abc")
    if used_before:
        assert theirs.mapping.shared_list("it") == []

    theirs.hear(ours)

    assert theirs.mapping.shared_list("it") == ["a", "b", "c"]


def test_a_writer_that_was_told_to_take_a_new_name_goes_on_and_loses_nothing(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    shared = ours.mapping.shared_list("it")
    shared.extend("abc")
    ours.meet(theirs)

    ours.ledger.remint(ours.wall_ms())
    shared.append("d")
    shared.insert(0, "e")
    ours.meet(theirs)

    assert theirs.mapping.shared_list("it") == shared == ["e", "a", "b", "c", "d"]
