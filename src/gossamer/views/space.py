"""The ground on which objects that merge stand: their rows, hidden among the keys of the same map.

An object of some kind is all keys `SpaceKey(number of the kind, (name, part))`: one row a
part.  So it is replicated, repaired and batched as everything else is, and a batch may
write dict keys and rows of objects together, all or nothing.

1. An index by name holds what can be seen of each object.  It is made by one scan when the
   first object of the kind is used, and from then on only rows of that kind cost anything.
2. A change reads, decides and writes under one hold of the ledger's lock, so threads of
   this process lose nothing to each other.  Inside `mesh.batch()` it is decided twice: at
   once, for what is read inside, and again, under the lock, when the batch is made.
3. Bytes from strangers harm only the row that holds them: it reads as `UNREADABLE`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from ..crdt.writes import Held, Replaced, Write, expiry_meta, winner
from ..errors import ValueTooLarge
from ..wire.keys import SpaceKey, checked_key
from ..wire.values import encode_value
from .rows import GONE, UNREADABLE, HeldRow, LiveRows, Rows

if TYPE_CHECKING:
    from .mapping import MeshMapping

__all__ = ["GONE", "UNREADABLE", "Decision", "Item", "Placed", "Reader", "Row", "Rows", "Space", "Watcher"]

logger = logging.getLogger("gossamer.objects")

Row = tuple[Any, Any]
"""A part and its value, or GONE."""
Decision = Callable[[Rows], Iterable[Row] | None]


class Placed(NamedTuple):
    """A row of some object, of any kind."""

    space: Space
    name: Any
    part: Any
    value: Any
    ttl: float | None = None


Reader = Callable[["Space", Any], Rows]
"""Given a space and a name, the rows that an object has."""
WideDecision = Callable[[Reader], Iterable[Placed]]
Watcher = Callable[[Sequence[Any]], object]
Item = tuple[SpaceKey, bytes | None, int]


class Space:
    """All objects of one kind in one mesh.  Thread-safe."""

    def __init__(self, mapping: MeshMapping, number: int) -> None:
        """Before anybody else may use it, `index` the state, and tell it what was `replaced` meanwhile."""
        self.number = number
        self._mapping = mapping
        self._objects: dict[Any, dict[Any, HeldRow]] = {}
        self._watchers: dict[Any, tuple[Watcher, ...]] = {}

    # -- reading --------------------------------------------------------------------------------

    def rows(self, name: Any) -> Rows:
        """Return the rows that one object has, by part: a live view, read without a lock.  O(1).

        Inside `mesh.batch()`, what the batch wrote lies over them.  Iterating walks a snapshot.
        """
        mapping = self._mapping
        mapping._lapse()
        if mapping._detour:
            mapping._before_use()
            batch = mapping._batches.current()
            if batch is not None and batch.drafts is not None:
                return batch.drafts.rows(self, name)
        return self.live_rows(name)

    def siblings(self, name: Any, part: Any) -> list[Any]:
        """Return the values of all live writes of a row, the visible one first: nearly always one, none if gone."""
        return self.rows(name).siblings(part)

    def live_rows(self, name: Any) -> Rows:
        """Return the rows that one object has, whatever a batch of this thread or task holds."""
        return LiveRows(self._objects, name, self._mapping._seen_ms)

    @property
    def lock(self) -> AbstractContextManager[object]:
        """The ledger's lock, held to read several rows as one; in a child of `fork()` it is another."""
        return self._mapping._ledger.lock

    def batch(self) -> AbstractContextManager[None]:
        """Return a batch of the mesh, which rows of any space may join."""
        return self._mapping.batch()

    def names(self) -> list[Any]:
        """Return the names of all objects of this kind that have a row."""
        return list(self._objects)

    def origin(self) -> bytes:
        """Return the origin under which we write now; it is another after a fork, or when a twin was met.

        May be called from within a change, where it stays the same until that is written.
        """
        mapping = self._mapping
        if mapping._detour:
            mapping._before_use()
        return mapping._ledger.origin or mapping._ledger.mint(mapping._wall_ms())

    # -- writing --------------------------------------------------------------------------------

    def write(self, name: Any, rows: Iterable[Row], *, ttl: float | None = None) -> None:
        """Write rows of one object, in one batch: that of this thread or task if there is one.  O(rows).

        Raises what an assignment raises, and writes nothing then.  Removing a row that is not there is left out.
        """
        rows = list(rows)
        items = {item[0]: item for part, value in rows for item in (self.item(name, part, value, ttl),)}
        if not self._drafted(name, lambda _: rows, ttl):
            self._write(items.values())

    def change(self, name: Any, decide: Decision, *, ttl: float | None = None) -> None:
        """Write the rows that `decide(rows)` returns; nothing if it returns None.  Atomic among threads.

        `decide` runs under the ledger's lock: it is quick, uses nothing of the mesh but `rows`, `siblings`
        and `origin`, and has no effect of its own, for inside `mesh.batch()` it runs again when that is made.
        """
        self.origin()
        self._mapping._lapse()
        if not self._drafted(name, decide, ttl):
            self._write(self._decided(name, decide, ttl))

    def change_many(self, decide: WideDecision) -> None:
        """Write the rows, of objects of any kinds, that `decide(read)` returns; else as `change`, in one batch."""
        self.origin()
        self._mapping._lapse()
        if not self._entered(decide):
            self._write(self._decided_many(decide))

    def _drafted(self, name: Any, decide: Decision, ttl: float | None) -> bool:
        """Enter a change into the batch of this thread or task; return whether there was one."""
        return bool(self._mapping._detour) and self._entered(
            lambda read: [
                Placed(self, name, part, value, ttl) for part, value in dict(decide(read(self, name)) or ()).items()
            ]
        )

    def _entered(self, decide: WideDecision) -> bool:
        mapping = self._mapping
        if not mapping._detour:
            return False
        mapping._before_use()
        batch = mapping._batches.current()
        return batch is not None and batch.draft(decide)

    def _decided_many(self, decide: WideDecision) -> Iterator[Item]:
        placed = list(decide(lambda space, name: space.live_rows(name)))
        items = (row.space.item(row.name, row.part, row.value, row.ttl) for row in placed)
        yield from {item[0]: item for item in items}.values()

    def _decided(self, name: Any, decide: Decision, ttl: float | None) -> Iterator[Item]:
        """Decide when the ledger asks for the first row: under its lock."""
        rows = dict(decide(self.live_rows(name)) or ())
        yield from [self.item(name, part, value, ttl) for part, value in rows.items()]

    def _write(self, items: Iterable[Item]) -> None:
        mapping = self._mapping
        if mapping._ledger.write_many(items, mapping._wall_ms()):
            mapping._wrote()

    def item(self, name: Any, part: Any, value: Any, ttl: float | None) -> Item:
        """Return a row as the ledger takes it: key, encoded value or None, flags."""
        key = SpaceKey(self.number, checked_key((name, part)))
        if value is GONE:
            return key, None, 0
        data, mapping = encode_value(value), self._mapping
        if len(data) > mapping._value_bytes_max:
            raise ValueTooLarge(
                f"a row of {name!r} takes {len(data)} bytes encoded, more than value_bytes_max = "
                f"{mapping._value_bytes_max}, so nothing was stored; keep less in one object, or raise the option"
            )
        return key, data, 0 if ttl is None else expiry_meta(0, mapping._seen_ms() + max(1, round(ttl * 1000)))

    # -- watching -------------------------------------------------------------------------------

    def watch(self, name: Any, fn: Watcher) -> None:
        """Call `fn(parts)` whenever rows of the object were written, removed or expired, by us or by others.

        It runs under the ledger's lock, in whichever thread did it, with the index brought up to
        date: so a cache that it keeps is never older than the rows.  It is quick, and neither
        waits nor writes.  What it raises is logged, and harms nobody else.
        """
        with self._mapping._ledger.lock:
            self._watchers[name] = (*self._watchers.get(name, ()), fn)

    def unwatch(self, name: Any, fn: Watcher) -> None:
        """Call `fn` no more."""
        with self._mapping._ledger.lock:
            left = tuple(other for other in self._watchers.pop(name, ()) if other != fn)
            if left:
                self._watchers[name] = left

    # -- the index: under the lock, but for `index` ------------------------------------------------------------

    def index(self, live: Mapping[Any, Held]) -> None:
        """Look through a state for rows of this kind, once.  Without the lock: nobody else knows of this space yet."""
        now_ms = self._mapping._seen_ms()
        for key, held in live.items():
            if type(key) is SpaceKey and key.space == self.number:
                self._place(key, held, now_ms)

    def _place(self, key: SpaceKey, held: Held, now_ms: int) -> tuple[Any, Any] | None:
        """Enter a row; return its name and part, None if it is none."""
        if type(key.key) is not tuple or len(key.key) != 2:
            return None
        name, part = key.key
        self._enter(name, part, winner(held, now_ms), held)
        return name, part

    def replaced(self, replaced: Iterable[Replaced]) -> list[Any]:
        """Bring the index up to date; return the names of the objects that changed."""
        now_ms = self._mapping._seen_ms()
        changed: dict[Any, list[Any]] = {}
        for key, _, after in replaced:
            assert type(key) is SpaceKey
            placed = self._place(key, after, now_ms)
            if placed is not None:
                changed.setdefault(placed[0], []).append(placed[1])
        for name, parts in changed.items():
            for fn in self._watchers.get(name, ()):
                self._tell(fn, parts)
        return list(changed)

    def _enter(self, name: Any, part: Any, seen: Write | None, held: Held) -> None:
        if seen is not None:
            self._objects.setdefault(name, {})[part] = HeldRow(seen, held)
            return
        rows = self._objects.get(name)
        if rows is not None and rows.pop(part, None) is not None and not rows:
            del self._objects[name]

    def _tell(self, fn: Watcher, parts: Sequence[Any]) -> None:
        try:
            fn(parts)
        except Exception:
            logger.exception("a watcher of an object raised, %r; the others were told all the same", fn)
