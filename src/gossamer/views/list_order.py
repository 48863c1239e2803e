"""In which order the elements of a list stand, as its rows tell.

A row *(id -> value)* is an element; a row *((id,) -> place)* says where it was moved to, and
without one it stands where it was first put: its id is that place.  So an append is one row.
Elements at one place, which only a clone of a machine can make, stand in the order of their ids.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .positions import is_position
from .rows import UNREADABLE

_ANEW_SHARE: Final = 8
"""If more than one element in so many has changed, sorting anew is quicker than moving them one by one."""

_ANEW_MIN: Final = 64

SORTED_AT_ONCE: Final = 4096
"""So many are sorted in some 2 ms."""


class ListOrder:
    """The ids of a list's elements, in order.  Guarded by whoever owns it."""

    __slots__ = ("_places", "_sorted")

    def __init__(self) -> None:
        self._places: dict[bytes, bytes] = {}
        self._sorted: list[tuple[bytes, bytes]] = []

    def renew(self, parts: Iterable[Any], rows: Mapping[Any, Any]) -> None:
        """Look again at rows that have changed.  O(log n) comparisons for each, and to move what stands behind."""
        ids: set[Any] = {part[0] if type(part) is tuple and part else part for part in parts}
        found = {id_: _place(id_, rows) for id_ in ids}
        if len(found) > max(_ANEW_MIN, len(self._sorted) // _ANEW_SHARE):
            self._places = {id_: place for id_, place in (self._places | found).items() if place is not None}
            self._sorted = in_order([(place, id_) for id_, place in self._places.items()])
            return
        for id_, place in found.items():
            self._put(id_, place)

    def _put(self, id_: bytes, place: bytes | None) -> None:
        before = self._places.get(id_)
        if before == place:
            return
        if before is not None:
            del self._sorted[bisect_left(self._sorted, (before, id_))]
            del self._places[id_]
        if place is not None:
            self._places[id_] = place
            insort(self._sorted, (place, id_))

    def drop(self, id_: bytes) -> None:
        """Leave an element out."""
        self._put(id_, None)

    def copy(self) -> ListOrder:
        """Return another that may differ from now on."""
        other = ListOrder()
        other._places, other._sorted = self._places.copy(), self._sorted.copy()
        return other

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._places

    def ids(self, span: slice = slice(None)) -> list[bytes]:
        """Return the ids at these indexes."""
        return [id_ for _, id_ in self._sorted[span]]

    def pairs(self, span: slice) -> list[tuple[bytes, bytes]]:
        """Return (place, id) at these indexes: in one step, however many they are."""
        return self._sorted[span]

    def at(self, index: int) -> bytes:
        """Return the id at an index.  Raises IndexError."""
        return self._sorted[index][1]

    def index(self, id_: bytes) -> int:
        """Return where an element stands.  O(log n)."""
        return bisect_left(self._sorted, (self._places[id_], id_))

    def place_at(self, index: int) -> bytes | None:
        """Return the place of the element at an index; None before the first and behind the last."""
        return self._sorted[index][0] if 0 <= index < len(self._sorted) else None


def in_order(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return them sorted.  O(n log n), in steps of at most about `SORTED_AT_ONCE`: other threads run in between.

    `sorted` is one step, in which nobody else runs, however long that takes.
    """
    if len(pairs) <= SORTED_AT_ONCE:
        return sort_at_once(pairs)
    sample = in_order(pairs[:: SORTED_AT_ONCE // 32])
    fences = sample[8::8]  # between them, a quarter of a step or so
    buckets: list[list[tuple[bytes, bytes]]] = [[] for _ in range(len(fences) + 1)]
    for pair in pairs:
        buckets[bisect_left(fences, pair)].append(pair)
    ordered: list[tuple[bytes, bytes]] = []
    for bucket in buckets:
        ordered += in_order(bucket) if len(bucket) < len(pairs) else sort_at_once(bucket)
    return ordered


def sort_at_once(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return them sorted, in one step."""
    return sorted(pairs)


def _place(id_: Any, rows: Mapping[Any, Any]) -> bytes | None:
    """Return where an element stands; None if there is none, or only what a stranger may have sent."""
    if id_ not in rows or rows[id_] is UNREADABLE or not is_position(id_):
        return None
    moved = rows.get((id_,))
    return moved if is_position(moved) else id_
