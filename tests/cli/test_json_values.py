"""What a mesh can hold can be printed as JSON and read again, unchanged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer import Unknown
from gossamer.cli.json_values import compact, plain, value_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ZONES = st.none() | st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=8)
    | st.datetimes(timezones=ZONES)
    | st.builds(datetime.replace, st.datetimes(), fold=st.integers(0, 1))
    | st.dates()
    | st.times()
    | st.builds(time.replace, st.times(), fold=st.integers(0, 1))
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.builds(Unknown, TEXTS, st.binary(max_size=8))
)
NAMES = TEXTS | st.sampled_from(["$tuple", "$bytes", "$nothing"]) | st.integers() | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.sets(SCALARS, max_size=3)
        | st.frozensets(SCALARS, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_survives_the_way_through_json(value):
    there_and_back = value_of(json.loads(compact(plain(value))))

    assert there_and_back == value
    assert exact(there_and_back) == exact(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\x00\xff", '{"$bytes": "AP8="}'),
        ((1, "a"), '{"$tuple": [1, "a"]}'),
        ({2, 1}, '{"$set": [1, 2]}'),
        (frozenset({"b", "a"}), '{"$frozenset": ["a", "b"]}'),
        (datetime(2026, 11, 21, 4, 37, tzinfo=UTC), '{"$datetime": "2026-11-21T04:37:00+00:00"}'),
        (time(2, 30, fold=1), '{"$time": "02:30:00;fold=1"}'),
        (timedelta(seconds=-0.5), '{"$seconds": "-0.500000"}'),
        (Decimal("1.50"), '{"$decimal": "1.50"}'),
        (float("inf"), '{"$float": "inf"}'),
        ({1: "one"}, '{"$dict": [[1, "one"]]}'),
        ({"$set": 1}, '{"$dict": [["$set", 1]]}'),
        ({"plain": [None, True]}, '{"plain": [null, true]}'),
    ],
)
def test_what_json_does_not_know_is_spelled_out(value, text):
    assert compact(plain(value)) == text
    assert value_of(json.loads(text)) == value


def test_not_a_number_is_one_again():
    assert compact(plain(float("nan"))) == '{"$float": "nan"}'
    assert str(value_of({"$float": "nan"})) == "nan"


@pytest.mark.parametrize(
    "content",
    [
        {"$uuid": "no"},
        {"$bytes": 5},
        {"$tuple": {}},
        {"$decimal": "x"},
        {"$dict": [[1]]},
        {"$set": [[1]]},
        {"$date": ""},
    ],
)
def test_what_stands_for_no_value_is_refused_with_its_name(content):
    with pytest.raises(ValueError, match=r"\$"):
        value_of(content)


def test_an_object_with_a_name_that_is_not_ours_is_itself():
    assert value_of({"$nothing": 1}) == {"$nothing": 1}
    assert value_of({"$set": [1], "and": 2}) == {"$set": [1], "and": 2}


def exact(value):
    """Return `value` with the types of everything in it, which `==` overlooks."""
    match value:
        case list() | tuple():
            return type(value).__name__, [exact(item) for item in value]
        case dict():
            return "dict", [(exact(name), exact(item)) for name, item in value.items()]
        case set() | frozenset():
            return type(value).__name__, sorted(map(repr, map(exact, value)))
        case datetime() | time():
            return type(value).__name__, value.isoformat(), value.fold
    return type(value).__name__, repr(value)
