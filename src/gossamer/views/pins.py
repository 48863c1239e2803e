"""What an iteration gave stays readable for whoever iterates, though somebody deletes it meanwhile.

1. The key at which an iteration stands can be read as long as it stands there.
2. `dict(mesh)` first takes all keys from `keys()` and then reads each: so what `keys()` gave
   to its end can be read once more after that, each key once, until the next iteration.

Both hold in the thread or task that iterates (PEP 567), and nowhere else: nobody else is
shown what is gone, nor does one who asks twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from ..crdt.writes import Write

Row = tuple[Any, Write]


class Pins:
    """Where the iterations over one mapping stand, by thread and task."""

    __slots__ = ("_pins",)

    def __init__(self) -> None:
        self._pins: ContextVar[tuple[_Pin, ...]] = ContextVar("pins", default=())

    def walk(self, rows: list[Row], read_later: bool = False) -> Iterator[Any]:
        """Yield the keys of `rows`; with `read_later`, each may be read once more after the last was given."""
        pin = _Pin()
        self._pins.set((*(other for other in self._pins.get() if other.row is not None), pin))
        try:
            for row in rows:
                pin.row = row
                yield row[0]
            if read_later:
                pin.unread = rows
        finally:
            pin.row = None

    def read(self, key: Any) -> Write | None:
        """Return what was under `key` when an iteration here gave it."""
        for pin in self._pins.get():
            found = pin.read(key)
            if found is not None:
                return found
        return None

    def forget(self, key: Any) -> None:
        """We delete `key` ourselves: it is gone for us too."""
        for pin in self._pins.get():
            pin.forget(key)


class _Pin:
    """One iteration: the row at which it stands, and what it gave to one who reads later."""

    __slots__ = ("row", "unread", "we_deleted")

    def __init__(self) -> None:
        self.row: Row | None = None
        self.unread: list[Row] | dict[Any, Write] = []
        self.we_deleted: set[Any] = set()

    def read(self, key: Any) -> Write | None:
        if self.row is not None:
            return self.row[1] if self.row[0] == key and key not in self.we_deleted else None
        return self._by_key().pop(key, None) if self.unread else None

    def forget(self, key: Any) -> None:
        if self.row is not None:
            self.we_deleted.add(key)
        elif self.unread:
            self._by_key().pop(key, None)

    def _by_key(self) -> dict[Any, Write]:
        """Return what may still be read; put in order only when somebody has deleted something."""
        if isinstance(self.unread, list):
            self.unread = {key: write for key, write in self.unread if key not in self.we_deleted}
        return self.unread
