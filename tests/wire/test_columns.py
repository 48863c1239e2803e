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
from gossamer.wire import heads
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


FEW, LENGTHS = "too few columns", "differ in length or type"
NO_NUMBERS, NO_STAMPS, STAMP_RANGE = "a column of numbers that is none", "stamps that is none", "a stamp out of range"
NO_COLUMN, RISING, FLAGS = "a column that is none", "sequences that do not rise", "flags that contradict"
TORN_FLAGS, NO_ORIGIN, PAST = "a torn column of flags", "an origin that is not 12 bytes", "a past that names no write"
DOTS, GONE, SIBLING = "a torn column of dots", "a delete that names no key", "a sibling that names no key"
FIELD, SEQUENCE = "a sibling with a field of the wrong type", "an impossible sequence"


def crowd(count):
    """Return wire keys with one hash: the inner rounds of a tuple's xxHash can be run backwards."""
    mask, one, two, five = (1 << 64) - 1, 11400714785074694791, 14029467366897019727, 2870177450012600261
    inverse, first, keys = pow(two, -1, 1 << 64), 0, []
    while len(keys) < count:
        first += 1
        lane = five + first * two & mask
        lane = (lane << 31 | lane >> 33) * one & mask
        second = (12345 - lane) * inverse & mask
        if second < (1 << 61) - 1:  # only these hash as themselves
            keys.append([first, second])
    return keys


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        (None, FEW),
        (7, FEW),
        ([], FEW),
        ({}, FEW),
        ("columns", FEW),
        (b"columns", FEW),
        (BATCH[:6], FEW),
        (changed(BATCH, _0=["a"]), LENGTHS),
        (changed(BATCH, _0="abcdef"), NO_COLUMN),
        (changed(BATCH, _0=[*BATCH[0][:5], 1.5]), "float in a column of keys"),
        (changed(BATCH, _0=[*BATCH[0][:5], True]), "bool in a column of keys"),
        (changed(BATCH, _0=[*BATCH[0][:5], ["t", 1.0]]), "float in a column of keys"),
        (changed(BATCH, _0=[*BATCH[0][:5], ["t", {b"\1": 1}]]), "dict in a column of keys"),
        (changed(BATCH, _0=[*BATCH[0][:5], {b"\0": 1}]), "no reserved key space"),
        (changed(BATCH, _0=[*BATCH[0][:5], {b"\1": 1, b"\2": 2}]), "a key of a reserved space is one pair"),
        (changed(BATCH, _0=[*BATCH[0][:5], "k" * 1022]), "a key is longer"),
        (changed(BATCH, _1=None), "without saying which"),
        (changed(BATCH, _1=[2, 1, 1, 1, 2, 2]), RISING),
        (changed(BATCH, _1=[2, 0, 2, 1, 2, 1]), RISING),
        (changed(BATCH, _1=[2, 1, 1, 1, 2]), NO_NUMBERS),
        (changed(BATCH, _1=[2, 1, 1, 1, 2.0, 1]), NO_NUMBERS),
        (changed(BATCH, _2=[]), NO_STAMPS),
        (changed(BATCH, _2=[-1]), NO_STAMPS),
        (changed(BATCH, _2=[True]), NO_STAMPS),
        (changed(BATCH, _2=[STAMP_MAX + 1]), NO_STAMPS),
        (changed(BATCH, _2=[STAMP_MAX, [1, 0, 0, 0, 0]]), STAMP_RANGE),
        (changed(BATCH, _2=[5, [-6, 9, 0, 0, 0]]), STAMP_RANGE),
        (changed(BATCH, _2=[1, [0, 0]]), NO_NUMBERS),
        (changed(BATCH, _3=[b""] * 5), LENGTHS),
        (changed(BATCH, _3=["text"] * 6), LENGTHS),
        (changed(BATCH, _4=[1]), TORN_FLAGS),
        (changed(BATCH, _4=[-1, 4]), TORN_FLAGS),
        (changed(BATCH, _4=[6, 4]), "flags of no write"),
        (changed(BATCH, _4=[1, 4, 1, 12]), "flags that name a write twice"),
        (changed(BATCH, _4=[0, 2]), FLAGS),
        (changed(BATCH, _4=[0, 1 << 62]), FLAGS),
        (changed(BATCH, _4=[0, 4 + (1 << 16)]), FLAGS),
        (changed(BATCH, _4=[5, 2 + (1 << 16)]), "a delete that expires"),
        (changed(BATCH, _5=[b"short"]), NO_ORIGIN),
        (changed(BATCH, _5="origins"), NO_COLUMN),
        (changed(BATCH, _6=[0, 9, 1]), PAST),
        (changed(BATCH, _6=[6, 0, 1]), PAST),
        (changed(BATCH, _6=[0, 0, 0]), PAST),
        (changed(BATCH, _6=[0, 0, SEQUENCE_MAX + 1]), PAST),
        (changed(BATCH, _6=[0, 0]), DOTS),
        (changed(BATCH, _6=[-1, 0, 1]), DOTS),
    ],
)
def test_columns_of_a_batch_that_contradict_each_other_are_refused_by_name(columns, refusal):
    with pytest.raises(Malformed, match=refusal):
        batch_from_columns(ANN, 1, 9, b"tag1", columns)


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        (None, FEW),
        ({}, FEW),
        ("columns..", FEW),
        (DELTA[:8], FEW),
        (changed(DELTA, _0=[ANN[:3]]), NO_ORIGIN),
        (changed(DELTA, _1=["one", "one", "gone"]), "names a key twice"),
        (changed(DELTA, _1=["one"]), LENGTHS),
        (changed(DELTA, _1=["one", "two", "gone", "nothing"]), "without saying anything of it"),
        (changed(DELTA, _1=["one", "two", True]), "bool in a column of keys"),
        (changed(DELTA, _2=[0, 2]), "an origin that is not in the table"),
        (changed(DELTA, _2=[0, -1]), "an origin that is not in the table"),
        (changed(DELTA, _2=2), "an origin that is not in the table"),
        (changed(DELTA, _2=[0]), NO_NUMBERS),
        (changed(DELTA, _2=True), NO_NUMBERS),
        (changed(DELTA, _3=[1, -1]), SEQUENCE),
        (changed(DELTA, _3=[1, SEQUENCE_MAX]), SEQUENCE),
        (changed(DELTA, _4=[STAMP_MAX + 1]), NO_STAMPS),
        (changed(DELTA, _4=[50, [-51]]), STAMP_RANGE),
        (changed(DELTA, _5=[b"\x01", None]), LENGTHS),
        (changed(DELTA, _6=[0, -4]), TORN_FLAGS),
        (changed(DELTA, _6=[0, 4, 0, 4]), "flags that name a write twice"),
        (changed(DELTA, _7=[0, 0, 1]), "torn siblings"),
        (changed(DELTA, _7={"not": "a list"}), NO_COLUMN),
        (changed(DELTA, _7=[1, 0, 0, 5, b"", 0]), SIBLING),
        (changed(DELTA, _7=[2, 0, 1, 5, b"", 0]), SIBLING),
        (changed(DELTA, _7=[1, 5, 1, 5, b"", 0]), SIBLING),
        (changed(DELTA, _7=[1, 0, SEQUENCE_MAX + 1, 5, b"", 0]), SIBLING),
        (changed(DELTA, _7=[1, 0, 1, STAMP_MAX + 1, b"", 0]), SIBLING),
        (changed(DELTA, _7=[1, 0, 1, 5, None, 0]), FIELD),
        (changed(DELTA, _7=[1, 0, True, 5, b"", 0]), FIELD),
        (changed(DELTA, _7=[-1, 0, 1, 5, b"", 0]), FIELD),
        (changed(DELTA, _7=[1, 0, 1, 5, b"", 2]), FLAGS),
        (changed(DELTA, _7=[1, 1, 2, 60, b"\x02", 0]), "two siblings under one dot"),
        (changed(DELTA, _8=[9, 0, 1]), GONE),
        (changed(DELTA, _8=[2, 9, 1]), GONE),
        (changed(DELTA, _8=[2, 0, 0]), GONE),
        (changed(DELTA, _8=[2, 0]), DOTS),
        (changed(DELTA, _8=[]), "without saying anything of it"),
    ],
)
def test_columns_of_a_delta_that_contradict_each_other_are_refused_by_name(columns, refusal):
    with pytest.raises(Malformed, match=refusal):
        part_from_columns(columns)


