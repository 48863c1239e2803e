"""Rules of the ledger and of exchanges: what is told of one moment, and what waits for another."""

from __future__ import annotations

import pytest

from gossamer.crdt.open_batch import OpenBatch
from gossamer.crdt.writes import each, pack
from gossamer.protocol.exchanges import Exchanges
from gossamer.protocol.ledger import Ledger, Outcome
from gossamer.protocol.repairs import Repairs


def a_batch_is_applied_while_a_join_is_prepared(patch: pytest.MonkeyPatch) -> None:
    plain = Ledger.receive

    def receive(self, batch, size_bytes, wall_ms):
        joining, self.joining = self.joining, None
        outcome = plain(self, batch, size_bytes, wall_ms)
        self.joining = joining
        return outcome

    patch.setattr(Ledger, "receive", receive)


def members_of_a_user_batch_differ_in_stamp(patch: pytest.MonkeyPatch) -> None:
    plain = Ledger.write_many

    def write_many(self, items, wall_ms):
        floor, self.state.floor = self.state.floor, lambda key: 0
        try:
            return plain(self, items, wall_ms)
        finally:
            self.state.floor = floor

    # A map has slots: its method is put away at the class, and only while the batch is written.
    def patched(self, items, wall_ms):
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(type(self.state), "floor", lambda state, key: 0)
            return plain(self, items, wall_ms)

    patch.setattr(Ledger, "write_many", patched)


def an_expired_write_is_left_out_of_what_a_write_replaces(patch: pytest.MonkeyPatch) -> None:
    plain = OpenBatch.add

    def add(self, key, write, before):
        lasting = pack(w for w in each(before) if not w.expires_ms or w.expires_ms > write.stamp >> 16)
        plain(self, key, write, before if lasting == before else lasting)

    patch.setattr(OpenBatch, "add", add)


def a_vector_is_told_inside_a_batch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "vector", lambda self: self.state.known.copy())


def what_waited_for_a_join_is_not_tried_again(patch: pytest.MonkeyPatch) -> None:
    plain = Ledger.finish_join

    def finish_join(self, wall_ms):
        waiting, self.waiting = self.waiting, type(self.waiting)(self.options.held_batches_bytes)
        plain(self, wall_ms)
        self.waiting = waiting

    patch.setattr(Ledger, "finish_join", finish_join)


def an_exchange_answers_but_does_not_ask_in_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchanges, "_catching_up_with", lambda self, member, now: True)


def a_held_batch_asks_for_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Repairs, "held", lambda self, batch, now: None)


def an_old_batch_is_applied_again(patch: pytest.MonkeyPatch) -> None:
    from gossamer.crdt.lww_map import LWWMap

    plain = LWWMap.apply

    def apply(self, batch):
        return plain(self, batch) or self._apply_rows(batch, batch.after)

    def receive(self, batch, size_bytes, wall_ms):
        if self.joining is not None or not self.state.ready(batch):
            self.waiting.add(batch, size_bytes)
            return Outcome.HELD
        self._applied(self.state.apply(batch), wall_ms)
        return Outcome.APPLIED

    patch.setattr(LWWMap, "apply", apply)
    patch.setattr(Ledger, "receive", receive)
