"""A list that stays short however much is put into it: when it is full, every other entry goes.

Law: what is left is spread evenly over all that came, the first included, and depends on
nothing but the order in which it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """Keeps each entry while there is room, then each second, each fourth, ..."""

    __slots__ = ("_kept", "_stride", "limit", "offered")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.offered = 0
        """How many entries came."""
        self._stride = 1
        self._kept: list[T] = []

    def append(self, entry: T) -> bool:
        """Offer an entry; return whether it was kept.  O(1), amortised."""
        number = self.offered
        self.offered += 1
        if number % self._stride:
            return False
        self._kept.append(entry)
        if len(self._kept) > self.limit:
            self.halve()
        return True

    def halve(self) -> None:
        """Let every other entry go, and keep half as many of those to come."""
        self._stride *= 2
        del self._kept[1::2]

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[T]:
        return iter(self._kept)
