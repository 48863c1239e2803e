"""A shared list alone: all that a list does, as a list does it; inside batches, between threads, after the end."""

from __future__ import annotations

import copy as copying
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_copy import Copy

import gossamer
from gossamer.views.positions import POSITION_BYTES_MAX
from gossamer.views.spaces import LIST


@pytest.fixture
def shared(copy):
    return copy.mapping.shared_list("it")


def places(copy):
    rows = copy.mapping._space(LIST).rows("it")
    return [part for part in rows if type(part) is bytes] + [rows[part] for part in rows if type(part) is tuple]


# -- as a list ------------------------------------------------------------------------------------

INDEX = st.integers(-8, 8)
SLICE = st.builds(slice, INDEX | st.none(), INDEX | st.none(), st.sampled_from([None, 1, 2, -1, -2]))
ITEMS = st.lists(st.integers(0, 9), max_size=5)
STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 9)),
    st.tuples(st.just("insert"), INDEX, st.integers(0, 9)),
    st.tuples(st.just("extend"), ITEMS),
    st.tuples(st.just("__setitem__"), INDEX, st.integers(0, 9)),
    st.tuples(st.just("__setitem__"), SLICE, ITEMS),
    st.tuples(st.just("__delitem__"), INDEX | SLICE),
    st.tuples(st.just("__getitem__"), INDEX | SLICE),
    st.tuples(st.just("pop")),
    st.tuples(st.just("pop"), INDEX),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("index"), st.integers(0, 9)),
    st.tuples(st.just("index"), st.integers(0, 9), INDEX, INDEX),
    st.tuples(st.just("count"), st.integers(0, 9)),
    st.tuples(st.just("sort")),
    st.tuples(st.just("reverse")),
    st.tuples(st.just("move"), INDEX, INDEX),
    st.tuples(st.just("__imul__"), st.integers(-1, 2)),
    st.tuples(st.just("clear")),
)


def did(target, step):
    """What a call returned, or the error that it raised."""
    name, *arguments = step
    try:
        if name == "move" and type(target) is list:
            return target.insert(arguments[1], target.pop(arguments[0]))
        result = getattr(target, name)(*arguments)
    except (IndexError, ValueError) as error:
        return type(error)
    return None if name == "__imul__" else result


@given(st.lists(STEP, max_size=25), st.data())
def test_alone_it_does_all_that_a_list_does_in_a_batch_or_not(steps, data):
    mapping = Copy().mapping
    shared, plain = mapping.shared_list("it"), []
    batches = data.draw(st.lists(st.booleans(), min_size=len(steps), max_size=len(steps)))
    open_batch = None
    for step, batched in zip(steps, batches, strict=True):
        if batched and open_batch is None:
            open_batch = mapping.batch()
            open_batch.__enter__()
        if not batched and open_batch is not None:
            open_batch.__exit__(None, None, None)
            open_batch = None
        assert did(shared, step) == did(plain, step), step
        assert shared == plain
    if open_batch is not None:
        open_batch.__exit__(None, None, None)

    assert (list(shared), len(shared), list(reversed(shared))) == (plain, len(plain), plain[::-1])


def test_it_compares_and_adds_up_as_a_list(copy, shared):
    shared.extend([1, 2])
    other = copy.mapping.shared_list("other")
    other.append(1)

    assert shared == [1, 2]
    assert [1, 2] == shared  # noqa: SIM300  # the other way round is another method
    assert shared != other
    assert shared != (1, 2)
    assert other < shared < [1, 3]
    assert [1] < shared <= [1, 2]
    one, nought = [3], [0]
    assert (shared + one, nought + shared, shared + other, shared * 2, 2 * shared) == (
        [1, 2, 3],
        [0, 1, 2],
        [1, 2, 1],
        [1, 2] * 2,
        [1, 2] * 2,
    )
    assert (2 in shared, 3 in shared, bool(shared), repr(shared)) == (True, False, True, "SharedList('it', [1, 2])")
    with pytest.raises(TypeError):
        hash(shared)
    with pytest.raises(TypeError):
        shared + 1


def test_adding_in_place_keeps_the_shared_list(copy, shared):
    ours = shared
    ours += [1, 2]
    ours *= 2

    assert ours is shared is copy.mapping.shared_list("it")
    assert shared == [1, 2, 1, 2]


def test_its_copies_are_plain(shared):
    shared.extend([[1], "a"])

    for plain in (
        shared.copy(),
        shared[:],
        copying.copy(shared),
        copying.deepcopy(shared),
        pickle.loads(pickle.dumps(shared)),
    ):
        assert (type(plain), plain) == (list, [[1], "a"])
    assert json.dumps(list(shared)) == '[[1], "a"]'


def test_an_element_is_frozen_when_it_is_put_in_and_when_it_is_read(copy, shared):
    item = [1]
    with copy.mapping.batch():
        shared.append(item)
        item.append(2)
        assert shared == [[1]]
    item.append(3)

    assert shared == [[1]]
    with pytest.raises(gossamer.FrozenValue):
        shared[0].append(2)


