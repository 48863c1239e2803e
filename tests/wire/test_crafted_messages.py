"""Messages put together by somebody who knows the format: well formed, and untrue wherever they can be.

Flipped bits seldom get past the decoder of CBOR.  These do: golden messages are taken apart, their items
swapped, doubled, dropped or replaced, down into the columns, and put together again.  Each is refused as
Malformed and as nothing else, or it is a message that could have been sent.
"""

from __future__ import annotations

import random
import time

import cbor2
import pytest
from golden_messages import ANN, GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from gossamer.crdt.dots import SEQUENCE_MAX
from gossamer.errors import Malformed
from gossamer.wire.codec import decode_batch, decode_message, encode_batch, encode_message
from gossamer.wire.framing import FrameParser, body, frames, messages_in
from gossamer.wire.messages import EncodedBatch, Kind

CORPUS = {name: bytes.fromhex(golden) for name, (_, golden) in GOLDEN.items()}
COLUMNS_AT = {Kind.BATCH.value: 5, Kind.DELTA.value: 2}
UNTRUE = [
    *(None, True, 0, 1, -1, SEQUENCE_MAX, SEQUENCE_MAX + 1, 1 << 62, (1 << 64) - 1, -(1 << 64), 1.5, float("nan")),
    *(b"", b"origin.....!", b"sixteen bytes...", "", "text", [], [[]], [0] * 18, {}, {b"\1": 1}, {"a": []}),
]
DOTS_MANY = 60_000
CPU_SECONDS_MAX = 4.0
"""About twenty times what so many take on a slow machine, and an eighth of what they took when it was their square."""


def taken(data: bytes) -> bool:
    """Tell whether `data` is a message.  If so, it can be sent again, and says the same."""
    try:
        message = decode_message(data)
        batch = decode_batch(message) if isinstance(message, EncodedBatch) else None
    except Malformed:
        return False
    if batch is not None:
        sent_again = decode_message(encode_batch(batch, b"tag0").data)
        assert isinstance(sent_again, EncodedBatch)
        assert decode_batch(sent_again) == batch
    elif message is not None:
        assert decode_message(encode_message(message)) == message
    return True


def crafted(rng, items):
    """Return `items` with one thing changed, at any depth."""
    new = list(items)
    at = rng.randrange(len(new) + 1)
    if at == len(new):
        new.insert(rng.randrange(at + 1), rng.choice(UNTRUE))
    elif type(new[at]) is list and rng.random() < 0.7:
        new[at] = crafted(rng, new[at])
    else:
        match rng.randrange(6):
            case 0:
                new[at] = rng.choice(UNTRUE)
            case 1 if type(new[at]) is int:
                new[at] += rng.choice([-1, 1, 1 << 16, -new[at] * 2])
            case 2 if type(new[at]) is bytes:
                new[at] = rng.choice([new[at][:-1], new[at] * 2, new[at][::-1]])
            case 3:
                del new[at]
            case 4:
                new.insert(at, new[at])
            case _:
                other = rng.randrange(len(new))
                new[at], new[other] = new[other], new[at]
    return new


def crafted_message(rng, data):
    """Return a message with up to three things changed, where there are columns mostly in these."""
    items = cbor2.loads(data)
    place = COLUMNS_AT.get(items[0])
    for _ in range(rng.randint(1, 3)):
        if place is not None and rng.random() < 0.9:
            items[place] = cbor2.dumps(crafted(rng, cbor2.loads(items[place])))
        else:
            return cbor2.dumps([items[0], *crafted(rng, items[1:])])
    return cbor2.dumps(items)


@pytest.mark.parametrize("name", CORPUS)
def test_a_crafted_message_is_refused_or_could_have_been_sent(name):
    rng = random.Random(name)
    outcomes = [taken(crafted_message(rng, CORPUS[name])) for _ in range(400)]

    assert 0 < sum(outcomes) < len(outcomes)


def test_items_of_one_message_under_the_kind_of_another_are_refused_or_could_have_been_sent():
    for data in CORPUS.values():
        for kind in range(40):
            taken(cbor2.dumps([kind, *cbor2.loads(data)[1:]]))


