"""Each rule of the replicated map, taken away: what PROTOCOL.md section 10 wants noticed.

A mutant patches the real code, or, where the rule is a duty of whoever drives the
map, the method of `history_peer.Peer` that stands for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from history_peer import Peer

from gossamer.crdt import joining as joining_module
from gossamer.crdt import lww_map as lww_map_module
from gossamer.crdt.digest import StateDigest
from gossamer.crdt.dots import Dot
from gossamer.crdt.expiry import Expiry
from gossamer.crdt.joining import Joining, join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.open_batch import OpenBatch
from gossamer.crdt.writes import Batch, Held, Key, Write, each, pack


def _unchecked(patch: pytest.MonkeyPatch) -> None:
    """Let no internal invariant give the mutant away: a promise of the product must break."""
    patch.setattr(LWWMap, "check", lambda self: None)


# -- the vector -----------------------------------------------------------------------------------


def vector_taken_from_a_cut_exchange(patch: pytest.MonkeyPatch) -> None:
    prepare = Joining.prepare

    def early(self: Joining, keys_max: int) -> bool:
        done = prepare(self, keys_max)
        self.state.known.join(self.delta.known)
        return done

    patch.setattr(Joining, "prepare", early)


def delta_joined_against_a_smaller_vector(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "admissible", lambda self: _roster_or_empty(self))


def roster_skipped_by_one_no_longer_empty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "admissible", lambda self: self.state.known.covers(self.delta.since))


def _roster_or_empty(joining: Joining) -> bool:
    if joining.delta.roster is not None or not joining.delta.forgotten:
        return True
    return joining.state.known.heads.keys().isdisjoint(joining.delta.known.heads)


# -- joins ----------------------------------------------------------------------------------------


def two_joins_at_once(patch: pytest.MonkeyPatch) -> None:
    offer = Peer.offer

    def at_once(self: Peer, delta: Any, now_ms: int) -> bool:
        if self.joining is None:
            return offer(self, delta, now_ms)
        replaced = join(self.state, delta)
        self.replay(replaced or [])
        return replaced is not None

    patch.setattr(Peer, "offer", at_once)
    _unchecked(patch)


def batch_applied_while_a_join_is_prepared(patch: pytest.MonkeyPatch) -> None:
    def receive(self: Peer, batch: Batch, now_ms: int) -> None:
        self.waiting.add(batch, 1)
        self._heard(self.waiting.release(self.state), now_ms)

    patch.setattr(Peer, "receive", receive)
    _unchecked(patch)


def key_written_during_a_join_not_joined_again(patch: pytest.MonkeyPatch) -> None:
    publish_rows = Joining.publish_rows

    def blindly(self: Joining) -> Any:
        live = self.state.live
        self._aside = {key: (live.get(key), after) for key, (_, after) in self._aside.items()}
        return publish_rows(self)

    patch.setattr(Joining, "publish_rows", blindly)
    patch.setattr(Joining, "_publish_fresh", lambda self: self.state.live.update(self.fresh))
    _unchecked(patch)


def join_visible_slice_by_slice(patch: pytest.MonkeyPatch) -> None:
    prepare = Joining.prepare

    def visibly(self: Joining, keys_max: int) -> bool:
        done = prepare(self, keys_max)
        for key, (_, after) in self._aside.items():
            if after is not None:
                self.state.live[key] = after
        self.state.live.update(self.fresh)
        return done

    patch.setattr(Joining, "prepare", visibly)


def roster_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "_touched", lambda self: iter(self.delta.siblings))


def roster_drops_what_its_sender_never_knew(patch: pytest.MonkeyPatch) -> None:
    joined = Joining._joined

    def strictly(self: Joining, key: Key, mine: Held) -> Held:
        if key not in self.delta.siblings and self.delta.roster is not None:
            return pack(w for w in each(mine) if w.sequence in self.delta.roster.get(w.origin, ()))
        return joined(self, key, mine)

    patch.setattr(Joining, "_joined", strictly)


def forgotten_not_inherited(patch: pytest.MonkeyPatch) -> None:
    publish = Joining.publish

    def forgetfully(self: Joining) -> Any:
        forgotten = self.state.forgotten.copy()
        replaced = publish(self)
        self.state.forgotten = forgotten
        return replaced

    patch.setattr(Joining, "publish", forgetfully)


def deletes_not_passed_on_by_a_join(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "_prepare_deletes", lambda self, key: None)


def joined_writes_not_logged(patch: pytest.MonkeyPatch) -> None:
    publish = Joining.publish

    def unlogged(self: Joining) -> Any:
        self._rows = {}
        return publish(self)

    patch.setattr(Joining, "publish", unlogged)
    _unchecked(patch)


def known_dead_writes_come_back_by_a_delta(patch: pytest.MonkeyPatch) -> None:
    _join_adds(patch, lambda self, write: True)


def expired_entry_resurrected_by_a_delta(patch: pytest.MonkeyPatch) -> None:
    _join_adds(patch, lambda self, write: bool(write.expires_ms) or not self.state.known.knows(write.dot))


def _join_adds(patch: pytest.MonkeyPatch, adds: Callable[[Joining, Write], bool]) -> None:
    joined = Joining._joined

    def too_much(self: Joining, key: Key, mine: Held) -> Held:
        after = joined(self, key, mine)
        dots = {w.dot for w in each(after)} | {w.dot for w in each(mine)}
        more = [w for w in each(self.delta.siblings.get(key)) if w.dot not in dots and adds(self, w)]
        return pack([*each(after), *more]) if more else after

    patch.setattr(Joining, "_joined", too_much)
    _unchecked(patch)


# -- batches --------------------------------------------------------------------------------------


def snapshot_inside_a_batch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Peer, "snapshot", lambda self, since: ([], self.state.delta(since)))


def closed_batch_cut_in_two(patch: pytest.MonkeyPatch) -> None:
    close = Peer.close

    def cut(self: Peer) -> list[Batch]:
        batches = close(self)
        if not batches or batches[0].until - batches[0].after < 2:
            return batches
        (whole,) = batches
        half = [w.sequence < whole.until for w in whole.writes].count(True)
        past = {i - half: dots for i, dots in whole.past.items() if i >= half}
        first = {i: dots for i, dots in whole.past.items() if i < half}
        at = whole.until - 1
        return [
            Batch(whole.origin, whole.after, at, whole.keys[:half], whole.writes[:half], first),
            Batch(whole.origin, at, whole.until, whole.keys[half:], whole.writes[half:], past, whole.tag),
        ]

    patch.setattr(Peer, "close", cut)


def member_stamps_differ_in_a_batch(patch: pytest.MonkeyPatch) -> None:
    def apart(self: Peer, items: Any, now_ms: int) -> list[int]:
        return [max(self.clock.tick(now_ms), self.state.floor(key)) for key in items]

    patch.setattr(Peer, "stamps", apart)


def batch_applied_member_by_member(patch: pytest.MonkeyPatch) -> None:
    apply = LWWMap.apply

    def follows(self: LWWMap, batch: Batch) -> bool:
        return self.known.sequence(batch.origin) >= batch.after

    def one_by_one(self: LWWMap, batch: Batch) -> list[Any]:
        replaced = []
        after = max(batch.after, self.known.sequence(batch.origin))
        for index, (key, write) in enumerate(zip(batch.keys, batch.writes, strict=True)):
            past = batch.past.get(index, ())
            if not self.known.knows_all(past):
                return replaced
            until = batch.until if index == len(batch.keys) - 1 else write.sequence
            replaced += apply(
                self, Batch(batch.origin, after, until, [key], [write], {0: past} if past else {}, batch.tag)
            )
            after = until
        return replaced

    patch.setattr(LWWMap, "ready", follows)
    patch.setattr(LWWMap, "apply", one_by_one)


def coalesced_past_dropped(patch: pytest.MonkeyPatch) -> None:
    add = OpenBatch.add

    def forgetful(self: OpenBatch, key: Key, write: Write, before: Held, size_bytes: int = 0) -> None:
        earlier = self._rows.get(key)
        add(self, key, write, before, size_bytes)
        if earlier is not None:
            self._past[key] = tuple(w.dot for w in each(before) if w != earlier)

    patch.setattr(OpenBatch, "add", forgetful)


def foreign_removed_put_coalesced_away(patch: pytest.MonkeyPatch) -> None:
    def eagerly(self: OpenBatch, key: Key, earlier: Write, past: tuple[Dot, ...]) -> tuple[Dot, ...]:
        inherited = self._past.get(key, ())
        return tuple(dict.fromkeys((*(dot for dot in past if dot != earlier.dot), *inherited)))

    patch.setattr(OpenBatch, "_coalesced", eagerly)


def key_dependency_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LWWMap, "ready", lambda self, batch: self.known.sequence(batch.origin) >= batch.after)


def origin_order_not_kept(patch: pytest.MonkeyPatch) -> None:
    ready = LWWMap.ready

    def anyhow(self: LWWMap, batch: Batch) -> bool:
        head = self.known.sequence(batch.origin)
        if head >= batch.after:
            return ready(self, batch)
        return all(self.known.knows_all(dots) for dots in batch.past.values())

    patch.setattr(LWWMap, "ready", anyhow)


# -- writes, stamps, winners ----------------------------------------------------------------------


def tie_break_on_origin_missing(patch: pytest.MonkeyPatch) -> None:
    def as_they_came(writes: Any) -> Held:
        ordered = sorted(writes, reverse=True, key=lambda w: w.stamp)
        return tuple(ordered) if len(ordered) > 1 else ordered[0] if ordered else None

    patch.setattr(lww_map_module, "pack", as_they_came)
    patch.setattr(joining_module, "pack", as_they_came)
    _unchecked(patch)


def stamp_not_above_what_it_replaces(patch: pytest.MonkeyPatch) -> None:
    write = LWWMap.write

    def as_the_clock_says(self: LWWMap, origin: bytes, key: Key, value: Any, stamp: int, meta: int = 0) -> Any:
        made, before = write(self, origin, key, value, stamp, meta)
        if value is not None:
            self.live[key] = made = made._replace(stamp=stamp)
        return made, before

    patch.setattr(LWWMap, "write", as_the_clock_says)
    patch.setattr(LWWMap, "floor", lambda self, key: 0)


def stamps_without_a_ceiling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lww_map_module, "STAMP_MAX", 1 << 70)


def hidden_expired_sibling_left_out_of_past(patch: pytest.MonkeyPatch) -> None:
    def only_visible(self: Peer, before: Held, now_ms: int) -> Held:
        return pack(w for w in each(before) if not w.expires_ms or w.expires_ms > now_ms)

    patch.setattr(Peer, "replaced_by", only_visible)


def sequence_restarted_after_a_wipe(patch: pytest.MonkeyPatch) -> None:
    restored = Peer.restored
    patch.setattr(Peer, "restored", lambda self, saved, origin: restored(self, saved, self.origin))


# -- logs ------------------------------------------------------------------------------------------


def deletes_dropped_from_a_log_that_is_compacted(patch: pytest.MonkeyPatch) -> None:
    _compaction_keeps(patch, lambda self, key, dot: any(w.dot == dot for w in each(self.live.get(key))))


def conflicts_dropped_from_a_log_that_is_compacted(patch: pytest.MonkeyPatch) -> None:
    _compaction_keeps(patch, lambda self, key, dot: dot in self.deletes.get(key, ()))


def _compaction_keeps(patch: pytest.MonkeyPatch, holds: Callable[[LWWMap, Key, Dot], bool]) -> None:
    patch.setattr(LWWMap, "holds", holds)
    _unchecked(patch)


# -- deletes, expiry, digests ---------------------------------------------------------------------


def oldest_delete_kept_instead_of_newest(patch: pytest.MonkeyPatch) -> None:
    record = LWWMap.record_delete

    def first_only(self: LWWMap, key: Key, dots: tuple[Dot, ...]) -> None:
        kept = self.deletes.get(key, ())
        record(self, key, dots)
        self.deletes[key] = (*kept, *(d for d in self.deletes[key] if d.origin not in {k.origin for k in kept}))

    patch.setattr(LWWMap, "record_delete", first_only)
    _unchecked(patch)


def expired_entry_dropped_without_a_record(patch: pytest.MonkeyPatch) -> None:
    def bury(self: LWWMap, now_ms: int, grace_ms: int) -> list[Key]:
        keys = self.expiry.overdue(now_ms - grace_ms)
        for key in keys:
            before = self.live.get(key)
            kept = pack(w for w in each(before) if not w.expires_ms or w.expires_ms + grace_ms > now_ms)
            self.store(key, before, kept)
        return keys

    patch.setattr(LWWMap, "bury", bury)


def burial_not_recorded_by_those_who_hear_of_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "_keep_buried", lambda self, key, before, after: None)


def expired_entry_dropped_without_grace(patch: pytest.MonkeyPatch) -> None:
    bury = LWWMap.bury
    patch.setattr(LWWMap, "bury", lambda self, now_ms, grace_ms: bury(self, now_ms, 0))


def expiry_not_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Expiry, "add", lambda self, key, write: None)


def expiring_writes_in_the_digest(patch: pytest.MonkeyPatch) -> None:
    hashed = StateDigest._hash

    def everything(self: StateDigest, key: Key, held: Held) -> int:
        return hashed(self, key, tuple(w._replace(meta=0) for w in each(held)))

    patch.setattr(StateDigest, "_hash", everything)


def digest_over_re_encoded_bytes(patch: pytest.MonkeyPatch) -> None:
    hashed = StateDigest._hash

    def re_encoded(self: StateDigest, key: Key, held: Held) -> int:
        def canonical(value: bytes | None) -> bytes | None:
            return value[1:] if value is not None and value[:1] == b"\x18" else value

        return hashed(self, key, tuple(w._replace(value=canonical(w.value)) for w in each(held)))

    patch.setattr(StateDigest, "_hash", re_encoded)


def digest_of_winners_only(patch: pytest.MonkeyPatch) -> None:
    hashed = StateDigest._hash

    def first_only(self: StateDigest, key: Key, held: Held) -> int:
        return hashed(self, key, each(held)[:1])

    patch.setattr(StateDigest, "_hash", first_only)
