"""Columns come apart as they were put together, or are refused."""

from __future__ import annotations

import pytest
from golden_messages import ANN, BOB, COALESCED, PART
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import batches, parts

from gossamer.crdt.clock import STAMP_MAX
from gossamer.crdt.dots import SEQUENCE_MAX
from gossamer.crdt.writes import Write, each
from gossamer.errors import Malformed
from gossamer.wire.columns import (
    batch_columns,
    batch_from_columns,
    encode_batch_columns,
    part_columns,
    part_from_columns,
)
from gossamer.wire.strict import decode_strict, encode


@given(batches())
def test_a_batch_in_columns_is_the_same_batch(batch):
    columns = decode_strict(encode_batch_columns(batch))

    assert batch_from_columns(batch.origin, batch.after, batch.until, batch.tag, columns) == batch


@given(parts())
def test_a_part_of_a_delta_in_columns_is_the_same_part(part):
    columns = decode_strict(encode(part_columns(part.siblings, part.deletes)))

    assert part_from_columns(columns) == (part.siblings, part.deletes)


@given(parts())
def test_the_winner_stands_first_whatever_order_the_columns_have(part):
    siblings, _ = part_from_columns(decode_strict(encode(part_columns(part.siblings, part.deletes))))

    for held in siblings.values():
        assert list(each(held)) == sorted(each(held), key=lambda write: write[:3], reverse=True)


def test_a_thousand_writes_of_one_moment_take_little_more_than_their_keys_and_values():
    writes = [Write(1 << 60, ANN, 5000 + n, b"\x18\x2a") for n in range(1000)]
    keys = [f"key/{n:04}" for n in range(1000)]
    plain = sum(map(len, keys)) + 2 * 1000

    assert len(encode(part_columns(dict(zip(keys, writes, strict=True)), {}))) < plain + 3.2 * 1000


BATCH = decode_strict(encode(batch_columns(COALESCED)))
DELTA = decode_strict(encode(part_columns(PART.siblings, PART.deletes)))


def changed(columns, **by_place):
    new = list(columns)
    for place, column in by_place.items():
        new[int(place[1:])] = column
    return new


@pytest.mark.parametrize(
    "columns",
    [
        None,
        7,
        [],
        BATCH[:6],
        changed(BATCH, _0=["a"]),
        changed(BATCH, _0="abcdef"),
        changed(BATCH, _0=[*BATCH[0][:5], 1.5]),
        changed(BATCH, _1=None),
        changed(BATCH, _1=[2, 1, 1, 1, 2, 2]),
        changed(BATCH, _1=[2, 0, 2, 1, 2, 1]),
        changed(BATCH, _1=[2, 1, 1, 1, 2]),
        changed(BATCH, _2=[]),
        changed(BATCH, _2=[-1]),
        changed(BATCH, _2=[STAMP_MAX, [1, 0, 0, 0, 0]]),
        changed(BATCH, _2=[1, [0, 0]]),
        changed(BATCH, _2=[True]),
        changed(BATCH, _3=[b""] * 5),
        changed(BATCH, _3=["text"] * 6),
        changed(BATCH, _4=[1]),
        changed(BATCH, _4=[6, 4]),
        changed(BATCH, _4=[0, 2]),
        changed(BATCH, _4=[0, 1 << 62]),
        changed(BATCH, _4=[0, 4 + (1 << 16)]),
        changed(BATCH, _4=[5, 2 + (1 << 16)]),
        changed(BATCH, _5=[b"short"]),
        changed(BATCH, _5="origins"),
        changed(BATCH, _6=[0, 9, 1]),
        changed(BATCH, _6=[6, 0, 1]),
        changed(BATCH, _6=[0, 0, 0]),
        changed(BATCH, _6=[0, 0, SEQUENCE_MAX + 1]),
        changed(BATCH, _6=[0, 0]),
        changed(BATCH, _6=[-1, 0, 1]),
    ],
)
def test_columns_of_a_batch_that_contradict_each_other_are_refused(columns):
    with pytest.raises(Malformed):
        batch_from_columns(ANN, 1, 9, b"tag1", columns)


@pytest.mark.parametrize(
    "columns",
    [
        None,
        DELTA[:8],
        changed(DELTA, _0=[ANN[:3]]),
        changed(DELTA, _1=["one", "one", "gone"]),
        changed(DELTA, _1=["one"]),
        changed(DELTA, _1=["one", "two", "gone", "nothing"]),
        changed(DELTA, _2=[0, 2]),
        changed(DELTA, _2=[0]),
        changed(DELTA, _2=2),
        changed(DELTA, _3=[1, -1]),
        changed(DELTA, _3=[1, SEQUENCE_MAX]),
        changed(DELTA, _4=[STAMP_MAX + 1]),
        changed(DELTA, _5=[b"\x01", None]),
        changed(DELTA, _6=[0, -4]),
        changed(DELTA, _7=[0, 0, 1]),
        changed(DELTA, _7=[1, 0, 0, 5, b"", 0]),
        changed(DELTA, _7=[2, 0, 1, 5, b"", 0]),
        changed(DELTA, _7=[1, 5, 1, 5, b"", 0]),
        changed(DELTA, _7=[1, 0, 1, STAMP_MAX + 1, b"", 0]),
        changed(DELTA, _7=[1, 0, 1, 5, None, 0]),
        changed(DELTA, _7=[1, 1, 2, 60, b"\x02", 0]),
        changed(DELTA, _7=[1, 0, True, 5, b"", 0]),
        changed(DELTA, _8=[9, 0, 1]),
        changed(DELTA, _8=[2, 0]),
        changed(DELTA, _8=[]),
    ],
)
def test_columns_of_a_delta_that_contradict_each_other_are_refused(columns):
    with pytest.raises(Malformed):
        part_from_columns(columns)


@given(st.recursive(st.integers() | st.binary(max_size=12) | st.none() | st.text(max_size=3), st.lists, max_leaves=30))
def test_whatever_stands_in_columns_is_taken_or_refused(columns):
    for take in (lambda: batch_from_columns(BOB, 0, 3, b"tag1", columns), lambda: part_from_columns(columns)):
        try:
            take()
        except Malformed:
            continue
