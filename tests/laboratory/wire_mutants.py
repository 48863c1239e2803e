"""Rules of the encoding, each taken away: what travels is not quite what was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest

from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Batch
from gossamer.wire import codec, columns
from gossamer.wire.framing import FrameParser
from gossamer.wire.messages import Kind, RosterPart


def _batch_encoded_as(patch: pytest.MonkeyPatch, changed: Callable[[Batch], Batch]) -> None:
    plain = codec.encode_batch_columns
    patch.setattr(codec, "encode_batch_columns", lambda batch: plain(changed(batch)))


def _part_encoded_as(patch: pytest.MonkeyPatch, column: int, value: Any) -> None:
    plain = codec.part_columns

    def part_columns(siblings, deletes):
        made = plain(siblings, deletes)
        made[column] = value
        return made

    patch.setattr(codec, "part_columns", part_columns)


def only_the_first_replaced_write_is_named(patch: pytest.MonkeyPatch) -> None:
    _batch_encoded_as(patch, lambda batch: replace(batch, past={at: dots[:1] for at, dots in batch.past.items()}))


def a_delete_travels_as_an_empty_value(patch: pytest.MonkeyPatch) -> None:
    def with_empty(batch: Batch) -> Batch:
        return replace(batch, writes=[w if w.value is not None else w._replace(value=b"") for w in batch.writes])

    _batch_encoded_as(patch, with_empty)


def all_writes_of_a_batch_get_its_first_stamp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(columns, "_packed_stamps", lambda stamps: list(stamps[:1]))


def gaps_between_the_sequences_of_a_batch_are_closed(patch: pytest.MonkeyPatch) -> None:
    def rising(gaps, after, until, count):
        return list(range(after + 1, after + 1 + count))

    patch.setattr(columns, "_rising", rising)


def expiry_is_left_out_of_a_delta(patch: pytest.MonkeyPatch) -> None:
    _part_encoded_as(patch, 6, [])


def further_siblings_are_left_out_of_a_delta(patch: pytest.MonkeyPatch) -> None:
    _part_encoded_as(patch, 7, [])


def kept_deletes_are_left_out_of_a_delta(patch: pytest.MonkeyPatch) -> None:
    plain = codec.part_columns

    def part_columns(siblings, deletes):
        return plain({key: held for key, held in siblings.items() if held is not None}, {})

    patch.setattr(codec, "part_columns", part_columns)


def the_last_of_a_roster_is_left_out(patch: pytest.MonkeyPatch) -> None:
    shape = replace(
        codec._SHAPES[Kind.ROSTER],
        make=lambda exchange, origin, distances: RosterPart(exchange, origin, list(accumulate(distances))[:-1]),
    )
    patch.setitem(codec._SHAPES, Kind.ROSTER, shape)


def tags_are_left_out_of_a_vector(patch: pytest.MonkeyPatch) -> None:
    plain = codec._vector
    patch.setattr(codec, "_vector", lambda items: VectorClock(plain(items).heads))


def what_follows_a_whole_frame_in_one_piece_is_dropped(patch: pytest.MonkeyPatch) -> None:
    plain = FrameParser.feed

    def feed(self, data):
        messages = plain(self, data)
        if messages:
            self._buffer.clear()
        return messages

    patch.setattr(FrameParser, "feed", feed)
