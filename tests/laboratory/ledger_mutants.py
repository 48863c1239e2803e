"""Rules of the ledger and of exchanges: what is told of one moment, and what waits for another."""

from __future__ import annotations

import pytest

from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.open_batch import OpenBatch
from gossamer.crdt.writes import each, pack
from gossamer.protocol.exchanges import Exchanges
from gossamer.protocol.ledger import Ledger


def members_of_a_user_batch_differ_in_stamp(patch: pytest.MonkeyPatch) -> None:
    plain = Ledger.write_many

    def write_many(self, items, wall_ms):
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(LWWMap, "floor", lambda state, key: 0)
            return plain(self, items, wall_ms)

    patch.setattr(Ledger, "write_many", write_many)


def an_expired_write_is_left_out_of_what_a_write_replaces(patch: pytest.MonkeyPatch) -> None:
    plain = OpenBatch.add

    def add(self, key, write, before, size_bytes=0):
        lasting = pack(w for w in each(before) if not w.expires_ms or w.expires_ms > write.stamp >> 16)
        plain(self, key, write, before if lasting == before else lasting, size_bytes)

    patch.setattr(OpenBatch, "add", add)


def a_vector_is_told_inside_a_batch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "vector", lambda self: self.state.known.copy())


def an_exchange_answers_but_does_not_ask_in_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchanges, "_catching_up_with", lambda self, member, now: True)
