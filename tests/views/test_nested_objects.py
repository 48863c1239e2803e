"""Lists, sets and numbers within a dict of an object: as Python's own alone, merged where several change them."""

from __future__ import annotations

import copy as copying
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_copy import Copy

import gossamer
from gossamer.views.spaces import COUNTER, LIST, OBJECT, SET

# -- alone: a plain dict is the model ------------------------------------------------------------

KEY = st.sampled_from(["a", "b", "c"])
SCALAR = st.integers(0, 9)
VALUE = st.recursive(
    SCALAR | st.lists(SCALAR, max_size=3) | st.sets(SCALAR, max_size=3) | st.just([[1], {"x": 2}]),
    lambda inner: st.dictionaries(KEY, inner, max_size=2),
    max_leaves=4,
)
PATH = st.lists(KEY, min_size=1, max_size=2)
DEEDS = (
    *("assign", "append", "insert", "extend", "setitem", "pop_item", "remove", "sort", "add", "discard", "union"),
    *("iadd", "count", "delete", "setdefault", "pop", "clear", "copy"),
)
STEP = st.tuples(PATH, st.sampled_from(DEEDS), VALUE)


def did(root, step):
    """Do a step to a dict, as a program does that does not know what kind of dict it is."""
    path, what, value = step
    try:
        target = root
        for key in path[:-1]:
            target = target[key]
        if not isinstance(target, dict):
            return None
        return gossamer.plain(act(target, path[-1], what, value))
    except (KeyError, IndexError, ValueError) as error:
        return type(error)


def act(target, key, what, value):
    it, value = target.get(key), copying.deepcopy(value)
    match what:
        case "assign":
            target[key] = value
        case "append" if isinstance(it, list):
            it.append(value)
        case "insert" if isinstance(it, list):
            it.insert(1, value)
        case "extend" if isinstance(it, list):
            it += [value, 1]
        case "setitem" if isinstance(it, list):
            it[0] = value
        case "pop_item" if isinstance(it, list):
            return it.pop()
        case "remove" if isinstance(it, list | set):
            it.remove(1)
        case "sort" if isinstance(it, list):
            it.sort(key=str)
        case "add" if isinstance(it, set):
            it.add(str(value))
        case "discard" if isinstance(it, set):
            it.discard(1)
        case "union" if isinstance(it, set | dict) and isinstance(value, type(gossamer.plain(it))):
            target[key] |= value
        case "iadd" if isinstance(it, list | int):
            target[key] += [7] if isinstance(it, list) else 7
        case "count" if key not in target or type(it) is int:
            if hasattr(target, "add"):
                target.add(key, 3)
            else:
                target[key] = (it or 0) + 3
        case "delete":
            del target[key]
        case "setdefault":
            return target.setdefault(key, value)
        case "pop":
            return target.pop(key)
        case "clear" if isinstance(it, list | set | dict):
            it.clear()
        case "copy" if it is not None:
            target["c"] = copying.deepcopy(it)
    return None


@given(st.lists(STEP, max_size=16), st.booleans())
def test_alone_it_does_all_that_a_plain_one_does_in_a_batch_or_not(steps, batched):
    mapping = Copy().mapping
    shared, plain = mapping.object("it", dict), {}

    def run():
        for step in steps:
            assert did(shared, step) == did(plain, step), step
            assert shared == plain, step

    if batched:
        with mapping.batch():
            run()
    else:
        run()
    assert shared == plain
    del mapping.objects["it"]
    assert [len(mapping._space(number).names()) for number in (LIST, SET, COUNTER, OBJECT)] == [0, 0, 0, 1]


# -- a partition in the middle -------------------------------------------------------------------

APART = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["append", "prepend", "add", "count", "own", "deep", "hear"]),
        st.integers(1, 9),
    ),
    max_size=24,
)