def test_what_cannot_travel_is_refused_and_nothing_is_stored(shared):
    with pytest.raises(gossamer.UnsendableValue):
        shared.extend([1, object()])
    with pytest.raises(gossamer.UnsendableValue):
        shared.append(object())

    assert shared == []


@pytest.mark.parametrize(
    "step", [("__getitem__", 0), ("__setitem__", 0, 1), ("__delitem__", 0), ("pop",), ("pop", 3), ("move", 0, 0)]
)
def test_what_is_not_there_raises_as_in_a_list(shared, step):
    assert did(shared, step) is IndexError
    with pytest.raises(ValueError, match="not in list"):
        shared.remove(1)
    with pytest.raises(ValueError, match="extended slice"):
        shared[::2] = [1]


def test_a_name_is_a_text(copy):
    copy.mapping.shared_list("a").append(1)

    assert copy.mapping.shared_list("a") == [1]
    assert copy.mapping.shared_list("a").name == "a"
    for name in (1, "", ["a"], None, "x" * 2000):
        with pytest.raises(gossamer.InvalidKey):
            copy.mapping.shared_list(name)


def test_a_name_so_long_that_places_would_not_fit_beside_it_is_refused_at_once(copy):
    with pytest.raises(gossamer.InvalidKey, match="name"):
        copy.mapping.shared_list("x" * 900)


# -- batches and threads --------------------------------------------------------------------------


def test_a_batch_writes_a_list_and_the_dict_at_once_or_neither(copy, shared):

    def write():
        with copy.mapping.batch():
            shared.append(1)
            copy.mapping["k"] = 1 / 0

    with pytest.raises(ZeroDivisionError):
        write()
    assert (shared, copy.mapping) == ([], {})

    with copy.mapping.batch():
        shared.append(1)
        copy.mapping["k"] = 1
        with ThreadPoolExecutor(1) as other:
            assert other.submit(shared.copy).result() == []

    assert (shared, copy.mapping) == ([1], {"k": 1})


def test_what_was_popped_in_a_batch_is_what_is_gone_after_it(copy, shared):
    shared.extend("abc")
    with ThreadPoolExecutor(1) as other, copy.mapping.batch():
        popped = shared.pop()
        other.submit(shared.append, "d").result()

    assert (popped, shared) == ("c", ["a", "b", "d"])


def test_threads_lose_nothing_to_each_other(shared):
    begin = threading.Barrier(4, timeout=10)

    def append(name):
        begin.wait()
        for number in range(100):
            shared.append((name, number))
            shared.insert(0, (name, -1 - number))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, "abcd"))

    assert len(shared) == 800
    for name in "abcd":
        assert [number for who, number in shared if who == name] == list(range(-100, 100))


def test_each_element_is_popped_by_one_thread(shared):
    shared.extend(range(400))
    begin = threading.Barrier(4, timeout=10)

    def pop(_):
        begin.wait()
        return [shared.pop() for _ in range(100)]

    with ThreadPoolExecutor(4) as threads:
        popped = [item for got in threads.map(pop, range(4)) for item in got]

    assert sorted(popped) == list(range(400))
    assert shared == []


def test_iterating_walks_a_snapshot(shared):
    shared.extend(range(5))
    seen = []
    for item in shared:
        shared.remove(item)
        shared.append(item + 10)
        seen.append(item)

    assert seen == [0, 1, 2, 3, 4]


# -- places ---------------------------------------------------------------------------------------


def test_where_there_is_no_room_left_the_elements_around_move_and_keep_their_order(copy, shared):
    shared.extend(["first", "last"])
    model = ["first", "last"]
    index = 1
    for number in range(500):
        shared.insert(index, number)
        model.insert(index, number)
        index += number % 2

    assert shared == model
    assert max(map(len, places(copy))) <= POSITION_BYTES_MAX
    assert any(type(part) is tuple for part in copy.mapping._space(LIST).rows("it")), "some have moved"


def test_rows_that_a_stranger_made_up_are_not_elements(copy, shared):
    shared.append(1)
    space = copy.mapping._space(LIST)
    space.write("it", [("text", 1), (b"\x00", 2), ((), 3), ((b"\x80",), b"\x80"), (("x", 1), 2), (None, 4)])
    [place] = [part for part in space.rows("it") if type(part) is bytes and len(part) > 1]
    space.write("it", [((place,), "no place")])
    shared.append(2)

    assert shared == [1, 2]
    shared.clear()
    assert dict(space.rows("it")) == {}


def test_an_append_is_one_row_and_a_delete_leaves_none(copy, shared):
    space = copy.mapping._space(LIST)
    shared.extend("ab")
    assert len(space.rows("it")) == 2

    shared.move(0, 1)
    assert len(space.rows("it")) == 3
    del shared[1]
    assert len(space.rows("it")) == 1


def test_reading_makes_nobody_a_writer(copy, shared):
    assert (list(shared), len(shared)) == ([], 0)

    assert copy.ledger.origin is None
