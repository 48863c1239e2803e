"""A stranger's bytes as a value: either a value that can be used in every way, or `Malformed`; never anything else."""

import copy
import pickle
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gossamer.errors import Malformed, UnsendableValue
from gossamer.wire import bounds, heads, registered, tags
from gossamer.wire.values import Unknown, decode_value, encode_value, freeze, register

OWN_TAGS = [number for name, number in vars(tags).items() if name.isupper()]
# What cbor2 would decode by itself: dates, bignums, regular expressions, shared references, MIME, sets ...
STANDARD_TAGS = [0, 1, 2, 3, 4, 5, 24, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799]


def item(major, payload_of):
    return st.one_of(payload_of).map(lambda parts: heads.head(major, len(parts)) + b"".join(parts))


TEXTS = [
    *("", "a", "Pose", "Fiend", "2026-01-01", "2026-13-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *(
        "12:00:00",
        "12:00:00;fold=1",
        "24:00:00",
        "1E+6144",
        "1E+100000000",
        "NaN",
        "sNaN1",
        "-0",
        "Infinity",
        "1e5",
        "1_0",
    ),
]
leaves = (
    st.builds(heads.head, st.sampled_from([0, 1]), st.integers(0, 2**64 - 1))
    | st.sampled_from(TEXTS).map(heads.encode_text)
    | st.binary(max_size=20).map(heads.encode_bytes)
    | st.floats().map(heads.encode_float)
    | st.integers(0xE0, 0xFF).map(lambda first: bytes([first]))
    | st.sampled_from([b"\xf9\x7e\x01", b"\xfb\x7f\xf8\0\0\0\0\0\1", b"\x18\x00", b"\x1b" + bytes(8), b"\xf8\x20"])
)


def branches(inner):
    tag = st.sampled_from(OWN_TAGS + OWN_TAGS + STANDARD_TAGS).map(lambda number: heads.head(heads.TAG, number))
    array = item(heads.ARRAY, [st.lists(inner, max_size=4)])
    named = st.builds(
        lambda name, content: [heads.encode_text(name), heads.encode_bytes(content)], st.sampled_from(TEXTS), inner
    )
    return (
        array
        | st.lists(st.tuples(inner, inner).map(b"".join), max_size=3).map(
            lambda pairs: heads.head(heads.MAP, len(pairs)) + b"".join(pairs)
        )
        | st.builds(bytes.__add__, tag, array | inner)
        | item(heads.ARRAY, [named]).map(lambda array: heads.head(heads.TAG, tags.REGISTERED) + array)
        | array.map(lambda array: b"\x9f" + array[1:] + b"\xff")
    )


crafted = st.recursive(leaves, branches, max_leaves=12)


@dataclass(frozen=True)
class Pose:
    x: float


@dataclass(frozen=True)
class Fiend:
    """Its code raises what no codec would expect."""

    x: object = None

    def __post_init__(self):
        raise AssertionError("bytes have run a constructor")

    def __hash__(self):
        raise self.x if isinstance(self.x, Exception) else LookupError("no hash today")


