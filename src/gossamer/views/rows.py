"""The rows of one object that merges, as they are read: live, or with those of an open batch over them.

A row is decoded when it is first read.  A write replaces its holder whole, so that a reader
needs no lock; and bytes that hold no value read as `UNREADABLE`, and harm nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from enum import Enum
from typing import Any, Final

from ..crdt.writes import Held, Write, each, winner
from ..errors import Malformed
from ..wire.values import decode_value


class _Sign(Enum):
    GONE = "gone"
    UNREADABLE = "unreadable"
    UNREAD = "unread"
    ABSENT = "absent"

    def __repr__(self) -> str:
        return self.name


GONE: Final = _Sign.GONE
"""Written as a row's value: remove what is seen of it."""
UNREADABLE: Final = _Sign.UNREADABLE
"""Read as the value of a row whose bytes hold none."""


_COPIES_FASTER: Final = 8
"""A dict is copied whole in the time in which one in so many of its items is picked out."""


class HeldRow:
    """What is seen of a row, and all live writes of it."""

    __slots__ = ("_seen", "_value", "held")

    def __init__(self, seen: Write, held: Held) -> None:
        self.held = held
        self._seen = seen
        self._value: Any = _Sign.UNREAD

    def read(self) -> Any:
        """Return the value that is seen."""
        if self._value is _Sign.UNREAD:
            self._value = _decoded(self._seen)
        return self._value

    def siblings(self, now_ms: int) -> list[Any]:
        """Return the values of all live writes, the one that is seen first."""
        if type(self.held) is Write:
            return [self.read()]
        return [_decoded(write) for write in each(self.held) if winner(write, now_ms) is not None]


class Rows(Mapping[Any, Any]):
    """The rows of one object, by part.  Iterating walks a snapshot of them; so do `items` and `values`."""

    __slots__ = ()

    @abstractmethod
    def snapshot(self) -> dict[Any, Any]:
        """Return the rows of this moment."""

    @abstractmethod
    def siblings(self, part: Any) -> list[Any]:
        """Return the values of all live writes of a row, the visible one first; none if there is no row."""

    @abstractmethod
    def every(self) -> list[tuple[Any, Any]]:
        """Return (part, value) of every live write of every row."""

    @abstractmethod
    def frozen(self, pairs: Sequence[tuple[Any, Any]] | None = None) -> Rows:
        """Return rows that stay as they are: all, or at least those whose part is second in one of `pairs`.

        Quick: nothing is decoded.
        """

    def __iter__(self) -> Iterator[Any]:
        return iter(self.snapshot())

    def items(self) -> ItemsView[Any, Any]:
        """Return the rows of this moment: one that is removed meanwhile is in them still."""
        return self.snapshot().items()

    def values(self) -> ValuesView[Any]:
        """Return the values of this moment."""
        return self.snapshot().values()


class LiveRows(Rows):
    """What the index of a space holds of one object, now and later."""

    __slots__ = ("_name", "_objects", "_seen_ms")

    def __init__(self, objects: dict[Any, dict[Any, HeldRow]], name: Any, seen_ms: Callable[[], int]) -> None:
        self._objects, self._name, self._seen_ms = objects, name, seen_ms

    def __getitem__(self, part: Any) -> Any:
        return self._held[part].read()

    def __contains__(self, part: object) -> bool:
        return part in self._held

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._held))

    def snapshot(self) -> dict[Any, Any]:
        """Return the rows of this moment."""
        return {part: row.read() for part, row in self._held.copy().items()}

    def siblings(self, part: Any) -> list[Any]:
        """Return the values of all live writes of a row, the visible one first; none if there is no row."""
        row = self._held.get(part)
        return [] if row is None else row.siblings(self._seen_ms())

    def frozen(self, pairs: Sequence[tuple[Any, Any]] | None = None) -> Rows:
        """Return rows that stay as they are: all, or at least those of `pairs`."""
        held = self._held
        if pairs is None or len(pairs) * _COPIES_FASTER > len(held):
            chosen = held.copy()
        else:
            chosen = {part: held[part] for _, part in pairs if part in held}
        return LiveRows({self._name: chosen}, self._name, self._seen_ms)

    def every(self) -> list[tuple[Any, Any]]:
        """Return (part, value) of every live write of every row."""
        now_ms = self._seen_ms()
        return [(part, value) for part, row in self._held.copy().items() for value in row.siblings(now_ms)]

    @property
    def _held(self) -> dict[Any, HeldRow]:
        return self._objects.get(self._name, _NONE)


class OverlaidRows(Rows):
    """Rows with those of a batch over them."""

    __slots__ = ("_over", "_rows")

    def __init__(self, rows: Rows, over: dict[Any, Any]) -> None:
        self._rows, self._over = rows, over

    @property
    def under(self) -> Rows:
        """What lies beneath."""
        return self._rows

    @property
    def written(self) -> dict[Any, Any]:
        """What the batch has written so far: as long as it is open, the same dict."""
        return self._over

    def __getitem__(self, part: Any) -> Any:
        value = self._over.get(part, _Sign.ABSENT)
        if value is GONE:
            raise KeyError(part)
        return self._rows[part] if value is _Sign.ABSENT else value

    def __contains__(self, part: object) -> bool:
        value = self._over.get(part, _Sign.ABSENT)
        return part in self._rows if value is _Sign.ABSENT else value is not GONE

    def __len__(self) -> int:
        return len(self.snapshot())

    def snapshot(self) -> dict[Any, Any]:
        """Return the rows of this moment."""
        rows = self._rows.snapshot() | self._over
        return {part: value for part, value in rows.items() if value is not GONE}

    def siblings(self, part: Any) -> list[Any]:
        """Return the values of all live writes of a row, the visible one first; none if there is no row."""
        value = self._over.get(part, _Sign.ABSENT)
        if value is _Sign.ABSENT:
            return self._rows.siblings(part)
        return [] if value is GONE else [value]

    def frozen(self, pairs: Sequence[tuple[Any, Any]] | None = None) -> Rows:
        """Return rows that stay as they are: all, or at least those of `pairs`."""
        return OverlaidRows(self._rows.frozen(pairs), self._over.copy())

    def every(self) -> list[tuple[Any, Any]]:
        """Return (part, value) of every live write of every row."""
        under = [row for row in self._rows.every() if row[0] not in self._over]
        return [*under, *(row for row in self._over.items() if row[1] is not GONE)]


_NONE: dict[Any, HeldRow] = {}


def _decoded(write: Write) -> Any:
    assert write.value is not None
    try:
        return decode_value(write.value)
    except Malformed:
        return UNREADABLE
