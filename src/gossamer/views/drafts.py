"""What an open batch will do to objects that merge.

Each change is decided twice: when it is entered, for what is read inside the batch, and
when the batch is made, under the lock.  Meanwhile another thread may have changed the same
object under the same origin, and a counter that wrote what it had read would lose that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .space import GONE, Rows

if TYPE_CHECKING:
    from .space import Decision, Item, Space

_ABSENT: Any = object()


class Drafts:
    """Changes of objects, in order, and what they make of the rows.  Guarded by the ledger's lock."""

    __slots__ = ("_changes", "_written")

    def __init__(self) -> None:
        self._changes: list[tuple[Space, Any, Decision, float | None]] = []
        self._written: dict[tuple[int, Any], dict[Any, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._changes)

    def enter(self, space: Space, name: Any, decide: Decision, ttl: float | None) -> list[Item]:
        """Decide a change and keep it; return the rows that it writes.  What it raises is not kept."""
        rows = dict(decide(self.rows(space, name)) or ())
        items = [space.item(name, part, value, ttl) for part, value in rows.items()]
        self._changes.append((space, name, decide, ttl))
        self._written.setdefault((space.number, name), {}).update(rows)
        return items

    def rows(self, space: Space, name: Any) -> Mapping[Any, Any]:
        """Return the rows of an object as they will be."""
        rows = Rows(space._objects, name)
        written = self._written.get((space.number, name))
        return rows if written is None else Overlaid(rows, written)

    def decided(self) -> Iterator[Item]:
        """Decide everything anew, over what is live now, and yield the rows to write, each key once."""
        anew, items = Drafts(), {}
        for change in self._changes:
            items.update({item[0]: item for item in anew.enter(*change)})
        yield from items.values()


class Overlaid(Mapping[Any, Any]):
    """Rows with those of a batch over them."""

    __slots__ = ("_over", "_rows")

    def __init__(self, rows: Rows, over: dict[Any, Any]) -> None:
        self._rows, self._over = rows, over

    @property
    def rows(self) -> Rows:
        """What lies beneath."""
        return self._rows

    @property
    def written(self) -> dict[Any, Any]:
        """What the batch has written so far: as long as it is open, the same dict."""
        return self._over

    def __getitem__(self, part: Any) -> Any:
        value = self._over.get(part, _ABSENT)
        if value is GONE:
            raise KeyError(part)
        return self._rows[part] if value is _ABSENT else value

    def __contains__(self, part: object) -> bool:
        value = self._over.get(part, _ABSENT)
        return part in self._rows if value is _ABSENT else value is not GONE

    def __iter__(self) -> Iterator[Any]:
        return iter([part for part in dict.fromkeys([*self._rows, *self._over]) if self._over.get(part) is not GONE])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> Any:
        """Return the rows of this moment."""
        rows = dict(self._rows.items()) | self._over
        return {part: value for part, value in rows.items() if value is not GONE}.items()

    def values(self) -> Any:
        """Return the values of this moment."""
        return [value for _, value in self.items()]