def test_keys_that_were_made_to_have_one_hash_are_refused_before_they_cost_their_square():
    many, few = crowd(1000), crowd(10)
    assert len({hash(tuple(key)) for key in many}) == 1

    with pytest.raises(Malformed, match="one hash"):
        part_from_columns([[ANN], many, 0, [1] * 1000, [1], [b""] * 1000, [], [], []])
    with pytest.raises(Malformed, match="one hash"):
        batch_from_columns(ANN, 0, 1000, b"tag1", [many, None, [1], [b""] * 1000, [], [], []])
    assert len(batch_from_columns(ANN, 0, 10, b"tag1", [few, None, [1], [b""] * 10, [], [], []]).keys) == 10


def test_what_a_newer_peer_adds_behind_the_columns_is_skipped():
    assert batch_from_columns(ANN, 1, 9, b"tag1", [*BATCH, "new"]) == batch_from_columns(ANN, 1, 9, b"tag1", BATCH)
    assert part_from_columns([*DELTA, {"new": 1}]) == part_from_columns(DELTA)


integers = st.integers(heads.INTEGER_MIN, heads.INTEGER_MAX)  # greater ones need a tag, which is refused before
items = integers | st.binary(max_size=12) | st.none() | st.text(max_size=3) | st.booleans() | st.floats()


@given(st.recursive(items, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner), max_leaves=30))
def test_whatever_stands_in_columns_is_taken_or_refused(columns):
    for take in (lambda: batch_from_columns(BOB, 0, 3, b"tag1", columns), lambda: part_from_columns(columns)):
        try:
            take()
        except Malformed:
            continue
