"""A dict behind an object: as a dict alone, and leaf by leaf among several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_copy import Copy

import gossamer
from gossamer.views.spaces import OBJECT

KEY = st.sampled_from(["a", "b", 1, None, ("c", 2)])
VALUE = st.recursive(st.integers(0, 9), lambda inner: st.dictionaries(KEY, inner, max_size=2), max_leaves=4)
STEP = st.one_of(
    st.tuples(st.just("__setitem__"), KEY, VALUE),
    st.tuples(st.just("__delitem__"), KEY),
    st.tuples(st.just("__getitem__"), KEY),
    st.tuples(st.just("__contains__"), KEY),
    st.tuples(st.just("get"), KEY, st.just(7)),
    st.tuples(st.just("pop"), KEY),
    st.tuples(st.just("pop"), KEY, st.just(7)),
    st.tuples(st.just("setdefault"), KEY, VALUE),
    st.tuples(st.just("update"), st.dictionaries(KEY, VALUE, max_size=3)),
    st.tuples(st.just("__ior__"), st.dictionaries(KEY, VALUE, max_size=3)),
    st.tuples(st.just("clear")),
    st.tuples(st.just("within"), KEY, KEY, VALUE),
)


def did(target, step):
    name, *arguments = step
    try:
        if name == "within":
            outer, inner, value = arguments
            if isinstance(target.get(outer), dict):
                target[outer][inner] = value
            return None
        result = getattr(target, name)(*arguments)
    except KeyError:
        return KeyError
    return None if name == "__ior__" else gossamer.plain(result)


@given(st.lists(STEP, max_size=20), st.booleans())
def test_alone_it_does_all_that_a_dict_does_in_a_batch_or_not(steps, batched):
    mapping = Copy().mapping
    shared, plain = mapping.object("it", dict), {}

    def run():
        for step in steps:
            assert did(shared, step) == did(plain, step), step
            assert shared == plain
            assert (len(shared), set(shared)) == (len(plain), set(plain))

    if batched:
        with mapping.batch():
            run()
    else:
        run()
    assert shared == plain


@pytest.fixture
def pair(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    ours.mapping.object("it", lambda: {"robot": {"x": 1, "y": 2}, "on": True})
    ours.meet(theirs)
    return ours, theirs, ours.mapping.objects["it"], theirs.mapping.objects["it"]


def test_two_who_assign_different_leaves_apart_undo_nothing(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["x"] = 10
    yours["robot"]["y"] = 20
    yours["robot"]["z"] = {"deep": [1]}
    ours.meet(theirs)

    assert mine == yours == {"robot": {"x": 10, "y": 20, "z": {"deep": [1]}}, "on": True}


def test_of_two_who_assign_one_leaf_the_later_counts(pair):
    ours, theirs, mine, yours = pair
    mine["on"] = 1
    theirs.later(1)
    yours["on"] = 2
    ours.meet(theirs)

    assert mine["on"] == yours["on"] == 2


def test_a_leaf_assigned_while_another_removes_the_dict_around_it_stays(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["x"] = 10
    del yours["robot"]
    assert yours == {"on": True}
    ours.meet(theirs)

    assert mine == yours == {"robot": {"x": 10}, "on": True}


def test_a_dict_put_in_place_of_another_removes_what_was_seen_of_it(pair):
    ours, theirs, mine, yours = pair
    mine["robot"] = {"w": 0}
    yours["robot"]["v"] = 9
    ours.meet(theirs)

    assert mine == yours == {"robot": {"w": 0, "v": 9}, "on": True}


def test_where_one_puts_a_leaf_and_another_writes_below_it_all_agree(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["x"] = 10
    theirs.later(1)
    yours["robot"] = "sold"
    ours.meet(theirs)
    assert mine == yours == {"robot": "sold", "on": True}

    mine["robot"] = {}
    assert mine == {"robot": {}, "on": True}


def test_a_dict_within_that_was_removed_says_so(pair):
    _, _, mine, _ = pair
    within = mine["robot"]
    mine["robot"] = 5

    with pytest.raises(gossamer.ObjectGone, match=r"\['robot'\] holds no dict any more"):
        within["x"] = 1
    with pytest.raises(gossamer.ObjectGone):
        len(within)


def test_a_dict_within_cannot_be_changed_where_nobody_would_see_it(pair):
    _, _, mine, _ = pair
    for within in (dict(mine.items())["robot"], next(iter(mine.values())), mine.copy()["robot"], mine.pop("robot")):
        with pytest.raises(gossamer.FrozenValue):
            within["x"] = 5


def test_an_operator_in_place_on_a_dict_within_changes_that_alone(pair):
    ours, theirs, mine, yours = pair
    mine["robot"] |= {"x": 5}
    mine["robot"]["y"] += 1
    yours["robot"]["z"] = 0
    ours.meet(theirs)

    assert mine == yours == {"robot": {"x": 5, "y": 3, "z": 0}, "on": True}


def test_an_operator_in_place_on_a_dict_within_leaves_alone_what_another_assigns_there(pair):
    ours, theirs, mine, yours = pair
    yours["robot"]["y"] = 50
    ours.later(1)
    mine["robot"] |= {"x": 5}
    ours.meet(theirs)

    assert mine == yours == {"robot": {"x": 5, "y": 50}, "on": True}


def test_a_leaf_costs_a_row_and_a_removed_one_none(make_copy):
    mapping = make_copy().mapping
    it = mapping.object("it", dict)
    it["a"] = {"b": 1, "c": {}}
    rows = mapping._space(OBJECT).rows(("object", "it", b""))
    assert set(rows) == {("a",), ("a", "b"), ("a", "c")}

    del it["a"]
    assert set(rows) == set()


def test_what_cannot_be_a_key_or_a_value_is_refused_and_nothing_is_stored(make_copy):
    it = make_copy().mapping.object("it", dict)
    with pytest.raises(gossamer.InvalidKey):
        it[1.5] = 1
    with pytest.raises(gossamer.InvalidKey):
        it["a"] = {"b": {1.5: 1}}
    with pytest.raises(gossamer.UnsendableValue):
        it.update(a=1, b=object())
    with pytest.raises(TypeError):
        it[[]] = 1
    assert 1.5 not in it
    assert it == {}


def test_rows_that_a_stranger_made_up_are_not_seen(make_copy):
    mapping = make_copy().mapping
    it = mapping.object("it", lambda: {"a": 1})
    mapping._space(OBJECT).write(
        ("object", "it", b""), [(("b",), 5), (("c",), (1, 2)), ("text", (1,)), ((), (1,)), (("x", "y"), (1,)), (7, ())]
    )

    assert (it, dict(it), len(it), "b" in it, it.get("c")) == ({"a": 1}, {"a": 1}, 1, False, None)
    it["b"] = 2
    assert it == {"a": 1, "b": 2}
