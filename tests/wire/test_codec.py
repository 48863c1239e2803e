"""Messages keep their bytes, survive the journey, and are skipped where they are newer than we."""

from __future__ import annotations

from dataclasses import replace

import cbor2
import pytest
from golden_messages import ANN, BOB, BOOT, GOLDEN, GOLDEN_BATCHES, LONE, VECTOR
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import batches, messages

from gossamer.crdt.dots import SEQUENCE_MAX, Dot
from gossamer.crdt.vector_clock import VectorClock
from gossamer.errors import Malformed
from gossamer.wire.codec import decode_batch, decode_message, encode_batch, encode_message
from gossamer.wire.event_messages import events_from, lone_event
from gossamer.wire.framing import DATAGRAM_BODY_MAX
from gossamer.wire.messages import (
    Beacon,
    DeltaEnd,
    EncodedBatch,
    Events,
    Introduce,
    Kind,
    Known,
    Message,
    Peers,
    Repair,
)
from gossamer.wire.strict import decode_strict


def vectors_of(message: Message | None) -> list[VectorClock]:
    match message:
        case Known():
            return [message.vector]
        case DeltaEnd():
            return [message.advanced]
    return []


def same(one: Message | None, other: Message | None) -> bool:
    """Equal, down to the tags of vectors, which vectors leave out when they are compared."""
    return one == other and [v.tags for v in vectors_of(one)] == [v.tags for v in vectors_of(other)]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_has_the_bytes_that_it_always_had(name):
    message, golden = GOLDEN[name]

    assert encode_message(message).hex() == golden


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_that_a_message_always_had_are_still_understood(name):
    message, golden = GOLDEN[name]

    assert same(decode_message(bytes.fromhex(golden)), message)


@pytest.mark.parametrize("name", GOLDEN_BATCHES)
def test_the_bytes_that_a_batch_always_had_still_hold_its_writes(name):
    encoded = decode_message(bytes.fromhex(GOLDEN[name][1]))
    assert isinstance(encoded, EncodedBatch)

    assert decode_batch(encoded) == GOLDEN_BATCHES[name]


SMALL = st.builds(
    Events,
    st.binary(min_size=12, max_size=12),
    st.integers(1, 70000) | st.integers(1, SEQUENCE_MAX - 1),
    st.none() | st.tuples(st.binary(min_size=12, max_size=12), st.integers(1, SEQUENCE_MAX)),
    st.tuples(st.tuples(st.text(max_size=23), st.binary(max_size=30) | st.binary(min_size=200, max_size=300))),
    st.integers(1, SEQUENCE_MAX),
    st.booleans(),
)


@given(SMALL)
def test_a_small_event_is_read_without_a_decoder(message):
    name, payload = message.items[0]

    assert lone_event(encode_message(message)) == (message if len(name.encode()) < 24 and len(payload) < 256 else None)


@given(SMALL, st.integers(0), st.binary(max_size=2), st.integers(0, 3))
def test_what_is_read_without_a_decoder_is_what_decoders_read(message, at, put, instead_of):
    data = encode_message(message)
    at %= len(data) + 1
    data = data[:at] + put + data[at + instead_of :]

    found = lone_event(data)

    assert found is None or found == events_from(decode_strict(data))


def test_every_kind_that_is_spoken_has_golden_bytes():
    assert {decode_strict(bytes.fromhex(golden))[0] for _, golden in GOLDEN.values()} == set(Kind)


@given(messages)
def test_every_message_survives_the_journey(message):
    assert same(decode_message(encode_message(message)), message)


@given(batches())
def test_every_batch_survives_the_journey(batch):
    encoded = encode_batch(batch, b"tag0")
    received = decode_message(encoded.data)

    assert received == encoded
    assert isinstance(received, EncodedBatch)
    assert decode_batch(received) == batch


@given(messages, st.lists(st.text() | st.binary(), min_size=1, max_size=3))
def test_what_a_newer_peer_adds_to_a_message_is_skipped(message, more):
    items = cbor2.loads(encode_message(message))
    if isinstance(message, Introduce) and not message.events:
        items.append(0)  # left out while nothing follows it

    assert same(decode_message(cbor2.dumps([*items, *more])), message)


def test_what_a_newer_peer_adds_to_a_vector_is_skipped():
    vector = [ANN, [3], b"tag3"]
    plain = cbor2.dumps([Kind.KNOWN.value, 1, vector, None, False])

    assert same(
        decode_message(cbor2.dumps([Kind.KNOWN.value, 1, [*vector, "new"], None, False])), decode_message(plain)
    )


@given(st.integers(100, (1 << 64) - 1), st.lists(st.text() | st.binary(), max_size=5))
def test_a_kind_that_only_newer_peers_know_is_skipped(kind, items):
    assert decode_message(cbor2.dumps([kind, *items])) is None


@given(messages, st.data())
def test_a_message_that_lacks_an_item_is_refused(message, data):
    items = cbor2.loads(encode_message(message))
    if isinstance(message, Introduce) and message.events:
        items.pop()  # older peers do not say this

    with pytest.raises(Malformed):
        decode_message(cbor2.dumps(items[: data.draw(st.integers(1, len(items) - 1))]))