@given(APART, st.booleans())
def test_through_a_partition_nothing_that_either_put_into_a_nested_thing_is_lost(steps, made_apart):
    copies = Copy("a"), Copy("b")
    items = [copies[0].mapping.object("it", beginning)]
    if not made_apart:
        copies[1].hear(copies[0])
    items.append(copies[1].mapping.object("it", beginning))
    model, sides = beginning(), ([], [])
    for number, (who, what, amount) in enumerate(steps):
        it = items[who]
        copies[who].later(0.001)
        match what:
            case "append":
                it["list"].append((who, number))
                sides[who].append((who, number))
                model["list"].append((who, number))
            case "prepend":
                it["list"].insert(0, (who, number))
                model["list"].append((who, number))
            case "add":
                it["set"].add(amount)
                model["set"].add(amount)
            case "count":
                it.add("number", amount)
                model["number"] += amount
            case "own":
                it[f"of {who}"] = [amount]
                model[f"of {who}"] = [amount]
            case "deep":
                it["deep"]["list"].append(number)
                model["deep"]["list"].append(number)
            case "hear":
                copies[who].hear(copies[1 - who])
    copies[0].meet(copies[1])
    copies[0].meet(copies[1])

    ours, theirs = map(gossamer.plain, items)
    assert ours == theirs
    assert list(ours["list"]) == list(theirs["list"])
    assert {**ours, "list": None, "deep": None} == {**model, "list": None, "deep": None}
    assert sorted(map(repr, ours["list"])) == sorted(map(repr, model["list"]))
    assert sorted(ours["deep"]["list"]) == sorted(model["deep"]["list"])
    for side in sides:
        assert [each for each in ours["list"] if each in side] == side


def beginning():
    return {"list": ["first"], "set": {0}, "number": 5, "deep": {"list": []}}


@given(st.lists(st.tuples(st.integers(0, 2), STEP | st.just("hear")), max_size=24))
def test_whatever_three_do_apart_they_agree_when_they_have_met(steps):
    copies = [Copy(name) for name in "abc"]
    for who, step in steps:
        copies[who].later(0.001)
        if step == "hear":
            copies[who].hear(copies[who - 1])
        else:
            did(copies[who].mapping.object("it", dict), step)
    for _ in range(2):
        for who in range(3):
            copies[who].meet(copies[who - 1])

    values = [gossamer.plain(copy.mapping.object("it", dict)) for copy in copies]
    assert values[0] == values[1] == values[2]


# -- one at a time -------------------------------------------------------------------------------


