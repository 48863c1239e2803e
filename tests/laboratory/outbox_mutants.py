"""Rules of own writes on their way out: batches are whole, closed once, and follow each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gossamer.crdt.open_batch import OpenBatch
from gossamer.protocol.ledger import Ledger
from gossamer.protocol.outbox import Outbox
from gossamer.wire.codec import decode_batch, encode_batch


def a_closed_batch_is_cut_in_two(patch: pytest.MonkeyPatch) -> None:
    plain = Outbox.close

    def close(self):
        whole = self.open
        if whole._shuffled or len(whole) < 2:
            return plain(self)
        (key, write), *others = whole._rows.items()
        self.open = _part(whole.origin, whole.after, write.sequence, {key: write}, whole._past)
        plain(self)
        self.open = _part(whole.origin, write.sequence, whole.until, dict(others), whole._past)
        return plain(self)

    patch.setattr(Outbox, "close", close)


def _part(origin: bytes, after: int, until: int, rows: dict, past: dict) -> OpenBatch:
    part = OpenBatch(origin, after)
    part._rows, part.until = rows, until
    part._past = {key: dots for key, dots in past.items() if key in rows}
    return part


def a_user_batch_is_cut_where_a_datagram_is_full(patch: pytest.MonkeyPatch) -> None:
    plain = Ledger.write_many

    def write_many(self, items, wall_ms):
        add = OpenBatch.add
        outbox = self.outbox

        def adding(batch, key, write, before, size_bytes=0):
            if outbox is not None and outbox.open is batch and batch.size_bytes > 300:
                outbox.close_into(self.state.known)
                batch = outbox.open
            add(batch, key, write, before, size_bytes)

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(OpenBatch, "add", adding)
            return plain(self, items, wall_ms)

    patch.setattr(Ledger, "write_many", write_many)


def a_closed_batch_is_filled_on(patch: pytest.MonkeyPatch) -> None:
    plain = Outbox.close

    def close(self):
        rows = dict(self.open._rows)
        encoded = plain(self)
        if encoded is not None:
            self.open._rows = rows
        return encoded

    patch.setattr(Outbox, "close", close)


def what_was_written_alone_is_left_out_unsaid(patch: pytest.MonkeyPatch) -> None:
    def meet(self, known):
        self.alone = False

    patch.setattr(Outbox, "meet", meet)


def what_fell_off_the_ring_is_skipped(patch: pytest.MonkeyPatch) -> None:
    plain = Outbox.after

    def after(self, sequence, bytes_max):
        found = plain(self, sequence, bytes_max)
        if found is None and self.ring:
            first = decode_batch(self.ring[0])
            found = [
                encode_batch(replace(first, after=sequence), self.tag),
                *(plain(self, first.until, bytes_max) or []),
            ]
        return found

    patch.setattr(Outbox, "after", after)


def the_next_batch_begins_where_the_last_began(patch: pytest.MonkeyPatch) -> None:
    plain = Outbox.close

    def close(self):
        after = self.open.after
        encoded = plain(self)
        if encoded is not None:
            self.open.after = after
        return encoded

    patch.setattr(Outbox, "close", close)


def a_batch_is_encoded_anew_for_each_who_asks(patch: pytest.MonkeyPatch) -> None:
    """And so under another tag than the first time, once more was written."""
    plain = Outbox.after

    def after(self, sequence, bytes_max):
        found = plain(self, sequence, bytes_max)
        if not found:
            return found
        return [encode_batch(decode_batch(encoded), self.tag) for encoded in found]

    patch.setattr(Outbox, "after", after)
