"""What the lock guards: the map, the hybrid clock and our own writes on their way out.

Everything else in the protocol belongs to one thread; this may be called from any.
Whoever watches is told of each change under the lock, in the order of application, so
every watcher of this peer sees one order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from operator import itemgetter
from typing import Any, Protocol

from ..crdt.clock import HybridClock
from ..crdt.dots import Origin, mint_origin
from ..crdt.joining import Joining
from ..crdt.lww_map import LWWMap
from ..crdt.vector_clock import NO_TAG, VectorClock
from ..crdt.waiting import Waiting
from ..crdt.writes import STAMP, Batch, Delta, Held, Key, Replaced, Write, each, winner
from ..errors import MeshClosed
from ..options import Options
from ..wire.keys import SpaceKey, canonical_key_bytes
from .outbox import BATCH_ROWS_MAX, BATCH_VALUES_BYTES_MAX, Outbox

_KEY = itemgetter(0)


class Observer(Protocol):
    """Is told under the lock, in order, of all that changes.  It must be quick and call nothing back."""

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """These live writes were replaced, by us (`local`) or by what was received."""

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Of each (key, expiry in ms, what is held) a write has just ceased to be seen."""


class Unobserved:
    """An observer that looks away."""

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Ignore it."""

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Ignore it."""


class Outcome(Enum):
    """What became of a received batch."""

    APPLIED = "applied"
    OLD = "old"
    HELD = "held"