@pytest.fixture
def pair(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    ours.mapping.object("it", lambda: {"robot": {"tags": ["a", "b"], "seen": {1}, "n": 1}, "on": True})
    ours.meet(theirs)
    return ours, theirs, ours.mapping.objects["it"], theirs.mapping.objects["it"]


def test_one_who_changes_a_list_and_another_who_assigns_beside_it_undo_nothing(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["tags"].append("c")
    yours["robot"]["tags"].insert(0, "z")
    yours["robot"]["speed"] = 5
    ours.meet(theirs)

    robot = {"tags": ["z", "a", "b", "c"], "seen": {1}, "n": 1, "speed": 5}
    assert mine == yours == {"robot": robot, "on": True}


def test_what_is_added_while_another_removes_all_around_it_stays(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["tags"].append("c")
    del yours["robot"]
    ours.meet(theirs)

    assert mine == yours == {"robot": {"tags": ["c"]}, "on": True}


def test_what_is_only_taken_away_does_not_bring_back_what_another_removes(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["tags"].pop()
    mine["robot"]["seen"].clear()
    del yours["robot"]
    ours.meet(theirs)

    assert mine == yours == {"on": True}


def test_a_list_put_in_place_of_another_removes_what_was_seen_of_it(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["tags"] = ["new"]
    yours["robot"]["tags"].append("unseen")
    yours["robot"]["tags"].remove("a")
    ours.meet(theirs)

    assert sorted(mine["robot"]["tags"]) == ["new", "unseen"]
    assert mine == yours


def test_of_two_who_put_things_of_different_types_there_the_later_counts(pair):
    ours, theirs, mine, yours = pair
    mine["robot"]["tags"] = {"a": 1}
    theirs.later(1)
    yours["robot"]["tags"] = {1, 2}
    ours.meet(theirs)
    assert mine["robot"]["tags"] == yours["robot"]["tags"] == {1, 2}

    mine["robot"]["tags"] = ["x"]
    ours.meet(theirs)
    assert yours["robot"]["tags"] == ["x"]
    yours["robot"]["tags"] = {"b": 2}
    ours.meet(theirs)
    assert mine["robot"]["tags"] == {"b": 2}


def test_numbers_that_are_added_to_count_all_and_one_that_is_assigned_begins_anew(pair):
    ours, theirs, mine, yours = pair
    for it in (mine, yours):
        it["robot"].add("n", 10)
        it["robot"].add("new")
    ours.meet(theirs)
    assert (mine["robot"]["n"], yours["robot"]["new"], type(mine["robot"]["n"])) == (21, 2, int)

    mine["robot"]["n"] = 0.5
    yours["robot"].add("n", 100)
    ours.meet(theirs)
    assert mine["robot"]["n"] == yours["robot"]["n"] == 100.5
    for it, key in ((mine["robot"], "tags"), (mine["robot"], "seen"), (mine, "on"), (mine, "robot")):
        with pytest.raises(TypeError, match="holds none"):
            it.add(key)
    with pytest.raises(gossamer.UnsendableValue):
        mine["robot"].add("n", "5")


def test_a_handle_of_what_was_removed_or_replaced_says_so_and_changes_nothing(pair):
    ours, theirs, mine, yours = pair
    tags, seen = mine["robot"]["tags"], mine["robot"]["seen"]
    yours["robot"]["tags"] = 5
    del yours["robot"]["seen"]
    ours.meet(theirs)

    for use in (lambda: tags.append(1), lambda: len(tags), lambda: seen.add(1), lambda: seen == {1}):
        with pytest.raises(gossamer.ObjectGone, match="look it up again"):
            use()
    assert mine["robot"] == {"tags": 5, "n": 1}
    with pytest.raises(gossamer.ObjectGone):
        tags._held._ground(ours.mapping._space(LIST)).write(("x",), [(b"", 1)])


def test_what_merges_nowhere_is_refused_loudly(pair):
    _, _, mine, _ = pair
    mine["rows"] = [[1], {"a": [2]}]
    mine["pair"] = (1, [2])
    for change in (
        lambda: mine["rows"][0].append(2),
        lambda: mine["rows"][1].update(a=5),
        lambda: mine["pair"][1].append(3),
        lambda: mine.copy()["robot"]["tags"].append(1),
        lambda: mine.pop("robot")["tags"].append(1),
    ):
        with pytest.raises(gossamer.FrozenValue):
            change()
    assert mine["rows"] == [[1], {"a": [2]}]


def test_an_operator_in_place_on_what_is_within_changes_that_alone(pair):
    ours, theirs, mine, yours = pair
    yours["robot"]["tags"].append("c")
    ours.later(1)
    mine["robot"]["tags"] += ["d"]
    mine["robot"]["seen"] |= {2}
    mine["robot"]["seen"] -= {1}
    ours.meet(theirs)

    assert sorted(mine["robot"]["tags"]) == ["a", "b", "c", "d"]
    assert mine["robot"]["seen"] == yours["robot"]["seen"] == {2}


def test_it_is_put_elsewhere_by_value_and_shown_as_what_it_is(pair):
    _, _, mine, _ = pair
    mine["copy"] = mine["robot"]["tags"]
    mine["robot"]["tags"].append("c")

    assert (mine["copy"], list(reversed(mine["robot"]["tags"]))) == (["a", "b"], ["c", "b", "a"])
    assert json.loads(json.dumps(mine["robot"]["tags"], default=gossamer.plain)) == ["a", "b", "c"]
    assert (isinstance(mine["robot"]["tags"], list), isinstance(mine["robot"]["seen"], set)) == (True, True)
    assert copying.deepcopy(mine["robot"])["seen"] == {1}
    match mine["robot"]:
        case {"tags": [first, *_], "n": int()}:
            assert first == "a"
        case _:
            pytest.fail("no pattern matched")


def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(pair):
    _, _, mine, _ = pair
    for value, error in (
        ([object()], gossamer.UnsendableValue),
        ({"x": [{1.5}, object()]}, gossamer.UnsendableValue),
        ({1: {2: [3]}, 1.5: 1}, gossamer.InvalidKey),
        ({"x" * 800: [1]}, gossamer.InvalidKey),
    ):
        with pytest.raises(error):
            mine["robot"] = value
        with pytest.raises(error):
            mine.setdefault("new", value)
    assert mine == {"robot": {"tags": ["a", "b"], "seen": {1}, "n": 1}, "on": True}


def test_what_strangers_write_where_nested_things_are_is_not_seen(pair):
    ours, _, mine, _ = pair
    name = ("object", "it", b"", ("robot", "tags"))
    ours.mapping._space(LIST).write(name, [(b"nonsense", 1), ("text", 2), ((b"x",), 3)])
    ours.mapping._space(SET).write(("object", "it", b"", ("robot", "seen")), [(b"x", [1])])
    ours.mapping._space(OBJECT).write(
        ("object", "it", b""), [(("odd",), ("list", 5)), (("none",), ("heap", None)), (("empty",), ("list", None))]
    )

    assert mine == {"robot": {"tags": ["a", "b"], "seen": {1}, "n": 1}, "on": True, "empty": []}


def test_in_a_batch_it_is_read_as_it_will_be_and_others_see_it_at_once_or_not(pair):
    ours, theirs, mine, yours = pair

    def fail():
        with ours.mapping.batch():
            mine["robot"]["tags"].append("c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert mine["robot"]["tags"] == ["a", "b"]
    with mine:
        mine["robot"]["tags"].append("c")
        mine["new"] = {"list": [1]}
        mine["new"]["list"].append(2)
        mine["robot"].add("n", 2)
        assert mine == {
            "robot": {"tags": ["a", "b", "c"], "seen": {1}, "n": 3}, "on": True, "new": {"list": [1, 2]}
        }  # fmt: skip
        theirs.hear(ours)
        assert "new" not in yours
    theirs.hear(ours)

    assert yours == mine
    assert yours["new"]["list"] == [1, 2]


def test_threads_that_change_what_is_within_lose_nothing(copy, eager_threads):
    it = copy.mapping.object("it", lambda: {"list": [], "set": set(), "n": 0})

    def work(number):
        for step in range(50):
            it["list"].append((number, step))
            it["set"].add((number, step))
            it.add("n")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(it["list"]), len(it["set"]), it["n"]) == (200, 200, 200)


def test_what_is_appended_costs_its_rows_and_what_is_removed_none(copy):
    it = copy.mapping.object("it", lambda: {"a": {"list": list(range(100)), "set": {1}, "n": 1}})
    it["a"].add("n")
    before = copy.ledger.writes
    it["a"]["list"].append(5)
    assert copy.ledger.writes - before == 3  # the element, the list and the dict around it

    it["a"] = 5
    assert [copy.mapping._space(number).names() for number in (LIST, SET, COUNTER)] == [[], [], []]


# -- listeners -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "change", "new"),
    [
        ([1], lambda it: it.append(2), [1, 2]),
        ({1}, lambda it: it.add(2), {1, 2}),
        ({"a": 1}, lambda it: it.update(b=2), {"a": 1, "b": 2}),
        ({"a": [1]}, lambda it: it["a"].append(2), {"a": [1, 2]}),
        ({"a": [1]}, lambda it: it["a"].pop(), {"a": []}),
        ({"a": {"b": {1}}}, lambda it: it["a"]["b"].discard(1), {"a": {"b": set()}}),
        ({"a": 1}, lambda it: it.add("a", 4), {"a": 5}),
        (5, lambda it: it.__iadd__(2), 7),
        ("a", lambda it: it.__iadd__("b"), "ab"),
        (None, lambda it: None, None),
    ],
)
def test_every_kind_of_object_tells_of_what_others_do_to_it(make_copy, value, change, new):
    ours, theirs = make_copy(), make_copy("theirs")
    it = ours.mapping.object("it", lambda: value)
    ours.meet(theirs)
    told, watcher = [], ours.watch()
    it.on_change(lambda *what: told.append(what))
    change(theirs.mapping.objects["it"])
    ours.hear(theirs)
    watcher.deliver()
    ours.hear(theirs)
    watcher.deliver()

    assert [(old, now) for _, old, now in told] == ([] if value == new else [(value, new)])
    assert all(who is it for who, _, _ in told)


def test_a_listener_stays_whatever_the_object_is_replaced_by(pair):
    ours, theirs, mine, _ = pair
    told, watcher = [], ours.watch()
    mine.on_change(told.append, value_only=True)
    for act in (
        lambda objects: objects.__setitem__("it", [1]),
        lambda objects: objects["it"].append(2),
        lambda objects: objects.__setitem__("it", "text"),
        lambda objects: objects.__delitem__("it"),
        lambda objects: objects.__setitem__("it", {"a": {1}}),
        lambda objects: objects["it"]["a"].add(2),
    ):
        act(theirs.mapping.objects)
        ours.hear(theirs)
        watcher.deliver()
    assert told == [[1], [1, 2], "text", None, {"a": {1}}, {"a": {1, 2}}]

    mine.off(told.append)
    theirs.mapping.objects["it"] = 5
    ours.hear(theirs)
    watcher.deliver()
    assert len(told) == 6


def test_a_listener_of_what_is_within_hears_of_that_alone(pair):
    ours, theirs, mine, yours = pair
    told, watcher = [], ours.watch()
    for within in (mine["robot"], mine["robot"]["tags"], mine["robot"]["seen"]):
        within.on_change(told.append, value_only=True)
    yours["on"] = False
    yours["robot"]["tags"].append("c")
    ours.hear(theirs)
    watcher.deliver()
    assert told == [{"tags": ["a", "b", "c"], "seen": {1}, "n": 1}, ["a", "b", "c"]]

    del yours["robot"]
    ours.hear(theirs)
    watcher.deliver()
    assert told[2:] == [None, None, None]
