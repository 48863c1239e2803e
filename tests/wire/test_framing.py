"""Bytes on a stream and in a datagram become the messages that were sent, however they were cut."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import Malformed
from gossamer.wire.framing import (
    DATAGRAM_BODY_MAX,
    DEFLATED,
    FRAME_BYTES_MAX,
    MORE,
    FrameParser,
    body,
    frames,
    messages_in,
    packed,
)

MEBIBYTE = 1 << 20


def framed(*messages: bytes) -> bytes:
    return b"".join(frame for message in messages for frame in frames(message))


def frame(flags: int, payload: bytes) -> bytes:
    return (len(payload) + 1).to_bytes(4, "big") + bytes((flags,)) + payload


SAME_AGAIN = b"the same again, " * 16
GOLDEN_STREAMS = {
    "as it is": ("0000000400616263", b"abc"),
    "empty": ("0000000100", b""),
    "deflated": ("00000016022bc94855284ecc4d55484c4fccccd3512819617c00", SAME_AGAIN),
    "in three frames": ("0000000601746f2062650000000301206300000009006f6e74696e756564", b"to be continued"),
    "deflated in two frames": (
        "00000016032bc94855284ecc4d55484c4fccccd35128a1011f0000000016022b4ecc4d55484c4fccccd35128c94855281e447c00",
        SAME_AGAIN,
    ),
    "deflated, the rest as it is": (
        "00000016032bc94855284ecc4d55484c4fccccd35128a1011f000000009d00" + SAME_AGAIN[100:].hex(),
        SAME_AGAIN,
    ),
    "ended by an empty frame": ("00000004016162630000000100", b"abc"),
}
"""What may stand on a stream, in hex, and the message that it is.  How well one deflates is up to the sender."""


@pytest.mark.parametrize("name", GOLDEN_STREAMS)
def test_frames_are_understood_as_they_always_were(name):
    stream, message = GOLDEN_STREAMS[name]

    assert FrameParser(MEBIBYTE).feed(bytes.fromhex(stream)) == [message]


def test_what_is_not_deflated_has_the_bytes_that_it_always_had():
    assert [framed(b"abc").hex(), framed(b"").hex()] == ["0000000400616263", "0000000100"]
    assert body([b"abc", b"", b"de"]).hex() == "0003616263000000026465"


@given(st.lists(st.binary(max_size=600), max_size=8), st.lists(st.integers(1, 700), max_size=60))
def test_messages_come_out_as_they_went_in_however_the_stream_was_cut(messages, sizes):
    data, parser, got = framed(*messages), FrameParser(MEBIBYTE), []
    for size in [*sizes, len(data) + 1]:
        got += parser.feed(data[:size])
        data = data[size:]

    assert got == messages


@given(st.lists(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4), max_size=4), st.integers(1, 50))
def test_messages_in_any_number_of_frames_each_come_out_whole_one_after_the_other(messages, size):
    stream = b""
    for *some, last in messages:
        stream += b"".join(frame(MORE, piece) for piece in some) + frame(0, last)
    parser = FrameParser(36)
    got = [m for at in range(0, len(stream), size) for m in parser.feed(stream[at : at + size])]

    assert got == [b"".join(pieces) for pieces in messages]


def test_messages_come_out_when_the_stream_comes_byte_by_byte():
    messages = [b"", b"a", b"x" * 5000, random.Random(1).randbytes(1000)]
    parser = FrameParser(MEBIBYTE)

    assert [m for byte in framed(*messages) for m in parser.feed(bytes((byte,)))] == messages


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 3 * FRAME_BYTES_MAX])
@pytest.mark.parametrize("noise", [False, True])
def test_a_message_of_any_length_goes_in_frames_of_bounded_length(size, noise):
    message = random.Random(size).randbytes(size) if noise else b"x" * size
    pieces = list(frames(message))

    assert all(len(piece) <= FRAME_BYTES_MAX + 5 for piece in pieces)
    assert FrameParser(MEBIBYTE).feed(b"".join(pieces)) == [message]


@pytest.mark.parametrize("seed", range(12))
def test_a_full_frame_can_be_inflated_however_its_last_byte_was_coded(seed):
    """Nothing may be left to inflate when the bound is reached: not even the mark of the end."""
    rng = random.Random(seed)
    few = rng.randbytes(rng.randint(1, 120))
    message = bytes(rng.choices(few, k=FRAME_BYTES_MAX)) if seed % 2 else (few * FRAME_BYTES_MAX)[:FRAME_BYTES_MAX]
    pieces = list(frames(message))

    assert len(pieces) == 1
    assert pieces[0][4] == DEFLATED
    assert FrameParser(FRAME_BYTES_MAX).feed(pieces[0]) == [message]


def test_a_bomb_is_refused_before_it_takes_memory():
    bomb = frame(DEFLATED, zlib.compress(bytes(100 * MEBIBYTE), wbits=-15))
    parser = FrameParser(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="too long"):
            parser.feed(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 2 * MEBIBYTE


def test_a_message_in_the_smallest_frames_takes_no_more_memory_than_its_bytes():
    parser, size = FrameParser(MEBIBYTE), 20_000
    frames_of_two = frame(MORE, b"ab") * 100
    tracemalloc.start()
    try:
        for _ in range(size // 200):
            assert parser.feed(frames_of_two) == []
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert held < 2 * size
    assert parser.feed(frame(0, b"")) == [b"ab" * (size // 2)]


def test_what_deflates_well_is_deflated_and_noise_is_not():
    noise = random.Random(0).randbytes(10_000)

    assert len(framed(b"gossamer" * 10_000)) < 2000
    assert len(framed(noise)) == len(noise) + 5


def test_a_message_longer_than_allowed_is_refused_before_all_of_it_has_come():
    parser = FrameParser(FRAME_BYTES_MAX + 10)
    parser.feed(frame(MORE, b"x" * FRAME_BYTES_MAX))

    with pytest.raises(Malformed, match="more than"):
        parser.feed(frame(MORE, b"x" * 11))


def test_the_bound_is_for_one_message_and_not_for_a_stream():
    parser = FrameParser(1000)

    assert sum(len(parser.feed(frame(0, b"x" * 900))) for _ in range(100)) == 100


@pytest.mark.parametrize(
    "data",
    [
        (0).to_bytes(4, "big"),
        (FRAME_BYTES_MAX + 2).to_bytes(4, "big"),
        (0xFFFFFFFF).to_bytes(4, "big"),
        frame(4, b"unknown flag"),
        frame(MORE, b""),
        frame(MORE | DEFLATED, zlib.compress(b"", wbits=-15)),
        frame(DEFLATED, b"not deflated"),
        frame(DEFLATED, b""),
        frame(DEFLATED, zlib.compress(b"x" * 1000, wbits=-15)[:-2]),
        frame(DEFLATED, zlib.compress(b"x" * 1000, wbits=-15) + b"more"),
        frame(DEFLATED, zlib.compress(b"x" * (FRAME_BYTES_MAX + 1), wbits=-15)),
    ],
    ids=[
        "no length",
        "too long",
        "much too long",
        "unknown flag",
        "empty and more to come",
        "empty once inflated and more to come",
        "noise",
        "deflated nothing",
        "cut",
        "followed by something",
        "a bomb",
    ],
)
def test_a_frame_that_no_peer_sends_is_refused(data):
    with pytest.raises(Malformed):
        FrameParser(MEBIBYTE).feed(data)


def test_a_length_is_believed_only_as_far_as_bytes_came():
    parser = FrameParser(MEBIBYTE)

    assert parser.feed((FRAME_BYTES_MAX).to_bytes(4, "big") + b"\0abc") == []


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_a_datagram_holds_its_messages(messages):
    assert messages_in(body(messages)) == messages


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5), st.data())
def test_a_datagram_that_was_cut_is_refused_or_holds_fewer_messages_whole(messages, data):
    whole = body(messages)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        got = messages_in(cut)
    except Malformed:
        return

    assert got == messages[: len(got)]


@pytest.mark.parametrize("torn", [b"\0", b"\0\1", b"\0\3ab", b"\0\1a\0", b"\0\1a\xff\xffb"])
def test_a_body_whose_last_message_is_torn_is_refused(torn):
    with pytest.raises(Malformed, match="torn"):
        messages_in(torn)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_datagram_or_refused(data):
    try:
        messages = messages_in(data)
    except Malformed:
        return

    assert body(messages) == data


@given(st.lists(st.binary(max_size=DATAGRAM_BODY_MAX - 2), max_size=30))
def test_messages_are_shared_out_to_datagrams_in_order_and_each_fits(messages):
    groups = packed(messages)

    assert [message for group in groups for message in group] == messages
    assert all(len(body(group)) <= DATAGRAM_BODY_MAX for group in groups)
    assert all(len(body(one)) + 2 + len(next_[0]) > DATAGRAM_BODY_MAX for one, next_ in pairwise(groups))
