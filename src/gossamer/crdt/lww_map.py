"""A map that keeps, for each key, the writes that no known write has replaced.

Invariants, asserted by `check`:
I1  a known write is live, or was replaced by a write that is known too, or expired;
I2  every live write is known;
I3  knowledge is contiguous and only grows: `known` rises over writes that were applied;
I4  along causality on one key, stamps grow (or stay at the ceiling);
I5  one dot names one write for ever;
I6  the logs per origin list exactly the live writes and the kept deletes (and stale ones, counted).

From these, join is commutative, associative and idempotent: batches may be lost,
doubled and reordered without harm.  A delete removes exactly the writes it has seen;
its record only makes deltas cheap and may be forgotten at any time.  See Almeida,
Shoker & Baquero, *Delta State Replicated Data Types* (2018), DOI
10.1016/j.jpdc.2017.08.003, of which this is the map of multi-value registers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

from .clock import STAMP_MAX
from .digest import StateDigest
from .dots import Dot, Origin
from .expiry import Expiry
from .origin_log import STALE_MIN, OriginLog
from .vector_clock import VectorClock
from .writes import (
    EXPIRES,
    META,
    SEQUENCE,
    VALUE,
    Batch,
    Delta,
    Held,
    Key,
    Replaced,
    Write,
    each,
    make_replaced,
    pack,
)

_new: Any = tuple.__new__


class LWWMap:
    """One replica's state.  Not thread-safe: whoever owns it owns the lock."""

    __slots__ = ("_overdue", "deletes", "digest", "expiry", "forgotten", "known", "live", "logs")

    def __init__(self, key_bytes: Callable[[Key], bytes] = lambda key: repr(key).encode()) -> None:
        self.live: dict[Key, Any] = {}  # Key -> Held, never None; Any spares the hot paths a cast
        self.deletes: dict[Key, tuple[Dot, ...]] = {}
        self.known = VectorClock()
        self.forgotten: dict[Origin, int] = {}
        self.logs: dict[Origin, OriginLog] = {}
        self._overdue: set[Origin] = set()
        self.expiry = Expiry(self._lapses)
        self.digest = StateDigest(key_bytes)

    # -- local writes ---------------------------------------------------------------------------

    def write(self, origin: Origin, key: Key, value: bytes | None, stamp: int, meta: int = 0) -> tuple[Write, Held]:
        """Put `value`, or delete (None), over everything live under `key`.

        Return the write and what it replaced, its past.  The write's stamp is `stamp`,
        or one more than the greatest it replaces if that is more.  O(siblings).
        """
        live = self.live
        before: Any = live.get(key)
        lone = type(before) is Write
        if before is not None:
            top: int = before[0] if lone else before[0][0]
            if stamp <= top:
                stamp = top + 1 if top < STAMP_MAX else STAMP_MAX
        heads = self.known.heads
        sequence = heads.get(origin, 0) + 1
        heads[origin] = sequence
        write: Write = _new(Write, (stamp, origin, sequence, value, meta))
        log = self.logs.get(origin)
        if log is None:
            log = self.log(origin)
        if value is None or meta or not (lone or before is None):
            self.store(key, before, None if value is None else write)
        else:  # what `store` would do, for the write of every day
            live[key] = write
            touched = self.digest.touched
            if key not in touched:
                touched[key] = before
            if lone:
                if self.expiry.hidden:
                    self.expiry.hidden.discard(key)
                self._stale(before[1])
        log.sequences.append(sequence)
        log.keys.append(key)
        if value is None:
            self.record_delete(key, (Dot(origin, sequence),))
        if self._overdue:
            self.compact()
        return write, before

    def floor(self, key: Key) -> int:
        """Return the least stamp that a write over what is live under `key` may carry."""
        before: Held = self.live.get(key)
        if before is None:
            return 0
        top = before.stamp if isinstance(before, Write) else before[0].stamp
        return min(top + 1, STAMP_MAX)

    def rewrite(self, origin: Origin, key: Key, old: Write) -> tuple[Write, Held]:
        """Put the live write `old` again under `origin`: same stamp and value, replacing `old` alone."""
        before: Held = self.live[key]
        sequence = self.known.heads.get(origin, 0) + 1
        self.known.heads[origin] = sequence
        write = Write(old.stamp, origin, sequence, old.value, old.meta)
        self.store(key, before, pack([write, *(w for w in each(before) if w.dot != old.dot)]))
        self.log(origin).append(sequence, key)
        self.compact()
        return write, old

    # -- batches --------------------------------------------------------------------------------

    def ready(self, batch: Batch) -> bool:
        """Return whether `batch` follows what is known and replaces only writes that are known."""
        heads = self.known.heads
        if heads.get(batch.origin, 0) < batch.after:
            return False
        if not batch.past:
            return True
        origin, after, until = batch.origin, batch.after, batch.until
        head = heads.get(origin, 0)
        for index, dots in batch.past.items():
            if batch.writes[index].sequence <= head:
                continue  # a delta brought it, and with it the knowledge of its past
            for needed, sequence in dots:
                if heads.get(needed, 0) < sequence and not (needed == origin and after < sequence <= until):
                    return False
        return True

    def apply(self, batch: Batch) -> list[Replaced]:
        """Apply the writes of a `ready` batch that are not known yet, in one step.  O(writes)."""
        origin = batch.origin
        head = self.known.heads.get(origin, 0)
        if head >= batch.until:
            return []
        if head <= batch.after and self._all_new(batch):
            replaced = self._apply_columns(batch)
        else:
            replaced = self._apply_rows(batch, head)
            self.compact()
        self.known.advance(origin, batch.until, batch.tag)
        return replaced

    def _all_new(self, batch: Batch) -> bool:
        """Whether the batch only puts keys that nobody holds: then columns are stored whole."""
        keys, touched = batch.keys, self.digest.touched
        return (
            not batch.past
            and self.live.keys().isdisjoint(keys)
            and (not touched or touched.keys().isdisjoint(keys))
            and len(set(keys)) == len(keys)
            and not any(map(META, batch.writes))
            and None not in map(VALUE, batch.writes)
        )

    def _apply_columns(self, batch: Batch) -> list[Replaced]:
        keys, writes = batch.keys, batch.writes
        self.live.update(zip(keys, writes, strict=True))
        self.digest.touched.update(zip(keys, repeat(None)))
        log = self.log(batch.origin)
        log.sequences.extend(map(SEQUENCE, writes))
        log.keys.extend(keys)
        return list(make_replaced(zip(keys, repeat(None), writes, strict=False)))

    def _apply_rows(self, batch: Batch, head: int) -> list[Replaced]:
        live, past, log = self.live, batch.past, self.log(batch.origin)
        replaced = []
        for index, (key, write) in enumerate(zip(batch.keys, batch.writes, strict=True)):
            if write.sequence <= head:
                continue
            before: Held = live.get(key)
            after: Held = None if write.value is None else write
            if before is not None:
                dots = past.get(index, ())
                left = [w for w in each(before) if w.dot not in dots]
                if left:
                    after = pack(left if write.value is None else [write, *left])
            self.store(key, before, after)
            log.append(write.sequence, key)
            if write.value is None:
                self.record_delete(key, (write.dot,))
            replaced.append(Replaced(key, before, after))
        return replaced

    # -- deltas ---------------------------------------------------------------------------------

    def delta(self, since: VectorClock) -> Delta:
        """Return all that a replica knowing `since` may lack, as one consistent snapshot.

        O(w log w), where w is the number of writes held here and newer than `since`
        (for a `since` that knows nothing of ours: the speed of `dict.copy`).  Carries a
        roster, O(live writes), only when deletes newer than `since` were forgotten here.
        """
        heads, delta = self.known.heads, Delta(since.copy(), self.known.copy())
        strange = since.heads.keys().isdisjoint(heads)
        if strange:
            delta.siblings, delta.deletes = self.live.copy(), self.deletes.copy()
            for key in delta.deletes:
                delta.siblings.setdefault(key, None)
        else:
            newer: dict[Key, None] = {}
            for origin, head in heads.items():
                have = since.sequence(origin)
                if have < head and origin in self.logs:
                    newer.update(zip(self.logs[origin].newer(have), repeat(None)))
            for key in newer:
                held, deletes = self.live.get(key), self.deletes.get(key, ())
                if not since.knows_all(w.dot for w in each(held)) or not since.knows_all(deletes):
                    delta.siblings[key] = held
                    if deletes:
                        delta.deletes[key] = deletes
        if any(since.sequence(origin) < sequence for origin, sequence in self.forgotten.items()):
            delta.forgotten = self.forgotten.copy()
            if not strange:  # one who knows no origin of ours holds nothing that a roster could drop
                delta.roster = self._roster()
        return delta

    def _roster(self) -> dict[Origin, set[int]]:
        roster: dict[Origin, set[int]] = {}
        for held in self.live.values():
            for write in each(held):
                roster.setdefault(write.origin, set()).add(write.sequence)
        return roster

    # -- forgetting and expiry ------------------------------------------------------------------

    def forget(self, key: Key) -> None:
        """Drop the records of deletes of `key`.  Any local policy is safe; it only costs rosters."""
        for origin, sequence in self.deletes.pop(key, ()):
            self.forgotten[origin] = max(self.forgotten.get(origin, 0), sequence)
            self._stale(origin)
        self.compact()

    def bury(self, now_ms: int, grace_ms: int) -> list[Key]:
        """Drop the writes that expired more than `grace_ms` ago, each leaving a delete record.

        The record is needed: a peer that still holds what the write had replaced would
        otherwise show that for ever.
        """
        buried = []
        for key in self.expiry.overdue(now_ms - grace_ms):
            before: Held = self.live.get(key)
            gone = [w for w in each(before) if w.meta & EXPIRES and w.expires_ms + grace_ms <= now_ms]
            if gone:
                self.store(key, before, pack(w for w in each(before) if w not in gone), keep_logged=True)
                self.record_delete(key, tuple(w.dot for w in gone))
                buried.append(key)
        self.compact()
        return buried

    # -- storing --------------------------------------------------------------------------------

    def store(self, key: Key, before: Held, after: Held, keep_logged: bool = False) -> None:
        """Let `after` stand under `key`; note for digest, logs and expiry what changed."""
        if after is None:
            if before is not None:
                del self.live[key]
        else:
            self.live[key] = after
            if not isinstance(after, Write) or after.meta & EXPIRES:
                self._note_expiries(key, before, after)
        touched = self.digest.touched
        if key not in touched:
            touched[key] = before
        if self.expiry.hidden:
            self.expiry.hidden.discard(key)
        if before is None or keep_logged:
            return
        if isinstance(before, Write) and (after is None or isinstance(after, Write)):
            if before is not after:
                self._stale(before.origin)
            return
        left = each(after)
        for write in each(before):
            if write not in left:
                self._stale(write.origin)

    def _note_expiries(self, key: Key, before: Held, after: Held) -> None:
        for write in each(after):
            if write.meta & EXPIRES and write not in each(before):
                self.expiry.add(key, write)

    def _lapses(self, key: Key, at_ms: int) -> bool:
        return any(w.meta & EXPIRES and w.expires_ms == at_ms for w in each(self.live.get(key)))

    def record_delete(self, key: Key, dots: tuple[Dot, ...]) -> None:
        """Keep the newest delete of each origin: who lacks an older one lacks the newer too."""
        newest = dict(self.deletes.get(key, ()))
        for origin, sequence in dots:
            older = newest.get(origin)
            if older is not None:
                self._stale(origin)
            newest[origin] = max(sequence, older or 0)
        self.deletes[key] = tuple(Dot(*item) for item in newest.items())

    def log(self, origin: Origin) -> OriginLog:
        """Return the log of `origin`, made when it is first asked for."""
        log = self.logs.get(origin)
        if log is None:
            log = self.logs[origin] = OriginLog()
        return log

    def _stale(self, origin: Origin) -> None:
        log = self.logs[origin]
        log.stale = stale = log.stale + 1
        if stale > STALE_MIN and stale * 2 > len(log.sequences):
            self._overdue.add(origin)

    def compact(self) -> None:
        """Drop the stale items of the logs that have too many: only between operations, never inside one."""
        for origin in self._overdue:
            log = self.logs[origin]
            log.keep(self._held(origin, log))
            if not log:
                del self.logs[origin]
        self._overdue.clear()

    def _held(self, origin: Origin, log: OriginLog) -> list[bool]:
        """Return, for each item of a log, whether it is a live write or a kept delete."""
        rare = bool(self.deletes)
        return [
            (type(held) is Write and held[2] == sequence and held[1] == origin)
            or ((rare or type(held) is tuple) and self.holds(key, Dot(origin, sequence)))
            for key, sequence, held in zip(log.keys, log.sequences, map(self.live.get, log.keys), strict=True)
        ]

    def holds(self, key: Key, dot: Dot) -> bool:
        """Return whether `dot` is a live write or a kept delete of `key`."""
        return any(w.dot == dot for w in each(self.live.get(key))) or dot in self.deletes.get(key, ())

    def check(self) -> None:
        """Assert every invariant that one replica can see by itself.  O(everything); for tests."""
        from .checking import check_map

        check_map(self)
