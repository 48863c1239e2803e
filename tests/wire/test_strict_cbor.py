"""Messages hold plain CBOR and nothing else, and how much of it is bounded before it is decoded."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import Malformed
from gossamer.wire import bounds, strict
from gossamer.wire.strict import CONTAINERS_MAX, ITEMS_MAX, decode_strict, encode

scalars = (
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)
messages = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text() | st.binary(), inner, max_size=4),
    max_leaves=30,
)

FORBIDDEN = {
    "undefined": "f7",
    "undefined in a column": "8283f5f6f7f6",
    "undefined in a map": "a16161f7",
    "undefined deep within": "8181a1616181f7",
    "a simple value": "e0",
    "a simple value of two bytes": "81f8ff",
    "a reserved simple value": "fc",
    "a date by tag": "c06a323032362d30312d3031",
    "a bignum by tag": "c249010000000000000000",
    "a regular expression by tag": "d82361612b",
    "a shared reference that crashes the interpreter when encoded": "d81cd818d81d00",
    "a tag as a map's key": "a1c00000",
    "a tag of gossamer's values": "d9e70180",
    "an indefinite array": "9f01ff",
    "an indefinite text": "7f6161ff",
    "an indefinite map": "bf616101ff",
    "a break": "ff",
    "a key twice": "a2616101616102",
    "an int as a map's key": "a10101",
    "an array as a map's key": "a18001",
    "a text that is not UTF-8": "6180",
    "a surrogate": "63eda080",
    "a trailing byte": "8000",
    "too short a text": "6261",
    "an absurd length": "9bffffffffffffffff",
    "an absurd length of bytes": "5bffffffffffffffff",
    "no byte at all": "",
}


@given(messages)
def test_a_message_arrives_as_it_was_sent(message):
    assert decode_strict(encode(message)) == message


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_message_with_more_than_plain_cbor_is_malformed(what):
    with pytest.raises(Malformed, match=r"a message was dropped: ."):
        decode_strict(bytes.fromhex(FORBIDDEN[what]))


def test_a_message_may_nest_sixteen_levels_and_no_more():
    assert decode_strict(b"\x81" * 16 + b"\x00")

    with pytest.raises(Malformed, match="depth"):
        decode_strict(b"\x81" * 17 + b"\x00")


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_that_can_be_sent_on_or_malformed(data):
    try:
        message = decode_strict(data)
    except Malformed:
        return

    assert encode(decode_strict(encode(message))) == encode(message)


def test_columns_of_65536_items_are_legal():
    message = [list(range(65536)), ["key"] * 65536, [b"value"] * 65536]

    assert decode_strict(encode(message)) == message


def test_one_value_of_megabytes_is_one_item():
    message = [b"\x80" * 3_000_000, "\N{SNOWMAN}" * 300_000]

    assert decode_strict(encode(message)) == message


@pytest.mark.parametrize("opener", [b"\x80", b"\xa0", b"\x81\xa0"])
def test_a_megabyte_of_empty_containers_is_refused_before_it_takes_memory(opener, monkeypatch):
    count = (1 << 20) // len(opener)
    monkeypatch.setattr(strict.cbor2, "CBORDecoder", None)  # would raise TypeError if it came to decoding

    with pytest.raises(Malformed, match=f"more than {CONTAINERS_MAX} containers"):
        decode_strict(b"\x9a" + count.to_bytes(4, "big") + opener * count)


def test_containers_are_counted_exactly_when_payload_looks_like_them():
    most = [[b"\x80" * 70_000]] + [[] for _ in range(CONTAINERS_MAX - 2)]
    assert decode_strict(encode(most)) == most

    with pytest.raises(Malformed, match="containers"):
        decode_strict(encode([*most, []]))


def test_items_of_all_levels_are_bounded_together():
    column = [0] * (ITEMS_MAX // 4)
    with pytest.raises(Malformed, match=f"more than {ITEMS_MAX} items"):
        decode_strict(encode([column] * 4))

    assert decode_strict(encode([column] * 3)) == [column] * 3


def test_a_tighter_bound_holds_for_short_messages_too():
    assert decode_strict(encode([1, 2, 3]), items_max=4) == [1, 2, 3]

    with pytest.raises(Malformed, match="more than 4 items"):
        decode_strict(encode([1, 2, 3, 4]), items_max=4)


@given(messages)
def test_counting_walks_over_just_what_the_decoder_builds(message):
    def containers(item):
        if isinstance(item, list):
            return 1 + sum(map(containers, item))
        if isinstance(item, dict):
            return 1 + sum(map(containers, item.values()))
        return 0

    assert bounds.count_containers(cbor2.dumps(message), 10_000) == containers(message)
