"""What a value is after its journey: the same value, of the same types; or refused, with its path and what to do."""

import math
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, getcontext, localcontext
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from uuid import UUID
from zoneinfo import ZoneInfo

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gossamer.errors import UnsendableValue
from gossamer.wire import heads
from gossamer.wire.values import (
    IMMUTABLE_TYPES,
    FrozenDict,
    FrozenList,
    FrozenSet,
    decode_value,
    encode_value,
    freeze,
)

offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
naive = st.datetimes()
aware = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)
exponents = st.integers(-5000, 5000)
decimals = st.decimals().filter(lambda number: not number.is_snan()) | st.builds(
    lambda n, e: Decimal(n).scaleb(e), st.integers(-999, 999), exponents
)
plain_scalars = (
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=300)
)
scalars = (
    plain_scalars
    | st.integers(-(2**2000), 2**2000)
    | naive
    | aware
    | st.dates()
    | st.times()
    | st.timedeltas()
    | decimals
    | st.uuids()
)


def is_quiet(scalar):
    """A NaN is a key that nobody finds again, not even these tests."""
    return not (isinstance(scalar, float | Decimal) and scalar != scalar)


hashables = st.recursive(
    scalars.filter(is_quiet),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.binary(max_size=5), inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=4)
        | st.frozensets(hashables, max_size=4)
    ),
    max_leaves=12,
)

FROZEN = {list: FrozenList, dict: FrozenDict, set: FrozenSet}


def assert_same(read, written):
    """Assert equality of value and of exact type, all the way down; NaN is itself here, and -0.0 not 0.0."""
    assert type(read) is FROZEN.get(type(written), type(written))
    match written:
        case list() | tuple():
            assert len(read) == len(written)
            for one, other in zip(read, written, strict=True):
                assert_same(one, other)
        case dict():
            assert_same(tuple(read), tuple(written))
            assert_same(tuple(read.values()), tuple(written.values()))
        case set() | frozenset():
            assert_same(tuple(sorted(read, key=encode_value)), tuple(sorted(written, key=encode_value)))
        case float():
            assert math.copysign(1, read) == math.copysign(1, written) or math.isnan(written)
            assert read == written or (math.isnan(read) and math.isnan(written))
        case Decimal():
            assert read.compare_total(written) == 0
        case datetime() | time():
            assert read.replace(tzinfo=None) == written.replace(tzinfo=None)
            assert read.utcoffset() == written.utcoffset()
            assert read.fold == written.fold or read.tzinfo is not None
        case _:
            assert read == written


@given(values)
@example({1.5: {(1, b"x"): {None: {frozenset({2**70})}}}})
@example([0.0, -0.0, math.nan, math.inf, -math.inf])
@example({0.0: {1: True}, "a": {True: 1}})
@example(Decimal("NaN12"))
@example({math.nan, float("nan")})
def test_a_value_is_read_as_it_was_written_of_the_same_types(value):
    assert_same(decode_value(encode_value(value)), value)


@given(values)
def test_what_was_read_can_be_written_again_in_the_same_bytes(value):
    data = encode_value(value)

    assert encode_value(decode_value(data)) == data


@given(values)
def test_a_reader_of_ones_own_write_gets_what_others_get(value):
    frozen = freeze(value)

    assert encode_value(frozen) == encode_value(value)
    assert_same(frozen, value)


@given(plain_scalars)
def test_a_plain_scalar_is_encoded_as_cbor2_does_it(value):
    assert encode_value(value) == cbor2.dumps(value)


@given(st.integers(0, 7), st.integers(0, 2**64 - 1) | st.integers(0, 300))
def test_every_head_is_the_shortest(major, number):
    made = heads.head(major, number)

    assert made[0] >> 5 == major
    assert heads.head(0, number) == cbor2.dumps(number)


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 65535, 65536])
def test_texts_and_bytes_of_every_length_of_head_travel(length):
    for value in ("a" * length, b"a" * length):
        assert encode_value(value) == cbor2.dumps(value)
        assert_same(decode_value(encode_value(value)), value)


