"""What stands for a value answers as that value would, whatever Python asks it."""

from __future__ import annotations

import collections.abc
import copy as copying
import dataclasses
import enum
import json
import math
import operator
import pickle
import re
from datetime import date
from decimal import Decimal

import pytest

import gossamer
from gossamer.views.reached import PLAIN


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


class Colour(enum.Enum):
    RED = 1


gossamer.register(Point, "test proxy point")
gossamer.register(Colour, "test proxy colour")

VALUES = [
    [], [3, 1, 2], [[1], "a"], set(), {1, 2}, {}, {"a": 1, "b": {"c": 2}}, 0, 7, -3, 2**70, 2.5, -0.0, 1e300,
    True, None, "", "abc", "12", b"", b"abc", (1, 2), frozenset({1}), Decimal("1.5"), date(2026, 1, 2), Point(1, 2),
    Colour.RED,
]  # fmt: skip

OTHERS = [0, 2, 2.5, "a", [1], (1,), {1, 3}, {"a": 5}, None, Point(5, 5), [3, 1, 2]]

QUESTIONS = {
    "str": str, "repr": repr, "bool": bool, "len": len, "iter": lambda v: list(iter(v)), "hash": hash, "int": int,
    "float": float, "complex": complex, "index": operator.index, "bytes": bytes, "abs": abs, "neg": operator.neg,
    "pos": operator.pos, "invert": operator.invert, "round": round,
    "round 1": lambda v: round(v, 1), "trunc": math.trunc,
    "floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt, "format": lambda v: f"{v}",
    "format >12": lambda v: f"{v:>12}",
    "format .2f": lambda v: f"{v:.2f}", "reversed": lambda v: list(reversed(v)),
    "sorted": sorted, "list": list, "tuple": tuple, "set": set, "dict": dict,
    "star": lambda v: [*v], "stars": lambda v: {**v},
    "range": range, "slice": lambda v: v[1:], "first": lambda v: v[0], "a": lambda v: v["a"],
    "key": lambda v: {v: 1}[v],
    "as index": lambda v: ["x", "y", "z"][v], "slice by": lambda v: "abcdef"[v:], "sum": sum, "max": max,
    "join": lambda v: "-".join(map(str, v)), "isinstance": lambda v: [isinstance(v, t) for t in
        (list, set, dict, int, float, bool, str, bytes, tuple, Point, Colour, Decimal, date)],
    "abstract": lambda v: [isinstance(v, t) for t in (collections.abc.Iterable, collections.abc.Sized,
        collections.abc.Sequence, collections.abc.Mapping, collections.abc.Set, collections.abc.Hashable,
        collections.abc.Container, collections.abc.Reversible, collections.abc.Callable, collections.abc.Iterator)],
    "callable": callable, "next": next, "call": lambda v: v(), "upper": lambda v: v.upper(), "x": lambda v: v.x,
    "name": lambda v: v.name, "value": lambda v: v.value, "real": lambda v: v.real, "year": lambda v: v.year,
    "keys": lambda v: list(v.keys()), "items": lambda v: list(v.items()), "values": lambda v: list(v.values()),
    "get": lambda v: v.get("a"), "get none": lambda v: v.get("none", 5), "count": lambda v: v.count(1),
    "position": lambda v: v.index(1), "union": lambda v: v.union([9]), "copying": lambda v: v.copy(),
    "no such": lambda v: v.no_such, "has": lambda v: hasattr(v, "append"), "class": lambda v: v.__class__,
    "copy": copying.copy, "deepcopy": copying.deepcopy, "pickle": lambda v: pickle.loads(pickle.dumps(v)),
    "pickle 0": lambda v: pickle.loads(pickle.dumps(v, 0)), "unpack": lambda v: (lambda a, b: (a, b))(*v),
    "itself": lambda v: v == v, "not itself": lambda v: v != v, "less": lambda v: v < v, "twice": lambda v: v + v,
}  # fmt: skip

OPERATORS = {
    name: getattr(operator, name)
    for name in re.findall(
        r"\w+",
        "eq ne lt le gt ge add sub mul truediv floordiv mod pow lshift rshift and_ or_ xor contains getitem matmul",
    )
} | {"divmod": divmod}


def asked(question, *values):
    """What came, and of which type, or the error's type."""
    try:
        answer = question(*values)
    except Exception as error:
        return type(error)
    return PLAIN.get(type(answer), type(answer)), repr(answer)


def stand_in(mapping, value):
    return mapping.object("it", lambda: value)


IN_C = {
    type(None): {"slice by"},
    str: {"ceil", "floor", "sqrt"},
    bytes: {"ceil", "floor", "sqrt"},
}
"""Where only the exact type will do, or where `math` takes for a number what a number can be made of."""


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_it_answers_every_question_as_its_value_would(mapping, value):
    it = stand_in(mapping, value)

    wrong = {name: asked(q, it) for name, q in QUESTIONS.items() if asked(q, it) != asked(q, value)}
    assert {name: answer for name, answer in wrong.items() if name not in IN_C.get(type(value), ())} == {}


