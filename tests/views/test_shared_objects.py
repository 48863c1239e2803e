"""Objects: made once however many make them, merged by what they are, replaced, deleted.  Rows R of the seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_copy import Copy

import gossamer
from gossamer.views.spaces import LIST, OBJECT


@pytest.fixture
def pair(make_copy):
    return make_copy(), make_copy("theirs")


def refuse():
    raise AssertionError("the factory was called")


def test_r1_a_factory_is_called_only_where_there_is_no_object(pair):
    ours, theirs = pair
    assert ours.mapping.object("it", lambda: [1]) == [1]
    theirs.hear(ours)

    assert ours.mapping.object("it", refuse) == theirs.mapping.object("it", refuse) == [1]


@pytest.mark.parametrize(
    ("value", "mine", "yours", "both"),
    [
        ([], lambda it: it.append("a"), lambda it: it.append("b"), [["a", "b"], ["b", "a"]]),
        ([1, 2], lambda it: it.append(3), lambda it: it.insert(0, 0), [[0, 1, 2, 3]]),
        (set(), lambda it: it.add("a"), lambda it: it.add("b"), [{"a", "b"}]),
        ({1}, lambda it: it.add(1), lambda it: it.discard(1), [{1}]),
        ({}, lambda it: it.update(a=1), lambda it: it.update(b=2), [{"a": 1, "b": 2}]),
        ({"n": {}}, lambda it: it["n"].update(a=1), lambda it: it["n"].update(b=2), [{"n": {"a": 1, "b": 2}}]),
        (5, lambda it: it.__iadd__(3), lambda it: it.__isub__(1), [7]),
        (0.5, lambda it: it.__iadd__(1), lambda it: it.__imul__(3), [2.5]),
    ],
)
def test_r1_two_who_make_an_object_apart_have_made_one_and_what_both_did_to_it_is_in_it(pair, value, mine, yours, both):
    ours, theirs = pair
    mine(ours.mapping.object("it", lambda: value))
    yours(theirs.mapping.object("it", lambda: value))
    ours.meet(theirs)

    assert ours.mapping.objects["it"] == theirs.mapping.objects["it"]
    assert ours.mapping.objects["it"] in both


def test_r1_of_two_who_make_it_of_different_types_apart_the_later_counts_for_both(pair):
    ours, theirs = pair
    mine = ours.mapping.object("it", list)
    theirs.later(1)
    yours = theirs.mapping.object("it", dict)
    mine.append(1)
    ours.meet(theirs)

    assert mine == yours == {}
    assert isinstance(mine, dict)
    mine["a"] = 1
    ours.meet(theirs)
    assert yours == {"a": 1}


def test_r3_methods_that_change_it_are_seen_by_all(pair):
    ours, theirs = pair
    it = ours.mapping.object("it", lambda: [3, 1, 2])
    it.sort()
    it.extend([4, 5])
    it.pop(0)
    it.reverse()
    it.insert(1, 9)
    it[0] = 0
    del it[-1]
    theirs.hear(ours)

    assert theirs.mapping.objects["it"] == it == [0, 9, 4, 3]


def test_r4_a_value_of_any_type_may_replace_it_for_all_who_hold_it(pair):
    ours, theirs = pair
    it = ours.mapping.object("it", lambda: [1])
    theirs.hear(ours)
    held = theirs.mapping.objects["it"]
    ours.mapping.objects["it"] = {"a": 1}
    theirs.hear(ours)
    assert held == it == {"a": 1}
    held["b"] = 2

    it = it | {"c": 3}
    assert type(it) is dict


def test_what_is_added_to_what_was_replaced_meanwhile_is_not_in_what_replaced_it(pair):
    ours, theirs = pair
    ours.mapping.object("it", lambda: [1])
    ours.meet(theirs)
    ours.mapping.objects["it"] = ["new"]
    theirs.mapping.objects["it"].append(2)
    ours.meet(theirs)

    assert ours.mapping.objects["it"] == theirs.mapping.objects["it"] == ["new"]


def test_r6_what_was_deleted_says_so_and_is_found_no_more(pair):
    ours, theirs = pair
    it = ours.mapping.object("it", lambda: [1])
    ours.meet(theirs)
    held = theirs.mapping.objects["it"]
    assert "it" in ours.mapping.objects
    del ours.mapping.objects["it"]
    ours.meet(theirs)

    assert "it" not in theirs.mapping.objects
    for use in (lambda: it.append(1), lambda: len(held), lambda: str(held), lambda: held == [1]):
        with pytest.raises(gossamer.ObjectGone, match=r"mesh.object\('it', ...\) makes another"):
            use()
    with pytest.raises(KeyError):
        theirs.mapping.objects["it"]
    with pytest.raises(KeyError):
        del theirs.mapping.objects["it"]


def test_nothing_of_what_was_deleted_is_in_what_is_made_anew(pair):
    ours, theirs = pair
    ours.mapping.object("it", lambda: [1])
    ours.meet(theirs)
    del ours.mapping.objects["it"]
    theirs.mapping.objects["it"].append("not heard of")
    ours.meet(theirs)
    assert "it" not in theirs.mapping.objects

    theirs.mapping.object("it", list).append("theirs")
    ours.mapping.object("it", list).append("ours")
    ours.meet(theirs)
    assert sorted(ours.mapping.objects["it"]) == ["ours", "theirs"]
    assert ours.mapping.objects["it"] == theirs.mapping.objects["it"]


def test_a_deleted_object_leaves_one_row(pair):
    ours, _ = pair
    ours.mapping.object("it", lambda: list(range(100)))
    del ours.mapping.objects["it"]

    assert len(ours.mapping._space(LIST).rows(("object", "it", b""))) == 0
    assert len(ours.mapping._space(OBJECT).rows(("it",))) == 1


def test_r7_a_factory_is_a_function(pair):
    with pytest.raises(TypeError, match="lambda"):
        pair[0].mapping.object("it", [1])
    with pytest.raises(gossamer.UnsendableValue):
        pair[0].mapping.object("it", object)
    with pytest.raises(ZeroDivisionError):
        pair[0].mapping.object("it", lambda: 1 / 0)

    assert len(pair[0].mapping.objects) == 0
    assert pair[0].ledger.origin is None


@pytest.mark.parametrize("key", ["text", 5, b"bytes", None, ("a", 1), ("object", "it", b""), True])
def test_r8_a_key_is_whatever_a_key_of_the_dict_may_be_and_none_of_its_keys(pair, key):
    ours, theirs = pair
    ours.mapping[key] = "in the dict"
    ours.mapping.object(key, lambda: {"a": {"b": 1}})
    ours.mapping.object("it", list).append(1)
    theirs.hear(ours)

    assert (theirs.mapping[key], theirs.mapping.objects[key]) == ("in the dict", {"a": {"b": 1}})
    assert (dict(theirs.mapping), len(theirs.mapping.objects)) == ({key: "in the dict"}, 2)


def test_r8_what_cannot_be_a_key_is_refused(pair):
    objects = pair[0].mapping.objects
    for key in (1.5, frozenset(), "x" * 2000):
        with pytest.raises(gossamer.InvalidKey):
            pair[0].mapping.object(key)
        assert key not in objects
    with pytest.raises(TypeError):
        pair[0].mapping.object([])


def test_objects_are_a_mapping(pair):
    ours, theirs = pair
    objects = ours.mapping.objects
    objects["a"], objects["b"], objects["c"] = [1], "text", 5
    objects["c"] += 1
    theirs.hear(ours)

    assert (list(objects), len(objects), dict(objects)) == (["a", "b", "c"], 3, {"a": [1], "b": "text", "c": 6})
    assert repr(theirs.mapping.objects) == "SharedObjects({'a': [1], 'b': 'text', 'c': 6})"
    assert (objects.get("d"), objects.pop("b"), objects.pop("b", 7)) == (None, "text", 7)
    objects.clear()
    theirs.hear(ours)
    assert dict(theirs.mapping.objects) == {}


def test_an_operator_in_place_on_what_is_looked_up_changes_the_object_and_does_not_replace_it(pair):
    ours, theirs = pair
    ours.mapping.objects["n"], ours.mapping.objects["l"] = 5, [1]
    ours.meet(theirs)
    for copy in pair:
        copy.mapping.objects["n"] += 1
        copy.mapping.objects["l"] += [copy.name]
    ours.meet(theirs)

    assert theirs.mapping.objects["n"] == 7
    assert sorted(map(str, theirs.mapping.objects["l"])) == ["1", "ours", "theirs"]


def test_a_proxy_is_put_elsewhere_by_value(pair):
    mapping = pair[0].mapping
    inner = mapping.object("inner", lambda: [1])
    outer = mapping.object("outer", list)
    outer.append(inner)
    outer += mapping.object("more", lambda: [2])
    mapping.objects["copy"] = inner
    inner.append(5)

    assert (outer, mapping.objects["copy"]) == ([[1], 2], [1])


def test_an_object_is_made_and_filled_in_one_batch_with_the_dict(pair):
    ours, theirs = pair
    with ours.mapping.batch():
        it = ours.mapping.object("it", lambda: [1, 2])
        it.append(3)
        number = ours.mapping.object("n", lambda: 5)
        number += 1
        ours.mapping["k"] = 1
        assert (it, number) == ([1, 2, 3], 6)
        theirs.hear(ours)
        assert len(theirs.mapping.objects) == 0
    theirs.hear(ours)

    assert (theirs.mapping.objects["it"], theirs.mapping.objects["n"], theirs.mapping) == ([1, 2, 3], 6, {"k": 1})


def test_rows_that_a_stranger_made_up_are_no_objects(pair):
    mapping = pair[0].mapping
    space = mapping._space(OBJECT)
    for number, row in enumerate(
        [5, None, ("list", "x", None), ("spaceship", b"", None), ("number", b"", "five"), ("list",)]
    ):
        space.write((number,), [(None, row)])
        assert number not in mapping.objects
        assert mapping.object(number, list) == []


def test_a_listener_hears_of_what_others_do_to_a_list_behind_an_object(pair):
    ours, theirs = pair
    it = ours.mapping.object("it", list)
    ours.meet(theirs)
    seen, watcher = [], ours.watch()
    it.on_change(lambda _, old, new: seen.append((old, new)))
    theirs.mapping.objects["it"].append(1)
    ours.hear(theirs)
    watcher.deliver()

    assert seen == [([], [1])]


STEP = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["append", "add", "count", "assign", "replace", "delete", "make", "hear"]),
    st.sampled_from(["a", "b"]),
)


@given(st.lists(STEP, max_size=30))
def test_whatever_two_do_apart_they_agree_when_they_have_met(steps):
    copies = Copy("a"), Copy("b")
    for number, (who, what, key) in enumerate(steps):
        mapping = copies[who].mapping
        it = mapping.objects.get(key)
        copies[who].later(0.001)
        match what:
            case "make":
                mapping.object(key, [list, set, dict, int][number % 4])
            case "append" if isinstance(it, list):
                it.append(number)
            case "add" if isinstance(it, set):
                it.add(number)
            case "count" if isinstance(it, int):
                it += 1
            case "assign" if isinstance(it, dict):
                it[number % 3] = {number: number}
            case "replace":
                mapping.objects[key] = [[number], {number}, {number: 1}, number, str(number)][number % 5]
            case "delete":
                mapping.objects.pop(key, None)
            case "hear":
                copies[who].hear(copies[1 - who])
    copies[0].meet(copies[1])

    ours, theirs = (gossamer.plain(copy.mapping.objects) for copy in copies)
    assert {key: gossamer.plain(value) for key, value in ours.items()} == dict(theirs)