@pytest.fixture(autouse=True, scope="module")
def registry():
    """Have one plain class registered, and one that misbehaves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registered, "_by_class", {})
        patch.setattr(registered, "_by_name", {})
        register(Pose)
        register(Fiend)
        yield


def use_in_every_way(value):
    """Do to a value what programs do with what they read."""
    assert repr(value)
    assert isinstance(str(value), str)
    assert bool(value) in (False, True)
    with suppress(TypeError, LookupError):  # it holds a list, or a Fiend
        hash(value)
    assert (value == freeze(value)) in (False, True)  # a NaN is not equal to itself
    copy.deepcopy(value)
    pickle.loads(pickle.dumps(value))
    try:
        data = encode_value(value)
    except UnsendableValue as error:
        assert "deeper than" in str(error)  # noqa: PT017
        return
    assert encode_value(decode_value(data)) == data


def decode_or_refuse(data):
    try:
        value = decode_value(data)
    except Malformed:
        return
    use_in_every_way(value)


@settings(max_examples=250)
@given(st.binary(max_size=30))
@example(bytes.fromhex("d81cd818d81d00"))
def test_any_bytes_are_a_value_or_malformed(data):
    decode_or_refuse(data)


@settings(max_examples=250)
@given(crafted)
def test_crafted_bytes_are_a_value_or_malformed(data):
    decode_or_refuse(data)


@pytest.mark.slow
@settings(max_examples=250)
@given(crafted, st.data())
def test_damaged_bytes_are_a_value_or_malformed(data, draw):
    at = draw.draw(st.integers(0, len(data)))
    cut = draw.draw(st.integers(0, 3))

    decode_or_refuse(data[:at] + draw.draw(st.binary(max_size=3)) + data[at + cut :])


@pytest.mark.parametrize("number", [*STANDARD_TAGS, *range(59130, 59136), *range(59148, 59155), 2**64 - 1])
def test_no_tag_but_gossamers_own_is_decoded(number):
    for payload in (b"\x00", b"\x61a", b"\x41a", b"\x80", b"\x82\x00\x00", b"\xa0"):
        with pytest.raises(Malformed, match=f"tag {number} is none of gossamer's"):
            decode_value(heads.head(heads.TAG, number) + payload)


MALFORMED = {
    "no byte": "",
    "undefined": "f7",
    "undefined in a tuple": "d9e70181f7",
    "a simple value in a dict": "a16161e0",
    "a simple value as an element": "d9e70381f820",
    "a byte after a number": "0000",
    "a byte after a longer number": "19010000",
    "a byte after a negative number": "380000",
    "a byte after a float": "fb000000000000000000",
    "a float cut short": "fb00000000000000",
    "a byte after a constant": "f6f6",
    "a byte after bytes": "4100ff",
    "a byte after a long text": "78016161",
    "a long text without a length": "78",
    "a byte after a text": "616100",
    "a text cut short": "626f",
    "a text that is not UTF-8": "61ff",
    "a long text that is not UTF-8": "7801ff",
    "a number cut short": "1900",
    "an indefinite list": "9fff",
    "a tuple that is a text": "d9e7016161",
    "a tuple that is a dict": "d9e701a0",
    "a set that is a set": "d9e703d9e70380",
    "an element twice": "d9e703820101",
    "elements that are equal": "d9e7038201f5",
    "an element that cannot be hashed": "d9e7038180",
    "an element that holds what cannot be hashed": "d9e70381d9e7018180",
    "a name twice": "a2616101616102",
    "a key twice": "d9e7028401020103",
    "a key without a value": "d9e7028101",
    "a list as a key": "d9e702828001",
    "an int as a plain dict's key": "a10101",
    "a tuple as a plain dict's key": "a1d9e7018001",
    "an int as a text": "d9e7006131",
    "a month too many": "d9e7066a323032362d31332d3031",
    "a date in another form": "d9e706683230323630313032",
    "a time of day in another form": "d9e707653033303430",
    "an aware time's fold": "d9e70772" + b"03:04:05+00:00;fold=1"[:18].hex(),
    "a span beyond all": "d9e708497fffffffffffffffff",
    "a Decimal in another form": "d9e709633165 35".replace(" ", ""),
    "a Decimal beyond bounds": "d9e7096c" + b"1E+100000000".hex(),
    "a signalling NaN": "d9e70964" + b"sNaN".hex(),
    "a UUID cut short": "d9e70a4100",
    "a registered value without content": "d9e70b8161 61".replace(" ", ""),
    "a registered value of no name": "d9e70b826040",
    "a registered value whose content is plain": "d9e70b826161f6",
    "a registered value whose content is malformed": "d9e70b8264506f736541ff",
    "a registered value whose content goes on": "d9e70b8264506f73654200 00".replace(" ", ""),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_no_encoder_makes_is_malformed(what):
    with pytest.raises(Malformed, match="a value could not be read: "):
        decode_value(bytes.fromhex(MALFORMED[what]))


def array(parts):
    return heads.head(heads.ARRAY, len(parts)) + b"".join(parts)


def tagged(tag, *parts):
    return heads.head(heads.TAG, tag) + array(parts)


def seconds_to_refuse(data, match):
    began = time.perf_counter()
    with pytest.raises(Malformed, match=match):
        decode_value(data)
    return time.perf_counter() - began


def test_keys_crafted_to_collide_cost_no_square():
    # hash(-1) == hash(-2), and ints that differ by a multiple of 2**61 - 1 have one hash.
    small = [tagged(tags.TUPLE, *(bytes([0x20 + bit]) for bit in bits)) for bits in product((0, 1), repeat=14)]
    large = [encode_value(number * (2**61 - 1)) for number in range(10_000)]

    for keys in (small, large):
        pairs = [part for key in keys for part in (key, b"\x00")]
        for data in (tagged(tags.SET, *keys), tagged(tags.FROZENSET, *keys), tagged(tags.PAIRS, *pairs)):
            assert seconds_to_refuse(data, "same hash") < 1  # a square takes tens of seconds


def test_a_number_of_a_megabyte_is_refused():
    for tag in (tags.INTEGER, tags.TIMEDELTA, tags.UUID):
        data = heads.head(heads.TAG, tag) + heads.encode_bytes(b"\x7f" * (1 << 20))
        assert seconds_to_refuse(data, "at most") < 1
    assert seconds_to_refuse(heads.head(heads.TAG, tags.DECIMAL) + heads.encode_text("1" * (1 << 20)), "characters") < 1


@pytest.mark.parametrize("opener", [b"\x80", b"\xa0", heads.head(heads.TAG, tags.TUPLE) + b"\x80"])
def test_megabytes_of_empty_containers_are_refused_before_they_take_memory(opener, monkeypatch):
    count = bounds.CONTAINERS_MAX
    monkeypatch.setattr("cbor2.CBORDecoder", None)  # would raise TypeError if it came to decoding

    assert seconds_to_refuse(heads.head(heads.ARRAY, count) + opener * count, "containers") < 2


def test_containers_within_registered_values_are_counted_too(monkeypatch):
    monkeypatch.setattr("gossamer.wire.value_decoder.CONTAINERS_MAX", 1000)
    inner = heads.encode_bytes(encode_value({"x": [[] for _ in range(400)]}))
    pose = tagged(tags.REGISTERED, heads.encode_text("Pose"), inner)
    assert decode_value(array([pose, pose]))

    with pytest.raises(Malformed, match="containers"):
        decode_value(array([pose, pose, pose]))


@pytest.mark.parametrize("opener", [b"\x81", b"\xa1\x61a", heads.head(heads.TAG, tags.TUPLE) + b"\x81"])
def test_deep_nesting_is_refused(opener):
    for levels in (40, 100_000):
        assert seconds_to_refuse(opener * levels + b"\x00", "depth") < 1


def test_registered_values_nested_without_end_are_refused():
    data = b"\xf6"
    for _ in range(3000):
        data = tagged(tags.REGISTERED, heads.encode_text("Pose"), heads.encode_bytes(b"\xa1\x61x" + data))

    assert seconds_to_refuse(data, "depth|deeper") < 1


def test_what_registered_values_hide_at_the_deepest_can_still_be_used():
    data = b"\x80"
    for level in range(15, 0, -1):
        data = b"\x81" * (level % 3) + data
        data = tagged(tags.REGISTERED, heads.encode_text("Pose"), heads.encode_bytes(b"\xa1\x61x" + data))

    use_in_every_way(decode_value(data))


def test_content_of_an_unknown_class_stays_opaque():
    crash = bytes.fromhex("d81cd818d81d00")
    value = decode_value(tagged(tags.REGISTERED, heads.encode_text("Nobody"), heads.encode_bytes(crash)))

    assert value == Unknown("Nobody", crash)
    use_in_every_way(value)


@pytest.mark.parametrize("tag", [tags.SET, tags.FROZENSET, tags.PAIRS])
def test_a_class_whose_hash_raises_makes_the_bytes_malformed(tag):
    fiend = tagged(tags.REGISTERED, heads.encode_text("Fiend"), heads.encode_bytes(b"\xa0"))

    with pytest.raises(Malformed, match="no hash today"):
        decode_value(tagged(tag, fiend, b"\x00"))


def test_reading_runs_no_constructor():
    fiend = tagged(
        tags.REGISTERED, heads.encode_text("Fiend"), heads.encode_bytes(encode_value({"x": 1, "__class__": 2}))
    )

    assert decode_value(fiend).x == 1
    assert type(decode_value(fiend)) is Fiend