def test_the_columns_of_one_message_in_another_are_refused():
    batch, delta = (cbor2.loads(CORPUS[name]) for name in ("batch after coalescing", "delta"))
    batch[5], delta[2] = delta[2], batch[5]

    assert not taken(cbor2.dumps(batch))
    assert not taken(cbor2.dumps(delta))


def test_every_message_that_was_cut_or_goes_on_is_refused():
    for data in CORPUS.values():
        assert not any(taken(data[:size]) for size in range(len(data)))
        assert not taken(data + b"\0")


def test_the_head_of_one_message_before_the_tail_of_another_is_refused_or_could_have_been_sent():
    rng = random.Random("splices")
    messages = list(CORPUS.values())
    for _ in range(4000):
        one, other = rng.choice(messages), rng.choice(messages)
        taken(one[: rng.randrange(len(one))] + other[rng.randrange(len(other)) :])


items = st.recursive(
    st.sampled_from(UNTRUE) | st.integers(0, 9) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=1), inner, max_size=2),
    max_leaves=25,
)


@given(st.sampled_from([kind.value for kind in Kind]), st.lists(items, max_size=13))
def test_any_items_of_any_kind_are_refused_or_could_have_been_sent(kind, rest):
    taken(cbor2.dumps([kind, *rest]))


@given(st.lists(items, min_size=6, max_size=10), st.integers(0, 3), st.integers(1, 3))
def test_any_columns_are_refused_or_could_have_been_sent(columns, after, more):
    data = cbor2.dumps(columns)

    taken(cbor2.dumps([Kind.BATCH.value, ANN, after, after + more, b"tag1", data]))
    taken(cbor2.dumps([Kind.DELTA.value, 1, data]))


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(list(CORPUS.values())), max_size=6))
def test_messages_of_a_datagram_whose_lengths_were_swapped_are_taken_or_refused(rng, messages):
    lengths = [len(message).to_bytes(2, "big") for message in messages]
    rng.shuffle(lengths)
    data = b"".join(length + message for length, message in zip(lengths, messages, strict=True))
    try:
        got = messages_in(data)
    except Malformed:
        return

    assert body(got) == data
    for message in got:
        taken(message)


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_with_swapped_lengths_and_lost_doubled_and_flipped_bytes_is_taken_or_refused(seed):
    rng = random.Random(seed)
    pieces = [piece for data in CORPUS.values() for piece in frames(data * rng.randint(1, 3))]
    for _ in range(300):
        some = rng.sample(pieces, 5)
        one, other = rng.sample(range(5), 2)
        some[one], some[other] = some[other][:4] + some[one][4:], some[one][:4] + some[other][4:]
        stream = bytearray(b"".join(some))
        at = rng.randrange(len(stream) - 8)
        stream[at : at + rng.choice([0, 1, 4])] = rng.choice([b"", stream[at : at + 4], rng.randbytes(2)])
        parser = FrameParser(4096)
        try:
            for start in range(0, len(stream), 50):
                for message in parser.feed(bytes(stream[start : start + 50])):
                    taken(message)
        except Malformed:
            continue


def test_one_write_that_replaces_and_one_key_that_was_deleted_many_times_do_not_cost_the_square():
    dots = [number for sequence in range(1, DOTS_MANY + 1) for number in (0, 0, sequence)]
    batch = cbor2.dumps([["key"], None, [1], [b""], [], [ANN], dots])
    delta = cbor2.dumps([[ANN], ["key"], 0, [DOTS_MANY + 1], [1], [b""], [], [], dots])
    received = EncodedBatch(ANN, 0, 1, b"tag1", batch, b"")

    began = time.process_time()
    assert len(decode_batch(received).past[0]) == DOTS_MANY
    assert len(decode_message(cbor2.dumps([Kind.DELTA.value, 1, delta])).deletes["key"]) == DOTS_MANY
    assert time.process_time() - began < CPU_SECONDS_MAX