@pytest.mark.parametrize("value", [value for value in VALUES if value != 2**70], ids=repr)
def test_it_takes_part_in_every_operation_as_its_value_would_on_either_side(mapping, value):
    it = stand_in(mapping, value)

    wrong = {}
    for name, operate in OPERATORS.items():
        for other in [*OTHERS, value]:
            if asked(operate, it, other) != asked(operate, value, other):
                wrong[name, repr(other)] = asked(operate, it, other), asked(operate, value, other)
            old_format = name == "mod" and isinstance(other, str | bytes)  # written in C, it wants the exact type
            if (
                name not in ("contains", "getitem")
                and not old_format
                and asked(operate, other, it) != asked(operate, other, value)
            ):
                wrong[repr(other), name] = asked(operate, other, it), asked(operate, other, value)
        if asked(operate, it, it) != asked(operate, value, value):
            wrong[name] = asked(operate, it, it)
    assert wrong == {}


IN_PLACE = {
    name: getattr(operator, name)
    for name in re.findall(r"\w+", "iadd isub imul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor")
}


@pytest.mark.parametrize("value", [[3, 1], {1, 2}, {"a": 1}, 7, 2.5, "abc", (1, 2), True, Decimal("1.5")], ids=repr)
@pytest.mark.parametrize("name", IN_PLACE)
def test_an_operator_in_place_changes_the_object_and_keeps_the_proxy(make_copy, value, name):
    for other in (2, 0.5, "a", [5], {1, 9}, {"b": 5}, (5,)):
        ours, theirs = make_copy(), make_copy("theirs")
        it = stand_in(ours.mapping, value)
        expected = asked(IN_PLACE[name], copying.deepcopy(value), other)
        results = []
        result = asked(lambda it, other, results=results: results.append(IN_PLACE[name](it, other)), it, other)
        if isinstance(expected, type):
            assert result is expected
            assert it == value
            continue
        ours.meet(theirs)
        assert type(results[0]).__name__.startswith("Proxy")
        assert (repr(theirs.mapping.objects["it"]), repr(gossamer.plain(theirs.mapping.objects["it"]))) == (
            expected[1],
            expected[1],
        )


def test_json_takes_it_by_the_default_that_is_offered(mapping):
    for name, value in {"list": [1, [2]], "dict": {"a": {"b": [1]}}, "int": 5, "text": "a", "none": None}.items():
        it = mapping.object(name, lambda value=value: value)
        assert json.loads(json.dumps({"it": it}, default=gossamer.plain)) == {"it": value}
    mapping.shared_list("list").append(1)
    mapping.counter("n").add(3)
    assert json.dumps([mapping.shared_list("list"), mapping.counter("n")], default=gossamer.plain) == "[[1], 3]"


def test_plain_gives_what_may_be_changed_and_leaves_other_things_alone(mapping):
    it = mapping.object("it", lambda: [1, 2])
    ours = gossamer.plain(it)
    ours.append(3)
    thing = object()

    assert (type(ours), it) == (list, [1, 2])
    assert gossamer.plain(thing) is thing
    assert gossamer.plain({"a": 1}) == {"a": 1}


def test_patterns_match_it(mapping):
    def shape(value):
        match value:
            case {"a": inner}:
                return "mapping", inner
            case [first, *rest]:
                return "sequence", first, rest
            case int():
                return "int"
            case "text":
                return "text"
        return None

    for name, value in {"d": {"a": 1}, "l": [1, 2], "n": 4, "t": "text", "s": {1}}.items():
        assert shape(mapping.object(name, lambda value=value: value)) == shape(value)


def test_what_it_holds_cannot_be_changed_behind_its_back(mapping):
    point = stand_in(mapping, Point(1, 2))
    with pytest.raises(gossamer.FrozenValue, match="assign a changed copy"):
        point.x = 5
    with pytest.raises(gossamer.FrozenValue):
        del point.x
    rows = mapping.object("rows", lambda: [[1], {"a": 1}])
    with pytest.raises(gossamer.FrozenValue):
        rows[0].append(2)
    with pytest.raises(gossamer.FrozenValue):
        rows[1]["a"] = 2

    assert (point, rows) == (Point(1, 2), [[1], {"a": 1}])


def test_within_its_block_all_that_is_done_is_one_batch(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    it = ours.mapping.object("it")
    with it as items:
        items.append(1)
        ours.mapping["k"] = 1
        items += [2]
        theirs.hear(ours)
        assert theirs.mapping.objects["it"] == []

    def fail():
        with it:
            it.append(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    theirs.hear(ours)
    assert (theirs.mapping.objects["it"], theirs.mapping) == ([1, 2], {"k": 1})


def test_when_its_type_changes_it_follows(mapping):
    it = stand_in(mapping, 5)
    other = mapping.objects["it"]
    mapping.objects["it"] = "text"

    assert other.upper() == "TEXT"
    assert (it == "text", len(it), it[0], isinstance(it, str)) == (True, 4, "t", True)
    mapping.objects["it"] = [1]
    assert it == [1]
    it.append(2)
    assert list(it) == list(other) == [1, 2]
