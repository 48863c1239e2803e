"""One replica as the protocol must drive it: each clause of the contract of `gossamer.crdt` is one method here.

1. A user batch has one stamp, above everything that it replaces (`stamp`).
2. Who answers a delta, or saves itself, closes its open batch first (`snapshot`).
3. A closed batch is sent whole (`close`).
4. One join at a time; batches and other deltas that come meanwhile wait (`receive`, `offer`).
5. A run has an origin of its own, and a run restored from a save a fresh one (`restored`).

What the map says was replaced is replayed into a mirror, which must equal the map.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from history_oracle import Made, Wrong

from gossamer.crdt.clock import HybridClock
from gossamer.crdt.dots import Dot, Origin
from gossamer.crdt.joining import Joining, join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.open_batch import OpenBatch
from gossamer.crdt.vector_clock import NO_TAG, VectorClock
from gossamer.crdt.waiting import Waiting
from gossamer.crdt.writes import Batch, Delta, Held, Key, Replaced, each, expiry_meta

GRACE_MS = 40
"""At least the greatest difference of two honest clocks."""

Put = tuple[bytes | None, int, int]
"""Value (None deletes), milliseconds to live (0: for ever), flags."""


class Peer:
    """A map, a clock, an open batch, held batches and a join under way."""

    def __init__(self, origin: Origin, skew_ms: int = 0, drag_ms: int = 1 << 46, held_max: int = 1000) -> None:
        self.origin = origin
        self.skew_ms = skew_ms
        self.state = LWWMap()
        self.clock = HybridClock(drag_ms)
        self.waiting = Waiting(held_max)
        self.open = OpenBatch(origin, 0)
        self.joining: Joining | None = None
        self.staged: deque[Delta | Batch] = deque()
        self.mirror: dict[Key, Held] = {}
        self._heads: dict[Origin, int] = {}

    # -- local writes ---------------------------------------------------------------------------

    def write(self, items: Mapping[Key, Put], now_ms: int) -> list[Made]:
        """Make one user batch, visible at once and entered into the open batch."""
        stamps = self.stamps(items, now_ms)
        made: list[Made] = []
        for (key, (value, ttl_ms, flags)), stamp in zip(items.items(), stamps, strict=True):
            seen = tuple(Dot(w.origin, w.sequence) for w in each(self.state.live.get(key)))
            meta = expiry_meta(flags, now_ms + ttl_ms if ttl_ms else 0)
            write, before = self.state.write(self.origin, key, value, stamp, meta)
            if write.stamp != stamp:
                raise Wrong(f"{write} was to carry the stamp {stamp} of its batch")
            self.open.add(key, write, self.replaced_by(before, now_ms))
            self.replay([Replaced(key, before, None if value is None else write)])
            made.append((key, write, seen))
        return made

    def stamps(self, items: Iterable[Key], now_ms: int) -> list[int]:
        """Return the stamp of each write of a user batch: one for all."""
        keys = list(items)
        stamp = max(self.clock.tick(now_ms), *map(self.state.floor, keys))
        return [stamp] * len(keys)

    def replaced_by(self, before: Held, now_ms: int) -> Held:
        """Return what of `before` a write replaces: all of it, also what has expired by `now_ms`."""
        return before

    def close(self) -> list[Batch]:
        """Close the open batch, if anything was entered, and return what is sent of it."""
        if not len(self.open):
            return []
        batch = self.open.close()
        batch.tag = _chained(self.state.known.tags.get(self.origin, NO_TAG), batch)
        self.state.known.advance(self.origin, batch.until, batch.tag)
        self.open = OpenBatch(self.origin, batch.until)
        return [batch]

    # -- batches and deltas ---------------------------------------------------------------------

    def snapshot(self, since: VectorClock) -> tuple[list[Batch], Delta]:
        """Return a delta, and what was closed for it, which is still to be sent."""
        closed = self.close()
        return closed, self.state.delta(since)

    def receive(self, batch: Batch, now_ms: int) -> None:
        """Apply a batch, or hold it until what it needs has come."""
        if self.joining is not None:
            self.staged.append(batch)
            return
        self.waiting.add(batch, 1)
        self._heard(self.waiting.release(self.state), now_ms)

    def offer(self, delta: Delta, now_ms: int) -> bool:
        """Begin to join `delta`, or stage it; return False if it is not admissible."""
        if self.joining is not None:
            self.staged.append(delta)
            return True
        joining = Joining(self.state, delta)
        if not joining.admissible():
            return False
        self.joining = joining
        return True

    def prepare(self, keys_max: int) -> bool:
        """Do one slice of the join under way; return whether it can be published."""
        return self.joining is not None and self.joining.prepare(keys_max)

    def publish(self, now_ms: int) -> None:
        """End the join under way, then take what waited for it, up to the next join."""
        while not self.prepare(100):
            pass
        assert self.joining is not None
        self._heard(self.joining.publish(), now_ms)
        self.joining = None
        self._heard(self.waiting.release(self.state), now_ms)
        while self.staged and self.joining is None:
            match self.staged.popleft():
                case Delta() as delta:
                    self.offer(delta, now_ms)
                case batch:
                    self.receive(batch, now_ms)

    def restored(self, saved: Delta, origin: Origin) -> Peer:
        """Return this peer started again from `saved`, under a fresh origin."""
        again = Peer(origin, self.skew_ms, self.clock.drag_ms)
        join(again.state, saved)
        again.mirror = dict(again.state.live)
        return again

    def _heard(self, replaced: list[Replaced], now_ms: int) -> None:
        for change in replaced:
            for write in each(change.after):
                self.clock.observe(write.stamp, now_ms)
        self.replay(replaced)

    # -- time -----------------------------------------------------------------------------------

    def bury(self, now_ms: int) -> None:
        """Drop what expired longer ago than clocks differ."""
        for key in self.state.bury(now_ms, GRACE_MS):
            self.replay([Replaced(key, self.mirror.get(key), self.state.live.get(key))])

    # -- what a watcher sees --------------------------------------------------------------------

    def replay(self, replaced: Iterable[Replaced]) -> None:
        """Do to the mirror what was said to have been replaced."""
        for key, before, after in replaced:
            if self.mirror.get(key) != before:
                raise Wrong(f"{key!r}: {before} was said to be replaced, watchers saw {self.mirror.get(key)}")
            if after is None:
                self.mirror.pop(key, None)
            else:
                self.mirror[key] = after

    def check(self) -> None:
        """Raise `Wrong` unless watchers saw what is, and knowledge only grew."""
        if self.mirror != self.state.live:
            raise Wrong(f"watchers saw {self.mirror}, the map holds {self.state.live}")
        heads = self.state.known.heads
        if any(heads.get(origin, 0) < sequence for origin, sequence in self._heads.items()):
            raise Wrong(f"I3: knowledge fell from {self._heads} to {heads}")
        self._heads = dict(heads)


def _chained(tag: bytes, batch: Batch) -> bytes:
    return blake2b(tag + repr((batch.origin, batch.after, batch.until, batch.writes)).encode(), digest_size=4).digest()
