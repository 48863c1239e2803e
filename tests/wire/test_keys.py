"""Which keys there are, that equal keys are one, and how they travel."""

from collections import namedtuple
from enum import Enum, IntEnum, StrEnum

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import InvalidKey, Malformed
from gossamer.wire.keys import (
    KEY_BYTES_MAX,
    SpaceKey,
    canonical_key_bytes,
    checked_key,
    encode_key,
    keys_from_wire,
    keys_to_wire,
)
from gossamer.wire.strict import decode_strict, encode

atoms = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=20)
keys = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
space_keys = st.builds(SpaceKey, st.integers(1, 255), keys.map(checked_key))


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Loud(str):
    def __str__(self):
        return self.upper()


class Sneaky(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


Point = namedtuple("Point", "x y")


def plain(key):
    return type(key) in (str, bytes, int, type(None)) or (type(key) is tuple and all(map(plain, key)))


@given(keys)
def test_a_key_becomes_the_plain_key_that_it_equals(key):
    checked = checked_key(key)

    assert checked == key
    assert hash(checked) == hash(key)
    assert plain(checked)


@pytest.mark.parametrize(
    ("key", "same"),
    [
        (True, 1),
        ((1, (False,)), (1, (0,))),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Loud("quiet"), "quiet"),
        (Point(1, 2), (1, 2)),
        (type("Raw", (bytes,), {})(b"raw"), b"raw"),
    ],
)
def test_a_key_of_a_subclass_that_equals_a_plain_key_is_that_key(key, same):
    checked = checked_key(key)

    assert checked == same == key
    assert type(checked) is type(same)


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        (1.0, "int"),
        (("a", 1.5), "int"),
        ([1], "tuple"),
        ({1}, "tuple"),
        (bytearray(b"a"), "bytes"),
        (object(), "str"),
        (Sneaky("a"), "str"),
        (Enum("Plain", "A").A, "str"),
    ],
)
def test_anything_else_is_no_key_and_the_error_says_what_to_use(key, advice):
    with pytest.raises(InvalidKey, match=rf"a key is str, bytes, int, None, or a tuple of these; use {advice}\("):
        checked_key(key)


def test_a_key_may_have_1024_bytes_encoded_and_no_more():
    for unit in ("a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{SNOWMAN}"):
        longest = unit * ((KEY_BYTES_MAX - 3) // len(unit.encode()))
        assert checked_key(longest) == longest

        with pytest.raises(InvalidKey, match="too long: at most 1024"):
            checked_key(longest + unit)


def test_ints_as_keys_end_where_cbor_does():
    assert checked_key(2**64 - 1)
    assert checked_key(-(2**64))

    for beyond in (2**64, -(2**64) - 1):
        with pytest.raises(InvalidKey, match=r"use str\(key\)"):
            checked_key(("a", beyond))


def test_a_lone_surrogate_is_no_key():
    with pytest.raises(InvalidKey, match="lone surrogate"):
        checked_key(("a", "\udc80"))


def test_a_key_nests_eight_tuples_and_no_more():
    key = "a"
    for _ in range(8):
        key = (key,)
    assert checked_key(key) == key

    with pytest.raises(InvalidKey, match="flatten"):
        checked_key((key,))


def test_a_tuple_that_repeats_one_that_repeats_one_is_refused_at_once():
    key = ("a",)
    for _ in range(7):
        key = (key,) * 100

    with pytest.raises(InvalidKey, match="too long"):
        checked_key(key)


@given(keys)
def test_the_encoding_is_what_cbor2_calls_canonical(key):
    key = checked_key(key)

    assert encode_key(key) == cbor2.dumps(key, canonical=True)


@given(keys.map(checked_key), keys.map(checked_key))
def test_keys_are_equal_exactly_if_their_bytes_are(one, other):
    assert (one == other) == (encode_key(one) == encode_key(other))


@pytest.mark.parametrize(
    ("key", "golden"),
    [
        ("bench/3/temp", "006c62656e63682f332f74656d70"),
        ("é", "0062c3a9"),
        (b"\x00\xff", "004200ff"),
        (0, "0000"),
        (-1, "0020"),
        (1000, "001903e8"),
        (-70000, "003a0001116f"),
        (2**64 - 1, "001bffffffffffffffff"),
        (None, "00f6"),
        (("a", 1, (None,)), "008361610181f6"),
        ((), "0080"),
        (SpaceKey(7, "hits"), "076468697473"),
        (SpaceKey(255, ("a", 1)), "ff82616101"),
    ],
)
def test_the_bytes_that_digests_are_taken_over_never_change(key, golden):
    assert canonical_key_bytes(key).hex() == golden


@given(st.lists(keys.map(checked_key) | space_keys, max_size=8))
def test_a_column_of_keys_arrives_as_it_was_sent(column):
    arrived = keys_from_wire(decode_strict(encode(keys_to_wire(column))))

    assert arrived == column
    assert list(map(type, arrived)) == list(map(type, column))


def test_a_column_of_plain_keys_is_not_copied_to_travel():
    column = ["a", b"b", 3, None, ("c", 4)]

    assert keys_to_wire(column) is column
    assert keys_to_wire(tuple(column)) == column


@pytest.mark.parametrize(
    "item",
    [
        True,
        1.0,
        [True],
        ["a", [2.5]],
        {},
        {b"\x00": "a"},
        {b"": "a"},
        {b"\x01\x02": "a"},
        {"a": "b"},
        {b"\x01": "a", b"\x02": "b"},
        {b"\x01": {b"\x01": "a"}},
        {b"\x01": 0.5},
        [{b"\x01": "a"}],
        "a" * 1022,
        ["a" * 1020, "b"],
        [[[[[[[[["a"]]]]]]]]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_key_that_nobody_could_have_written_is_malformed(item):
    with pytest.raises(Malformed, match="key"):
        keys_from_wire(["fine", item])


def test_long_keys_arrive_too():
    column = ["a" * 1021, "b", ["c" * 1000]]

    assert keys_from_wire(column) == ["a" * 1021, "b", ("c" * 1000,)]


def test_a_key_of_a_reserved_space_equals_no_key_of_the_users():
    key = SpaceKey(1, "a")

    assert key == SpaceKey(1, "a")
    assert hash(key) == hash(SpaceKey(1, "a"))
    assert key not in {"a", (1, "a"), SpaceKey(2, "a"), SpaceKey(1, "b")}
    with pytest.raises(AttributeError):
        key.space = 2
    with pytest.raises(InvalidKey):
        checked_key(key)


@pytest.mark.parametrize("space", [0, 256, -1, True, "a"])
def test_a_reserved_space_is_1_to_255(space):
    with pytest.raises(InvalidKey, match="1 to 255"):
        SpaceKey(space, "a")