GOLDEN = [
    (None, "f6"),
    (False, "f4"),
    (True, "f5"),
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65536, "1a00010000"),
    (2**64 - 1, "1bffffffffffffffff"),
    (-1, "20"),
    (-256, "38ff"),
    (-257, "390100"),
    (-(2**64), "3bffffffffffffffff"),
    (2**64, "d9e70049010000000000000000"),
    (-(2**64) - 1, "d9e70049feffffffffffffffff"),
    (21.5, "fb4035800000000000"),
    (-0.0, "fb8000000000000000"),
    (math.nan, "f97e00"),
    (math.inf, "f97c00"),
    (-math.inf, "f9fc00"),
    ("on", "626f6e"),
    ("é", "62c3a9"),
    (b"\x00\xff", "4200ff"),
    ([1, "a", None], "83016161f6"),
    ([2**64], "81d9e70049010000000000000000"),
    ((1, 2), "d9e701820102"),
    ((), "d9e70180"),
    ({"x": 1.0, "y": [2]}, "a26178fb3ff000000000000061798102"),
    ({b"x": 1, "x": 2}, "a2417801617802"),
    ({2: "b", 1: "a"}, "d9e70284026162016161"),
    ({(1, 2): None}, "d9e70282d9e701820102f6"),
    ({3, 1, 2}, "d9e70383010203"),
    (frozenset({"b", "a"}), "d9e7048261616162"),
    (datetime(2026, 1, 2, 3, 4, 5, 6), "d9e705781a323032362d30312d30325430333a30343a30352e303030303036"),
    (datetime(2026, 1, 2, tzinfo=UTC), "d9e7057819323032362d30312d30325430303a30303a30302b30303a3030"),
    (datetime(2026, 1, 2, fold=1), "d9e705781a323032362d30312d30325430303a30303a30303b666f6c643d31"),
    (date(2026, 1, 2), "d9e7066a323032362d30312d3032"),
    (time(3, 4), "d9e7076830333a30343a3030"),
    (timedelta(milliseconds=-1), "d9e70842fc18"),
    (timedelta.max, "d9e7084904af0a763bb1bfffff"),
    (Decimal("-1.10"), "d9e709652d312e3130"),
    (UUID(int=1), "d9e70a5000000000000000000000000000000001"),
]


@pytest.mark.parametrize(
    ("value", "golden"), GOLDEN, ids=[f"{type(value).__name__}-{golden}"[:40] for value, golden in GOLDEN]
)
def test_the_bytes_of_a_value_never_change(value, golden):
    data = bytes.fromhex(golden)

    assert encode_value(value) == data
    assert_same(decode_value(data), value)


@given(st.lists(hashables, max_size=6, unique=True), st.randoms())
def test_equal_sets_have_equal_bytes_however_they_were_made(elements, rng):
    shuffled = elements.copy()
    rng.shuffle(shuffled)

    assert encode_value(set(elements)) == encode_value(set(shuffled))
    assert encode_value(frozenset(elements)) == encode_value(frozenset(shuffled))


def test_a_dict_keeps_its_order():
    assert list(decode_value(encode_value({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(decode_value(encode_value({2: 1, "a": 2, 1: 3}))) == [2, "a", 1]


def test_a_time_zone_becomes_its_offset_at_that_moment():
    berlin = ZoneInfo("Europe/Berlin")
    winter, summer = (datetime(2026, month, 1, 12, tzinfo=berlin) for month in (1, 7))

    read = decode_value(encode_value([winter, summer]))

    assert read == [winter, summer] == freeze([winter, summer])
    assert [moment.tzinfo for moment in read] == [timezone(timedelta(hours=hours)) for hours in (1, 2)]


def test_the_second_of_two_equal_local_times_stays_the_second():
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin")) for fold in (0, 1))
    naive_second = datetime(2026, 10, 25, 2, 30, fold=1)

    read = decode_value(encode_value((first, second, naive_second)))

    assert [moment.utcoffset() for moment in read[:2]] == [timedelta(hours=2), timedelta(hours=1)]
    assert (
        [moment.fold for moment in read]
        == [moment.fold for moment in freeze((first, second, naive_second))]
        == [0, 0, 1]
    )
    assert decode_value(encode_value(time(2, 30, fold=1))).fold == 1


def test_a_decimal_has_one_form_whatever_the_programs_context_says():
    before = encode_value(Decimal("1E+10"))
    with localcontext() as context:
        context.capitals = 0
        context.prec = 2

        assert encode_value(Decimal("1E+10")) == before
        assert decode_value(encode_value(Decimal("1.23456"))).compare_total(Decimal("1.23456")) == 0
    assert getcontext().capitals == 1


class Tint(IntEnum):
    RED = 1


class Mood(Enum):
    CALM = "calm"


@dataclass
class Pose:
    x: float


class Real(float):
    pass


class Text(str):
    def __str__(self):
        return "something else"


class Scalar(float):
    """Stands for numpy.float64, which is a float too."""

    shape = ()


class Array:
    shape = (2, 2)


Scalar.__module__ = Array.__module__ = "numpy"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Scalar(1.5), r"is a numpy.Scalar, which cannot travel; convert it with float\(x\) or x.item\(\)"),
        (Array(), r"is a numpy.Array.*x.tolist\(\)"),
        (Real(1.5), r"float\(x\)"),
        (Text("a"), r"str.__str__\(x\)"),
        (bytearray(b"a"), r"is a bytearray, which cannot travel; convert it with bytes\(x\)"),
        (memoryview(b"a"), r"bytes\(x\)"),
        (1j, r"\(x.real, x.imag\)"),
        (Tint.RED, r"gossamer.register\(Tint\)"),
        (Mood.CALM, r"gossamer.register\(Mood\)"),
        (Pose(1.0), r"gossamer.register\(Pose\), here and where it is read"),
        (OrderedDict(), r"is a collections.OrderedDict.*dict\(x\)"),
        (defaultdict(int), r"dict\(x\)"),
        (range(3), r"list\(x\)"),
        ({}.keys(), r"list\(x\)"),
        (deque(), "is a collections.deque"),
        (Fraction(1, 3), "dataclass"),
        (PurePosixPath("/"), "dataclass"),
        (object(), r"is an object, which cannot travel; .* gossamer.register"),
        (Pose, r"is a type.*send a name"),
        (len, r"send a name"),
        ("\ud800", r"holds a lone surrogate.*surrogateescape"),
        (1 << 8192, "beyond 1024 bytes"),
        (Decimal("sNaN"), r"send Decimal\(\"NaN\"\)"),
        (Decimal("1E+6145"), "exponent"),
        (Decimal("1E-6145"), "exponent"),
        (Decimal("1" * 1025), "1024 characters"),
        (time(1, tzinfo=ZoneInfo("Europe/Berlin")), "no offset"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_travel_is_refused_and_the_error_says_what_to_do(value, said):
    for container in (value, [value], [1.5, value], {"name": value}, (value,)):
        with pytest.raises(UnsendableValue, match=said) as caught:
            encode_value(container)

        assert str(caught.value).startswith("value")
        assert str(caught.value).endswith("Nothing was stored.")
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"poses": [1, 2, 3, {"x": object()}]}, 'value["poses"][3]["x"] is'),
        ((1, {2: [object()]}), "value[1][2][0] is"),
        ({("a", 1): object()}, "value[('a', 1)] is"),
        ({b"raw": [object()]}, "value[b'raw'][0] is"),
        ({"a\n": object()}, 'value["a\\n"] is'),
        ({"long" * 100: object()}, "value['longlonglo"),
        ({(1, "\udc80")}, "value{(1, '\\udc80')}[1] holds"),
        (["fine", "\udc80"], "value[1] holds"),
        ({"\udc80": 1}, 'value["\\udc80"] holds'),
        ([0, 1 << 9000], "value[1] is an int"),
    ],
)
def test_the_error_names_the_path_inside_the_value(value, path):
    with pytest.raises(UnsendableValue) as caught:
        encode_value(value)

    assert str(caught.value).startswith(path)