class Ledger:
    """State, clock and outbox of one replica, behind one lock."""

    def __init__(
        self, options: Options, rng: random.Random, lock: AbstractContextManager[object], observer: Observer
    ) -> None:
        self.lock = lock
        self.options = options
        self.state = LWWMap(canonical_key_bytes)
        self.clock = HybridClock(int(options.clock_drag_s * 1000))
        self.origin: Origin | None = None
        self.outbox: Outbox | None = None
        self.waiting = Waiting(options.held_batches_bytes)
        self.joining: Joining | None = None
        self.closed = False
        self.writes = 0
        self.conflicts = 0
        self.received = 0
        """How often a key was changed by what others wrote."""
        self.leapt = False
        """Whether something was written that only deltas carry: others must be told that we are ahead."""
        self.alone = False
        """Whether nobody has been met yet, so that nothing need be kept to be sent."""
        self.attended = False
        """Whether somebody will look at the outbox without being told of what is written."""
        self.watched = False
        """Whether the observer wants to be told of local writes; of others' it always is."""
        self.overwrote: Callable[[Key, Write], bool] | None = None
        """Where nobody but a publisher is told of local writes: takes a lone one, or returns False."""
        self.decoded: dict[Any, Any] = {}
        """Values that readers have decoded, by key: a reader enters them, we drop what changes."""
        self.observer = observer
        self._rng = rng

    # -- local writes ---------------------------------------------------------------------------

    def write(self, key: Key, value: bytes | None, wall_ms: int, meta: int = 0) -> bool:
        """Put `value` under `key`, or delete it (None), here and now.  Thread-safe; O(siblings).

        Return whether whoever sends should be told: nobody looks at the outbox, or a batch was closed.
        """
        with self.lock:
            outbox = self.outbox
            if outbox is None or self.closed:
                outbox = self._mint(wall_ms)
            state = self.state
            write, before = state.write(outbox.origin, key, value, self.clock.tick(wall_ms), meta)
            self.writes += 1
            tell = not self.attended
            if not outbox.alone and outbox.add(key, write, before, state.known):
                tell = True
            if key in self.decoded:
                del self.decoded[key]
            if self.watched and (value is None or self.overwrote is None or not self.overwrote(key, write)):
                self.observer.replaced((Replaced(key, before, None if value is None else write),), True)
            return tell

    def write_if(
        self, key: Key, decide: Callable[[Write | None], tuple[bytes | None, int] | None], wall_ms: int, seen_ms: int
    ) -> Write | None:
        """Write what `decide` returns, (value or None, meta), given what can be seen under `key`; None: leave it so.

        Return what could be seen, by the clock `seen_ms`.  Nobody writes in between: so `pop`, `setdefault` and
        comparing before setting are atomic among threads, and among the processes of a host.
        """
        with self.lock:
            before: Held = self.state.live.get(key)
            seen = None if key in self.state.expiry.hidden else winner(before, seen_ms)
            decided = decide(seen)
            if decided is not None:
                value, meta = decided
                outbox = self._mint(wall_ms)
                write, before = self.state.write(outbox.origin, key, value, self.clock.tick(wall_ms), meta)
                self.writes += 1
                outbox.add(key, write, before, self.state.known)
                self.decoded.pop(key, None)
                if self.watched:
                    self.observer.replaced((Replaced(key, before, None if value is None else write),), True)
            return seen

    def write_many(self, items: Iterable[tuple[Key, bytes | None, int]], wall_ms: int) -> list[Replaced]:
        """Put or delete several keys in one batch: all or nothing, everywhere, under one stamp.

        `items` are (key, value or None, meta), each key once; they are taken under the lock, so an iterator may
        decide there.  Deleting a key that holds nothing is left out.  A lone row is a write like any other.
        """
        with self.lock:
            outbox = self.outbox
            if outbox is None or self.closed:
                outbox = self._mint(wall_ms)
            state = self.state
            rows = [item for item in items if item[1] is not None or item[0] in state.live]
            if not rows:
                return []
            if len(rows) == 1:
                return [self._write_lone(outbox, *rows[0], wall_ms)]
            outbox.close_into(state.known)
            stamp = max(self.clock.tick(wall_ms), *(state.floor(key) for key, _, _ in rows))
            size_bytes = sum(len(value) for _, value, _ in rows if value is not None)
            huge = len(rows) > BATCH_ROWS_MAX or size_bytes > BATCH_VALUES_BYTES_MAX
            replaced = []
            for key, value, meta in rows:
                write, before = state.write(outbox.origin, key, value, stamp, meta)
                if not outbox.alone and not huge:
                    outbox.open.add(key, write, before)
                replaced.append(Replaced(key, before, None if value is None else write))
            if huge and not outbox.alone:
                outbox.leap(state.known)
                self.leapt = True
            outbox.close_into(state.known)
            self.writes += len(rows)
            self._forget_decoded(replaced)
            self._tell_own(replaced)
            return replaced

    def _write_lone(self, outbox: Outbox, key: Key, value: bytes | None, meta: int, wall_ms: int) -> Replaced:
        write, before = self.state.write(outbox.origin, key, value, self.clock.tick(wall_ms), meta)
        self.writes += 1
        outbox.add(key, write, before, self.state.known)
        replaced = Replaced(key, before, None if value is None else write)
        self._forget_decoded((replaced,))
        self._tell_own((replaced,))
        return replaced

    def _tell_own(self, replaced: Sequence[Replaced]) -> None:
        """Tell of own writes whoever watches; of those in reserved spaces, which are counted and indexed, always."""
        if self.watched or SpaceKey in set(map(type, map(_KEY, replaced))):
            self.observer.replaced(replaced, True)

    def meet(self) -> None:
        """Somebody is there: from now on, writes are kept to be sent."""
        with self.lock:
            self.alone = False
            if self.outbox is not None:
                self.outbox.meet(self.state.known)

    def mint(self, wall_ms: int) -> Origin:
        """Return the origin under which we write, made if there is none yet.  Raise MeshClosed after the end."""
        with self.lock:
            return self._mint(wall_ms).origin

    def _mint(self, wall_ms: int) -> Outbox:
        if self.closed:
            raise MeshClosed("this mesh was closed, so nothing was written; join again to write")
        if self.outbox is None:
            self.origin = mint_origin(wall_ms // 1000, self._rng.randbytes(8))
            self.outbox = Outbox(self.origin, self.options, self.alone)
        return self.outbox

    def remint(self, wall_ms: int) -> Origin | None:
        """Somebody else writes under our origin: take a new one and put our live writes again under it."""
        with self.lock:
            self.seal()
            old, self.origin, self.outbox = self.origin, None, None
            if old is None:
                return None
            self._mint(wall_ms)
            self._adopt(old)
            return old

    def adopt(self, origin: Origin, wall_ms: int) -> None:
        """Put again, under our origin, what we hold of one that two have written under."""
        with self.lock:
            self._mint(wall_ms)
            self._adopt(origin)

    def _adopt(self, origin: Origin) -> None:
        outbox = self.outbox
        assert outbox is not None
        held = [(key, write) for key, held in self.state.live.items() for write in each(held)]
        self._rewrite(outbox, ((key, write) for key, write in held if write.origin == origin))
        for key, dots in list(self.state.deletes.items()):
            if any(dot.origin == origin for dot in dots) and key not in self.state.live:
                write, before = self.state.write(outbox.origin, key, None, self.clock.latest)
                outbox.add(key, write, before, self.state.known)
        outbox.close_into(self.state.known)

    def rewrite(self, dots: Iterable[tuple[Key, Write]], wall_ms: int) -> None:
        """Put single live writes again under our origin: equal vectors showed different states."""
        with self.lock:
            outbox = self._mint(wall_ms)
            self._rewrite(outbox, ((key, write) for key, write in dots if write in each(self.state.live.get(key))))
            outbox.close_into(self.state.known)

    def _rewrite(self, outbox: Outbox, rows: Iterable[tuple[Key, Write]]) -> None:
        live, replaced = self.state.live, []
        for key, old in rows:
            before: Held = live[key]
            write, past = self.state.rewrite(outbox.origin, key, old)
            outbox.add(key, write, past, self.state.known)
            replaced.append(Replaced(key, before, live[key]))
        self._tell_own(replaced)

    # -- what others wrote ----------------------------------------------------------------------

    def receive(self, batch: Batch, size_bytes: int, wall_ms: int) -> Outcome:
        """Apply a received batch, or hold it until what it needs has come.  O(its writes)."""
        state = self.state
        with self.lock:
            if state.known.heads.get(batch.origin, 0) >= batch.until:
                return Outcome.OLD
            if self.joining is not None or not state.ready(batch):
                self.waiting.add(batch, size_bytes)
                return Outcome.HELD
            self._applied(state.apply(batch), wall_ms)
            if len(self.waiting):
                self._applied(self.waiting.release(state), wall_ms)
            return Outcome.APPLIED

    def _applied(self, replaced: Sequence[Replaced], wall_ms: int) -> None:
        if not replaced:
            return
        self.received += len(replaced)
        top = 0
        limit = (wall_ms + self.clock.drag_ms) << 16
        for _, _, after in replaced:
            if after is not None:
                if isinstance(after, Write):
                    stamp = after.stamp
                else:
                    stamp = after[0].stamp
                    self.conflicts += 1
                if top < stamp <= limit:
                    top = stamp
        self.clock.observe(top, wall_ms)
        if self.decoded:
            self._forget_decoded(replaced)
        self.observer.replaced(replaced, False)

    def _applied_unwatched(self, fresh: Mapping[Key, Write], wall_ms: int) -> None:
        """New keys that nobody watches: only those of reserved spaces are reported, to be counted."""
        self.received += len(fresh)
        limit = (wall_ms + self.clock.drag_ms) << 16
        self.clock.observe(max((s for s in map(STAMP, fresh.values()) if s <= limit), default=0), wall_ms)
        if SpaceKey in set(map(type, fresh)):
            self.observer.replaced([Replaced(key, None, write) for key, write in fresh.items()], False)

    def _forget_decoded(self, replaced: Sequence[Replaced]) -> None:
        decoded = self.decoded
        for key, _, _ in replaced:
            if key in decoded:
                del decoded[key]

    def snapshot_delta(self, since: VectorClock) -> Delta:
        """Return what one who knows `since` may lack; the open batch is closed first, so none is torn."""
        with self.lock:
            self.close_batch()
            return self.state.delta(since)

    def vector(self) -> VectorClock:
        """Return a copy of what is known, at a batch's end."""
        with self.lock:
            self.close_batch()
            return self.state.known.copy()

    def close_batch(self) -> None:
        """Close the open batch.  Call it under the lock."""
        if self.outbox is not None:
            self.outbox.close_into(self.state.known)

    def seal(self) -> None:
        """Tag our head for those who will have it without our outbox, as a forked child.  Call it under the lock."""
        self.close_batch()
        if self.outbox is not None and self.outbox.alone:
            self.outbox.leap(self.state.known)

    # -- joins ----------------------------------------------------------------------------------

    def begin_join(self, delta: Delta) -> bool:
        """Start to join a delta; until `finish_join`, batches wait.  False if it is not admissible."""
        joining = Joining(self.state, delta)
        with self.lock:
            if not joining.admissible():
                return False
            self.joining = joining
            return True

    def prepare_join(self, keys_max: int) -> bool:
        """Join some keys aside, beside readers and writers; return whether all are done."""
        assert self.joining is not None
        return self.joining.prepare(keys_max)

    def finish_join(self, wall_ms: int) -> None:
        """Publish the join in one step, then apply what waited."""
        assert self.joining is not None
        with self.lock:
            joining, self.joining = self.joining, None
            if not joining.admissible():  # our own fork was mended meanwhile
                return
            if self.watched:
                replaced = joining.publish()
            else:
                replaced = joining.publish_rows()
                self._applied_unwatched(joining.fresh, wall_ms)
            self._applied(replaced, wall_ms)
            self._applied(self.waiting.release(self.state), wall_ms)

    # -- upkeep ---------------------------------------------------------------------------------

    def refresh_digest(self, keys_max: int) -> bool:
        """Bring the state digest nearer to now; return whether it is there."""
        with self.lock:
            return self.state.digest.refresh(self.state.live, keys_max)

    def digests(self) -> tuple[bytes, bytes | None, int]:
        """Return (vector digest, state digest or None, own head) as of one moment."""
        with self.lock:
            state, outbox = self.state, self.outbox
            if outbox is not None:
                outbox.close_into(state.known)
            fresh = (not state.digest.touched or state.digest.refresh(state.live, 256)) and self.joining is None
            return state.known.digest(), state.digest.value() if fresh else None, self.head()

    def head(self) -> int:
        """Return the sequence of our latest write, 0 before the first."""
        return 0 if self.origin is None else self.state.known.heads.get(self.origin, 0)

    def our_tag(self, sequence: int) -> bytes | None:
        """Return the tag of our batch that ends at `sequence`, None if we no longer know."""
        if self.outbox is None:
            return NO_TAG if sequence == 0 else None
        return self.outbox.tags.get(sequence)

    def deletes(self) -> list[Key]:
        """Return the keys of which delete records are kept, the oldest record first."""
        with self.lock:
            return list(self.state.deletes)

    def forget_deletes(self, keys: Iterable[Key]) -> None:
        """Drop the records of these deletes."""
        with self.lock:
            for key in keys:
                self.state.forget(key)

    def bury(self, now_ms: int) -> None:
        """Drop what expired longer ago than clocks may differ."""
        self.lapse(now_ms)  # what is dropped unlapsed would never be reported
        with self.lock:
            self.state.bury(now_ms, int(self.options.expiry_grace_s * 1000))

    def lapse(self, now_ms: int) -> list[tuple[Key, int, Held]]:
        """Return (key, expiry in ms, what is held) for each write that has just ceased to be seen."""
        with self.lock:
            state = self.state
            lapsed = [(key, at_ms, state.live.get(key)) for key, at_ms in state.expiry.lapsed(now_ms)]
            for key, _, held in lapsed:
                if held is not None and not any(w.expires_ms == 0 or w.expires_ms > now_ms for w in each(held)):
                    state.expiry.hidden.add(key)
                self.decoded.pop(key, None)
            if lapsed:
                self.observer.lapsed(lapsed)
            return lapsed
