"""A delta on its way into a map: prepared beside it in slices, published in one step.

While it is prepared, readers and answers to others see the old table.  Only local
writes, in any thread, and forgetting and burying may happen meanwhile; other deltas
and batches wait.  A key that was touched is joined again at the end.  A delta is
refused when it answers a vector that we do not have, or when it was made for one who
held nothing and we no longer hold nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice, repeat
from typing import Any

from .dots import Dot, Origin
from .lww_map import LWWMap
from .writes import EXPIRES, META, ORIGIN, SEQUENCE, Delta, Held, Key, Replaced, Write, each, make_replaced, pack


class Joining:
    """One join of `delta` into `state`.  Call `prepare` until it returns True, then `publish` under the lock."""

    __slots__ = ("_aside", "_deletes", "_keys", "_rows", "delta", "fresh", "state")

    def __init__(self, state: LWWMap, delta: Delta) -> None:
        self.state = state
        self.delta = delta
        self._aside: dict[Key, tuple[Held, Held]] = {}
        self.fresh: dict[Key, Write] = {}
        """Keys that nobody wrote here, taken as columns: they replaced nothing."""
        self._rows: defaultdict[Origin, list[tuple[int, Key]]] = defaultdict(list)
        self._deletes: dict[Key, tuple[Dot, ...]] = {}
        self._keys = self._touched()

    def admissible(self) -> bool:
        """Return whether the delta may be joined to what is known now; if not, ask for another."""
        known, delta = self.state.known, self.delta
        if not known.covers(delta.since):
            return False
        if delta.roster is not None or not delta.forgotten:
            return True
        return known.heads.keys().isdisjoint(delta.known.heads)

    def _touched(self) -> Iterator[Key]:
        yield from self.delta.siblings
        if self.delta.roster is not None:
            # A copy, made in one step: another thread may be writing.
            yield from [key for key in list(self.state.live) if key not in self.delta.siblings]

    def prepare(self, keys_max: int) -> bool:
        """Join at most `keys_max` keys beside the map; return whether all are done."""
        keys = list(islice(self._keys, keys_max))
        if keys and not self._prepare_columns(keys):
            self._prepare_rows(keys)
        if len(keys) == keys_max:
            return False
        for rows in self._rows.values():
            rows.sort(key=_sequence)
        return True

    def _prepare_columns(self, keys: list[Key]) -> bool:
        """Take keys that nobody wrote here, each put once, under origins of which nothing is known: at once."""
        theirs: list[Any] = list(map(self.delta.siblings.get, keys))
        if self.delta.deletes or set(map(type, theirs)) != {Write} or any(map(META, theirs)):
            return False
        heads = self.state.known.heads
        if not self.state.live.keys().isdisjoint(keys) or any(
            heads.get(origin, 0) for origin in set(map(ORIGIN, theirs))
        ):
            return False
        self.fresh.update(zip(keys, theirs, strict=True))
        for origin, sequence, key in zip(map(ORIGIN, theirs), map(SEQUENCE, theirs), keys, strict=True):
            self._rows[origin].append((sequence, key))
        return True

    def _prepare_rows(self, keys: list[Key]) -> None:
        live, heads = self.state.live, self.state.known.heads
        theirs_of, deletes_of = self.delta.siblings, self.delta.deletes
        for key in keys:
            before: Held = live.get(key)
            after = self._joined(key, before)
            if after is not before:
                self._aside[key] = before, after
            for write in each(theirs_of.get(key)):
                if heads.get(write.origin, 0) < write.sequence:
                    self._rows[write.origin].append((write.sequence, key))
            if deletes_of:
                self._prepare_deletes(key)

    def _prepare_deletes(self, key: Key) -> None:
        fresh = tuple(dot for dot in self.delta.deletes.get(key, ()) if not self.state.known.knows(dot))
        if fresh:
            self._deletes[key] = fresh
            for origin, sequence in fresh:
                self._rows[origin].append((sequence, key))

    def _joined(self, key: Key, mine: Held) -> Held:
        """Return what must stand under `key`: `mine` itself if nothing changes."""
        delta, known = self.delta, self.state.known
        if key not in delta.siblings:
            if mine is None or delta.roster is None:
                return mine
            kept = [w for w in each(mine) if not delta.known.knows(w.dot) or _listed(delta.roster, w)]
            return mine if len(kept) == len(each(mine)) else pack(kept)
        theirs = delta.siblings[key]
        if mine is None:
            if theirs is None or isinstance(theirs, Write):
                return theirs if theirs is not None and known.sequence(theirs.origin) < theirs.sequence else None
            return pack(w for w in theirs if not known.knows(w.dot))
        sent, held = {w.dot: w for w in each(theirs)}, {w.dot: w for w in each(mine)}
        kept = [w for dot, w in held.items() if dot in sent or not delta.known.knows(dot)]
        added = [w for dot, w in sent.items() if dot not in held and not known.knows(dot)]
        return mine if not added and len(kept) == len(held) else pack([*kept, *added])

    def publish(self) -> list[Replaced]:
        """Make the joined state visible, in one step, and return what it replaced.  O(keys that differ)."""
        replaced = self.publish_rows()
        return [*make_replaced(zip(self.fresh, repeat(None), self.fresh.values(), strict=False)), *replaced]

    def publish_rows(self) -> list[Replaced]:
        """Publish, but say nothing of the keys that are new here: they stand in `fresh`, each with its write."""
        state, live = self.state, self.state.live
        replaced = []
        if self.fresh:
            self._publish_fresh()
        for key, (before, after) in self._aside.items():
            if live.get(key) is not before:  # written meanwhile
                before = live.get(key)
                after = self._joined(key, before)
                if after is before:
                    continue
            state.store(key, before, after)
            if before is not None:
                self._keep_buried(key, before, after)
            replaced.append(Replaced(key, before, after))
        for origin, rows in self._rows.items():
            sequences, keys = zip(*rows, strict=True)
            log = state.log(origin)
            log.sequences.extend(sequences)
            log.keys.extend(keys)
        for key, dots in self._deletes.items():
            state.record_delete(key, dots)
        for origin, sequence in self.delta.forgotten.items():
            if sequence > state.forgotten.get(origin, 0):
                state.forgotten[origin] = sequence
        state.known.join(self.delta.known)
        state.compact()
        return replaced

    def _keep_buried(self, key: Key, before: Held, after: Held) -> None:
        """Record the writes that end here now and may have ended there by expiry, not by another write.

        Their dots are known here, so that the sender tells nothing of a burial that it
        has forgotten; and without a record nothing would tell those who ask us, and
        still hold what these writes had replaced.  A later write of the same origin
        does tell them: who lacks the earlier one lacks it too.
        """
        left = each(after)
        dots = tuple(
            write.dot
            for write in each(before)
            if write.meta & EXPIRES
            and write not in left
            and not any(other.origin == write.origin and other.sequence > write.sequence for other in left)
        )
        for origin, _ in dots:
            self.state.logs[origin].stale -= 1
        if dots:
            self.state.record_delete(key, dots)

    def _publish_fresh(self) -> None:
        """Store what was taken as columns; what somebody wrote meanwhile goes the way of rows."""
        fresh, live, touched = self.fresh, self.state.live, self.state.digest.touched
        if not live.keys().isdisjoint(fresh):
            for key in [key for key in fresh if key in live]:
                del fresh[key]
                self._aside[key] = live[key], self._joined(key, live[key])
        live.update(fresh)
        if touched.keys().isdisjoint(fresh):
            touched.update(zip(fresh, repeat(None)))
        else:  # of a key touched before, what stood there at the last sum is what counts
            touched.update((key, None) for key in fresh if key not in touched)


def join(state: LWWMap, delta: Delta) -> list[Replaced] | None:
    """Join `delta` at once; return what it replaced, or None if it is not admissible."""
    joining = Joining(state, delta)
    if not joining.admissible():
        return None
    while not joining.prepare(4096):
        pass
    return joining.publish()


def _listed(roster: dict[Origin, set[int]], write: Write) -> bool:
    return write.sequence in roster.get(write.origin, ())


def _sequence(row: tuple[int, Key]) -> int:
    return row[0]