def nested(levels, wrap):
    value = wrap(0)
    for _ in range(levels - 1):
        value = wrap(value)
    return value


WRAPS = {
    "list": lambda item: [item],
    "tuple": lambda item: (item,),
    "dict": lambda item: {"a": item},
    "dict of ints": lambda item: {1: item},
    "frozenset": lambda item: frozenset([item]),
    "key": lambda item: (frozenset([item]),),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_values_nest_sixteen_levels_and_no_more(wrap):
    levels = 8 if wrap == "key" else 16
    deepest = nested(levels, WRAPS[wrap])
    assert_same(decode_value(encode_value(deepest)), deepest)

    with pytest.raises(UnsendableValue, match="deeper than 16 levels"):
        encode_value((deepest,))


def test_a_tagged_scalar_may_lie_at_the_deepest_level():
    for scalar in (date(2026, 1, 1), 2**64, Decimal(1)):
        deepest = nested(16, lambda item, scalar=scalar: (item or scalar,))

        assert_same(decode_value(encode_value(deepest)), deepest)


def test_a_value_that_holds_itself_is_refused():
    mine, ours = [], {}
    mine.append(mine)
    ours["both"] = [ours, ours]

    for value in (mine, ours):
        with pytest.raises(UnsendableValue, match="holds itself"):
            encode_value(value)


def test_a_value_that_repeats_what_repeats_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr("gossamer.wire.value_encoder.CONTAINERS_MAX", 10_000)  # the true bound takes seconds
    value = 0
    for _ in range(16):
        value = [value] * 10

    with pytest.raises(UnsendableValue, match="more than 10000 containers"):
        encode_value(value)


def test_what_may_be_written_of_many_containers_may_be_read(monkeypatch):
    # The bound itself takes seconds; the rule is the same for a smaller one.
    for module in ("value_encoder", "value_decoder"):
        monkeypatch.setattr(f"gossamer.wire.{module}.CONTAINERS_MAX", 100)
    most = [[(), {1: 2}, {3}, "a" * 200, *[[] for _ in range(94)]], b"\x80" * 200]
    assert_same(decode_value(encode_value(most)), most)

    with pytest.raises(UnsendableValue, match="containers"):
        encode_value([*most, [], []])


def test_keys_that_share_a_hash_are_refused_when_there_are_too_many():
    # In CPython hash(-1) == hash(-2), so these 2**k tuples have one hash.
    def crowd(k):
        return {tuple(-1 - (number >> bit & 1) for bit in range(k)): 0 for number in range(2**k)}

    assert_same(decode_value(encode_value(crowd(6))), crowd(6))
    for crowded in (crowd(7), set(crowd(7)), frozenset(crowd(7))):
        with pytest.raises(UnsendableValue, match="same hash"):
            encode_value(crowded)


def test_immutable_types_are_those_that_freezing_returns_as_they_are():
    for value in (None, True, 3, 2**70, 1.5, "a", b"a", date.max, timedelta(1), Decimal(1), UUID(int=1)):
        assert type(value) in IMMUTABLE_TYPES
        assert freeze(value) is value
