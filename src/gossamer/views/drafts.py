"""What an open batch will do to objects that merge.

Each change is decided twice: when it is entered, for what is read inside the batch, and
when the batch is made, under the lock.  Meanwhile another thread may have changed the same
object under the same origin, and a counter that wrote what it had read would lose that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .rows import OverlaidRows, Rows

if TYPE_CHECKING:
    from .space import Item, Space, WideDecision


class Drafts:
    """Changes of objects, in order, and what they make of the rows.  Guarded by the ledger's lock."""

    __slots__ = ("_changes", "_written")

    def __init__(self) -> None:
        self._changes: list[WideDecision] = []
        self._written: dict[tuple[int, Any], dict[Any, Any]] = {}

    def enter(self, decide: WideDecision) -> list[Item]:
        """Decide a change and keep it; return the rows that it writes.  What it raises is not kept."""
        placed = list(decide(self.rows))
        items = [row.space.item(row.name, row.part, row.value, row.ttl) for row in placed]
        self._changes.append(decide)
        for row in placed:
            self._written.setdefault((row.space.number, row.name), {})[row.part] = row.value
        return items

    def rows(self, space: Space, name: Any) -> Rows:
        """Return the rows of an object as they will be."""
        rows = space.live_rows(name)
        written = self._written.get((space.number, name))
        return rows if written is None else OverlaidRows(rows, written)

    def decided(self) -> Iterator[Item]:
        """Decide everything anew, over what is live now, and yield the rows to write, each key once."""
        anew, items = Drafts(), {}
        for change in self._changes:
            items.update({item[0]: item for item in anew.enter(change)})
        yield from items.values()
