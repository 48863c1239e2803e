"""A container read from a mesh behaves as the plain one in all but one thing: it does not change."""

import copy
import json
import operator
import pickle
import random
from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import FrozenValue
from gossamer.wire.values import FrozenDict, FrozenList, FrozenSet, decode_value, encode_value, freeze

PLAIN = [[3, 1, [2]], {"a": 1, "b": [2]}, {"x", "y"}, [], {}, set()]
MUTATORS = {
    FrozenList: {
        "append": (1,),
        "extend": ([1],),
        "insert": (0, 1),
        "remove": (3,),
        "pop": (),
        "clear": (),
        "sort": (),
        "reverse": (),
        "__setitem__": (0, 1),
        "__delitem__": (0,),
        "__iadd__": ([1],),
        "__imul__": (2,),
    },
    FrozenDict: {
        "__setitem__": ("a", 1),
        "__delitem__": ("a",),
        "clear": (),
        "pop": ("a",),
        "popitem": (),
        "setdefault": ("c", 1),
        "update": ({"a": 2},),
        "__ior__": ({"a": 2},),
    },
    FrozenSet: {
        "add": (1,),
        "discard": ("x",),
        "remove": ("x",),
        "pop": (),
        "clear": (),
        "update": ({1},),
        "intersection_update": ({1},),
        "difference_update": ({"x"},),
        "symmetric_difference_update": ({"x"},),
        "__ior__": ({1},),
        "__iand__": ({1},),
        "__isub__": ({"x"},),
        "__ixor__": ({1},),
    },
}
CALLS = [(cls, name, arguments) for cls, calls in MUTATORS.items() for name, arguments in calls.items()]


def sample(cls):
    return freeze({FrozenList: [3, 1, [2]], FrozenDict: {"a": 1, "b": [2]}, FrozenSet: {"x", "y"}}[cls])


@pytest.mark.parametrize(("cls", "name", "arguments"), CALLS)
def test_a_mutator_raises_and_says_what_to_assign_instead(cls, name, arguments):
    frozen = sample(cls)
    with pytest.raises(FrozenValue, match=r"no peer would see it; assign a changed copy: .*mesh\[key\] = "):
        getattr(frozen, name)(*arguments)

    assert frozen == sample(cls)


@pytest.mark.parametrize("cls", MUTATORS)
def test_no_mutator_of_the_plain_type_was_forgotten(cls):
    plain = cls.__base__
    mutating = {name for name in dir(plain) if _mutates(plain, name)}

    assert mutating == set(MUTATORS[cls])


def _mutates(plain, name):
    """Tell whether a plain container differs after some call of this method (to initialise it again apart)."""
    if name == "__init__":
        return False
    attribute = getattr(plain, name)
    for arguments in ((), (0,), (2,), ("a",), ([7],), ({"a": 7},), (0, 7), ("c", 7), ({"a"},), ({"z"},)):
        subject = {list: [3, 1, 2], dict: {"a": 1}, set: {"a", "b"}}[plain]
        before = plain(subject)
        try:
            attribute(subject, *arguments)
        except Exception:
            continue
        if subject != before:
            return True
    return False


def test_statements_that_change_in_place_raise():
    frozen = sample(FrozenList)
    with pytest.raises(FrozenValue):
        frozen[0:2] = []
    with pytest.raises(FrozenValue):
        del frozen[:]
    with pytest.raises(FrozenValue):
        frozen += [1]
    with pytest.raises(FrozenValue):
        random.shuffle(frozen)
    with pytest.raises(FrozenValue):
        insort(frozen[:0] or freeze([1]), 2)
    with pytest.raises(FrozenValue):
        operator.ior(sample(FrozenDict), {"c": 1})

    assert frozen == [3, 1, [2]]


@pytest.mark.parametrize("cls", MUTATORS)
def test_to_be_initialised_again_changes_nothing(cls):
    frozen = sample(cls)
    frozen.__init__([("q", 1)])

    assert frozen == sample(cls)


@pytest.mark.parametrize("cls", MUTATORS)
def test_no_attribute_can_be_added(cls):
    with pytest.raises(AttributeError):
        sample(cls).note = 1


@pytest.mark.parametrize("plain", PLAIN, ids=lambda value: type(value).__name__)
def test_it_equals_prints_and_serializes_as_the_plain_one(plain):
    frozen = decode_value(encode_value(plain))

    assert frozen == plain
    assert plain == frozen
    assert isinstance(frozen, type(plain))
    assert repr(frozen) == repr(plain) or isinstance(plain, set)
    assert eval(repr(frozen)) == plain
    assert str(frozen) == repr(frozen)
    if not isinstance(plain, set):
        assert json.dumps(frozen) == json.dumps(plain)
    with pytest.raises(TypeError, match="unhashable"):
        hash(frozen)


@pytest.mark.parametrize("plain", PLAIN, ids=lambda value: type(value).__name__)
def test_copies_and_pickles_are_plain_and_may_be_changed(plain):
    frozen = freeze(plain)
    copies = [copy.copy(frozen), copy.deepcopy(frozen), frozen.copy(), type(plain)(frozen)]
    copies += [pickle.loads(pickle.dumps(frozen, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]

    for made in copies:
        assert type(made) is type(plain)
        assert made == plain


def test_a_deep_copy_is_plain_all_the_way_down():
    made = copy.deepcopy(freeze({"a": [{"b": {1}}], "c": ([],)}))
    made["a"][0]["b"].add(2)
    made["c"][0].append(3)

    assert made == {"a": [{"b": {1, 2}}], "c": ([3],)}


def test_what_is_computed_from_it_is_plain():
    items, names, elements = freeze([1]), freeze({"a": 1}), freeze({1, 2})

    made = [
        operator.add(items, [2]),
        items[:],
        items * 2,
        names | {"b": 2},
        {"b": 2} | names,
        elements | {3},
        elements - {1},
    ]
    made += [elements & {1}, elements ^ {3}, {3} | elements, elements.union({3}), sorted(elements)]

    assert {type(each) for each in made} == {list, dict, set}


def test_inner_containers_are_frozen_too():
    frozen = freeze({"poses": [{"x": 1.0}], "pair": ([1], {2})})

    for inner in (frozen["poses"], frozen["poses"][0], frozen["pair"][0], frozen["pair"][1]):
        assert type(inner) in MUTATORS


def test_what_the_writer_changes_later_does_not_change_what_was_frozen():
    poses = [{"x": 1.0}]
    frozen = freeze({"poses": poses})
    poses[0]["x"] = 2.0
    poses.append(3)

    assert frozen == {"poses": [{"x": 1.0}]}


def test_a_frozen_value_is_frozen_already():
    frozen = freeze([1, [2]])

    assert freeze(frozen) is frozen


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_frozen_value_travels_as_the_plain_one(value):
    assert encode_value(freeze(value)) == encode_value(value)
