"""What a list has and a `MutableSequence` lacks, over snapshots."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, MutableSequence
from functools import total_ordering
from typing import Any


@total_ordering
class ListLike(MutableSequence[Any]):
    """A sequence that compares, adds up and is searched as a list is, given `copy` and what a `MutableSequence` needs.

    Whatever is iterated is a snapshot: a write that arrives meanwhile makes nothing fail.
    """

    @abstractmethod
    def copy(self) -> list[Any]:
        """Return a plain list of all elements as of this moment.  O(n)."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.copy())

    def __reversed__(self) -> Iterator[Any]:
        return iter(self.copy()[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self.copy()

    def index(self, value: Any, *span: int) -> int:
        """Return where the first element that equals `value` stands.  Raises ValueError if there is none.  O(n)."""
        return self.copy().index(value, *span)

    def count(self, value: Any) -> int:
        """Return how many elements equal `value`.  O(n)."""
        return self.copy().count(value)

    def __iadd__(self, values: Iterable[Any]) -> Any:  # type: ignore[misc]
        self.extend(values)
        return self

    def __imul__(self, times: int) -> Any:
        if times <= 0:
            self.clear()
        else:
            self.extend(self.copy() * (times - 1))
        return self

    def __add__(self, other: Any) -> list[Any]:
        return self.copy() + list(other) if isinstance(other, list | ListLike) else NotImplemented

    def __radd__(self, other: Any) -> list[Any]:
        return other + self.copy() if isinstance(other, list) else NotImplemented

    def __mul__(self, times: int) -> list[Any]:
        return self.copy() * times

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return self is other or (self.copy() == list(other) if isinstance(other, list | ListLike) else NotImplemented)

    def __lt__(self, other: Any) -> bool:
        return self.copy() < list(other) if isinstance(other, list | ListLike) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return list, (self.copy(),)
