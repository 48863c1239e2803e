"""What a dict lets one read, over the state of a ledger.

A read is one lookup among the values that were read before; a key read for the first
time is decoded and remembered until it changes.  Nothing here waits for the network, and
but for the first read of a key and for whole snapshots, nothing takes the lock.
Iterating walks a snapshot, and what it gave can be read there even if somebody deletes it
meanwhile (see `pins`), so `dict(mesh)` and `for key in mesh: mesh[key]` never fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..crdt.writes import EXPIRY_UNIT, Held, Write, each, winner
from ..protocol.ledger import Ledger
from ..wire.keys import SpaceKey
from ..wire.values import decode_value
from .batches import Batch, Batches, Row
from .brief import brief, shortened
from .dict_like import DictLike
from .entries import Entry, entry_of, rivals
from .offers import Offers
from .pins import Pins
from .shown import ROWS_MAX, ShownAsTable, Table
from .spaces import Spaces

_ABSENT: Any = object()


class ReadableState(ShownAsTable, DictLike[Any]):
    """The reading half of `MeshMapping`.  Thread-safe.

    `seen_ms` is the clock by which writes expire: it may be ahead of or behind our own.
    `_detour` counts the reasons why a read cannot go straight: open batches, or a fork.
    """

    def __init__(
        self, ledger: Ledger, name: str, seen_ms: Callable[[], int], writer_of: Callable[[bytes], Any]
    ) -> None:
        self._ledger = ledger
        self._live = ledger.state.live
        self._hidden = ledger.state.expiry.hidden
        self._read = ledger.decoded
        self._name = name
        self._seen_ms = seen_ms
        self._writer_of = writer_of
        self._pins = Pins()
        self._batches = Batches()
        self._detour = 0
        self._spaces: Spaces
        self.offers = Offers()
        """Who serves what, for calls and channels."""

    def _before_use(self) -> None:
        """The state is about to be used, and `_detour` says that there is something to see to first."""

    # -- one key --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if self._detour:
            row = self._row(key)
            if row is not None:
                return _decoded(row, key)
        try:
            return self._read[key]
        except KeyError:
            return self._first_read(key)

    def _first_read(self, key: Any) -> Any:
        held: Held = self._live.get(key)
        write = self._seen(key, held)
        if write is None:
            write, held = self._pins.read(key), None
            if write is None:
                raise KeyError(key)
        assert write.value is not None
        value = decode_value(write.value)
        if held is not None and all(w.meta < EXPIRY_UNIT for w in each(held)):
            with self._ledger.lock:
                if self._live.get(key) is held:
                    self._read[key] = value
        return value

    def __contains__(self, key: object) -> bool:
        if self._detour:
            row = self._row(key)
            if row is not None:
                return row[0] is not None
        return self._seen(key, self._live.get(key)) is not None

    def _seen(self, key: Any, held: Held) -> Write | None:
        """Return which of the live writes of a key can be seen."""
        if held is None or type(key) is SpaceKey:
            return None
        if type(held) is Write and held.meta < EXPIRY_UNIT:
            return held
        return None if key in self._hidden else winner(held, self._seen_ms())

    def entry(self, key: Any) -> Entry:
        """Return the visible write of `key`: value, writer, time.  Raise KeyError if there is none."""
        if self._detour:
            self._before_use()
        write = self._seen(key, self._live.get(key))
        if write is None:
            raise KeyError(key)
        return entry_of(key, write, self._writer_of)

    # -- all keys -------------------------------------------------------------------------------

    def __len__(self) -> int:
        if self._detour:
            self._before_use()
            if self._batches.current() is not None:
                return len(self.visible())
        self._lapse()
        return len(self._live) - len(self._hidden) - self._spaces.count

    def __iter__(self) -> Iterator[Any]:
        return self._pins.walk(self.visible())

    def __reversed__(self) -> Iterator[Any]:
        return self._pins.walk(self.visible()[::-1])

    def iterate_to_read(self) -> Iterator[Any]:
        """Iterate for one who will then read each key, once, as `dict(mesh)` does."""
        return self._pins.walk(self.visible(), read_later=True)

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict of all that is visible at this moment.  O(n); no batch is torn by it."""
        return {key: self.decoded_of(key, write) for key, write in self.visible()}

    def visible(self) -> list[tuple[Any, Write]]:
        """Return every visible (key, write), as of one moment, in the order in which the keys were first seen here."""
        if self._detour:
            self._before_use()
        self._lapse()
        with self._ledger.lock:
            rows = list(self._live.items())
        if self._spaces.count or not all(type(held) is Write and held[4] < EXPIRY_UNIT for _, held in rows):
            rows = [(key, write) for key, held in rows if (write := self._seen(key, held)) is not None]
        batch = self._batches.current() if self._detour else None
        return rows if batch is None else _overlaid(rows, batch)

    def decoded_of(self, key: Any, write: Write) -> Any:
        """Return the value of a row of `visible`."""
        if not self._detour:
            value = self._read.get(key, _ABSENT)
            if value is not _ABSENT and self._live.get(key) is write:
                return value
        assert write.value is not None
        return decode_value(write.value)

    def conflicts(self, key: Any = _ABSENT) -> Any:
        """Return the writes made without knowledge of each other, the winner first.

        With `key`, a tuple of `Entry`, empty if there is no conflict; without, a dict of
        such tuples by key, O(n).  The next write of a key replaces them all.
        """
        if self._detour:
            self._before_use()
        now_ms = self._seen_ms()
        if key is not _ABSENT:
            held = None if type(key) is SpaceKey else self._live.get(key)
            return tuple(entry_of(key, w, self._writer_of) for w in rivals(held, now_ms))
        with self._ledger.lock:
            rows = [(k, held) for k, held in self._live.items() if type(held) is tuple and type(k) is not SpaceKey]
        found = {k: tuple(entry_of(k, w, self._writer_of) for w in rivals(held, now_ms)) for k, held in rows}
        return {k: entries for k, entries in found.items() if entries}

    def _lapse(self) -> None:
        due_ms = self._ledger.state.expiry.next_ms()
        if due_ms is not None and due_ms <= (now_ms := self._seen_ms()):
            self._ledger.lapse(now_ms)

    def _row(self, key: Any) -> Row | None:
        """Return what the batch of this thread or task holds for `key`."""
        self._before_use()
        batch = self._batches.current()
        return None if batch is None else batch.get(key)

    def _table(self) -> Table:
        return self.table_of(self.visible(), f"{type(self).__name__} {self._name!r}")

    def table_of(self, rows: list[tuple[Any, Write]], title: str, skip: int = 0) -> Table:
        """Return rows of `visible` as people read them; of each key, the first `skip` characters are left out."""
        shown = [(key, entry_of(key, write, self._writer_of)) for key, write in rows[:ROWS_MAX]]
        cells = [
            (
                brief(key[skip:] if skip else key),
                brief(entry.value),
                shortened(str(entry.writer)),
                _age(self._seen_ms() / 1000 - entry.written_at_s) if entry.sequence else "in this batch",
            )
            for key, entry in shown
        ]
        counted = f"{title}: {len(rows):,} key{'' if len(rows) == 1 else 's'}"
        return Table(shortened(counted), ("key", "value", "by", "written"), cells, len(rows) - len(cells))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {self.snapshot()!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a mesh cannot be pickled or copied deeply: pickle mesh.snapshot(), or its name and join again")


def _overlaid(rows: list[tuple[Any, Write]], batch: Batch) -> list[tuple[Any, Write]]:
    """Return rows of the state with those of a batch over them, in a dict's order."""
    merged = dict(rows)
    for key, (data, meta) in batch.rows():
        if data is None:
            merged.pop(key, None)
        else:
            merged[key] = Write(0, b"", 0, data, meta)
    return list(merged.items())


def _age(seconds: float) -> str:
    """Say how long ago that was; a clock that is ahead of ours writes in the future."""
    size = abs(seconds)
    amount = f"{size:.1f} s" if size < 100 else f"{size / 60:.0f} min" if size < 6000 else f"{size / 3600:,.0f} h"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def _decoded(row: Row, key: Any) -> Any:
    if row[0] is None:
        raise KeyError(key)
    return decode_value(row[0])