@pytest.mark.parametrize(
    "items",
    [
        {"not": "a list"},
        [],
        ["1"],
        [True, b"x" * 16],
        [Kind.REPAIR, ANN[:-1], 1, 2],
        [Kind.REPAIR, ANN, -1, 2],
        [Kind.REPAIR, ANN, 1, (1 << 53) + 1],
        [Kind.REPAIR, ANN, True, 2],
        [Kind.PING, 1, BOOT + b"!"],
        [Kind.INTRODUCE, b"p" * 16, None, "n" * 257, 1, True, 0, 1, BOOT],
        [Kind.INTRODUCE, b"p" * 16, None, "n", 65536, True, 0, 1, BOOT],
        [Kind.BATCH, ANN, 3, 3, b"tag1", b"\x80"],
        [Kind.BATCH, ANN, 3, 4, b"tag", b"\x80"],
        [Kind.KNOWN, 1, [ANN + ANN, [1, 2], b"tag1tag2"], None, False],
        [Kind.KNOWN, 1, [ANN, [0], b"tag1"], None, False],
        [Kind.KNOWN, 1, [ANN, [1], b"tag"], None, False],
        [Kind.KNOWN, 1, [ANN + BOB, [1], b"tag1"], None, False],
        [Kind.KNOWN, 1, [ANN, [(1 << 53) + 1], b"tag1"], None, False],
        [Kind.KNOWN, 1, [ANN, [1.0], b"tag1"], None, False],
        [Kind.KNOWN, 1, [ANN, [1]], None, False],
        [Kind.ROSTER, 1, ANN, [1, 0]],
        [Kind.ROSTER, 1, ANN, [1 << 53, 1]],
        [Kind.SETTLED, ANN, (1 << 53) + 1],
        [Kind.DELTA_END, 1, 0, 0, [ANN + ANN, [1, 2], b"tag1tag2"], False, []],
        [Kind.DELTA_END, 1, 0, 0, [b"", [], b""], False, [[ANN, 1], [ANN, 2]]],
        [Kind.DELTA_END, 1, 0, 0, [b"", [], b""], False, [[ANN, 1, 2]]],
        [Kind.PEERS, [[BOOT, "host", 70_000]]],
    ],
)
def test_a_message_that_contradicts_itself_is_refused(items):
    plain = [item.value if isinstance(item, Kind) else item for item in items] if isinstance(items, list) else items

    with pytest.raises(Malformed):
        decode_message(cbor2.dumps(plain))


def test_the_tag_of_a_batch_depends_on_all_batches_before_it():
    one = encode_batch(replace(LONE), b"\0\0\0\0")
    other = encode_batch(replace(LONE), b"\0\0\0\1")

    assert one.columns == other.columns
    assert one.tag != other.tag
    assert encode_batch(replace(LONE), b"\0\0\0\0").tag == one.tag


@pytest.mark.parametrize(
    "other",
    [
        replace(LONE, keys=["door2"]),
        replace(LONE, writes=[LONE.writes[0]._replace(value=b"\xf4")]),
        replace(LONE, writes=[LONE.writes[0]._replace(value=None)]),
        replace(LONE, writes=[LONE.writes[0]._replace(stamp=LONE.writes[0].stamp + 1)]),
        replace(LONE, writes=[LONE.writes[0]._replace(meta=4)]),
        replace(LONE, past={0: (Dot(BOB, 1),)}),
        replace(LONE, until=2, writes=[LONE.writes[0]._replace(sequence=2)]),
        replace(LONE, after=1, until=2, writes=[LONE.writes[0]._replace(sequence=2)]),
    ],
    ids=["key", "value", "delete", "stamp", "flags", "past", "range", "later range"],
)
def test_a_batch_that_differs_in_anything_has_another_tag(other):
    assert encode_batch(other, b"tag0").tag != encode_batch(replace(LONE), b"tag0").tag


@given(batches(), batches())
def test_batches_that_differ_have_tags_that_differ(one, other):
    first, second = encode_batch(one, b"\0\0\0\0"), encode_batch(other, b"\0\0\0\0")

    assert (first.tag == second.tag) == ((first.columns, first.until) == (second.columns, second.until))


def test_a_beacon_and_a_repair_are_small():
    beacon, repair = GOLDEN["beacon"][0], GOLDEN["repair"][0]
    assert isinstance(beacon, Beacon)
    assert isinstance(repair, Repair)

    assert len(encode_message(replace(beacon, deaf_to=()))) <= 100
    assert len(encode_message(repair)) <= 40


def test_a_beacon_of_one_who_hears_sixteen_peers_badly_still_fits_a_datagram():
    beacon = GOLDEN["beacon"][0]
    assert isinstance(beacon, Beacon)

    assert len(encode_message(replace(beacon, deaf_to=(BOOT,) * 16))) < DATAGRAM_BODY_MAX


def test_a_thousand_peers_are_named_in_one_message_and_no_more():
    entry = (BOOT, "10.0.0.5", 47474)

    assert decode_message(encode_message(Peers((entry,) * 1024))) == Peers((entry,) * 1024)
    with pytest.raises(Malformed):
        decode_message(encode_message(Peers((entry,) * 1025)))


def test_a_vector_of_ten_thousand_origins_takes_less_than_twenty_bytes_each():
    heads = {number.to_bytes(12, "big"): number + 1 for number in range(10_000)}
    known = Known(1, VectorClock(heads, dict.fromkeys(heads, b"tag1")))

    data = encode_message(known)
    assert len(data) < 20 * 10_000
    assert same(decode_message(data), known)
    assert VECTOR.digest() != known.vector.digest()
