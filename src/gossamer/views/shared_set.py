"""A set that all peers change, and in which what one adds and what another removes merge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSet
from typing import Any, Literal

from ..errors import ConfigurationError, UnsendableValue
from .elements import part_of
from .observable import Observable
from .space import GONE, UNREADABLE, Row, Rows, Space

Policy = Literal["add", "last"]


class SharedSet(MutableSet[Any], Observable):
    """A set of what can be hashed and sent, that every peer may change at any time, cut off or not.

    Made by `mesh.shared_set(name)`.  By the policy "add", an element that one adds while another
    removes it stays: removing takes away what it has seen.  By "last", the later of the two
    counts, by the writers' clocks, and each element ever removed keeps costing a row.  A set of one
    name and another policy is another set.  Operators (`|`, `&`, `-`, `^`) return plain sets; `|=` and
    the like change this one, as one batch.  Iterating walks a snapshot.  Thread-safe.
    """

    def __init__(
        self,
        space: Space,
        name: Any,
        policy: Policy,
        subscribe: Callable[..., None],
        unsubscribe: Callable[..., None],
    ) -> None:
        if policy not in ("add", "last"):
            raise ConfigurationError(f"policy is {policy!r}; a set's is 'add' or 'last'")
        self._space = space
        self._name = name
        self._last = policy == "last"
        self._key: Any = (name, "last") if self._last else name
        self._subscribe_to, self._unsubscribe_from = subscribe, unsubscribe

    @property
    def name(self) -> Any:
        """Its name."""
        return self._name

    @property
    def value(self) -> frozenset[Any]:
        """All elements, as of one moment."""
        return frozenset(self._elements())

    # -- reading --------------------------------------------------------------------------------

    def __contains__(self, element: object) -> bool:
        hash(element)  # raises TypeError for what no set takes
        try:
            return self._holds(self._space.rows(self._key), part_of(element))
        except UnsendableValue:
            return False

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements())

    def __len__(self) -> int:
        rows = self._space.rows(self._key)
        return len(self._elements()) if self._last else len(rows)

    def snapshot(self) -> set[Any]:
        """Return a plain set of all elements, as of one moment."""
        return set(self._elements())

    def copy(self) -> set[Any]:
        """Return `snapshot()`: a plain set."""
        return self.snapshot()

    def _elements(self) -> list[Any]:
        return [e for e in map(self._element, self._space.rows(self._key).values()) if e is not UNREADABLE]

    def _element(self, value: Any) -> Any:
        """Return the element that a row holds, UNREADABLE if it holds none."""
        if self._last:
            is_there = isinstance(value, list) and len(value) == 2 and value[0] is True
            value = value[1] if is_there else UNREADABLE
        return UNREADABLE if isinstance(value, list | dict | set) else value

    def _holds(self, rows: Rows, part: bytes) -> bool:
        return part in rows and self._element(rows[part]) is not UNREADABLE

    # -- set algebra: plain sets ------------------------------------------------------------------

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Any:
        return set(it)

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """Return a plain set of what is in this or in any of `others`."""
        return self.snapshot().union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """Return a plain set of what is in this and in all of `others`."""
        return self.snapshot().intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """Return a plain set of what is in this and in none of `others`."""
        return self.snapshot().difference(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        """Return a plain set of what is in this or in `other`, but not in both."""
        return self.snapshot().symmetric_difference(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Whether everything here is in `other`."""
        return self.snapshot().issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Whether everything of `other` is here."""
        return self.snapshot().issuperset(other)

    # -- changing -------------------------------------------------------------------------------

    def add(self, element: Any) -> None:
        """Add an element.  Also a write where it is there: so it outlives a removal that we had not heard of.

        Raises UnsendableValue for what has no hash, or cannot travel.
        """
        self.update((element,))

    def update(self, *others: Iterable[Any]) -> None:
        """Add all elements of `others`, as one batch."""
        rows = [(part_of(element), self._present(element)) for other in others for element in list(other)]
        if rows:
            self._space.write(self._key, rows)

    def discard(self, element: Any) -> None:
        """Remove an element, if it is there."""
        self.difference_update((element,))

    def remove(self, element: Any) -> None:
        """Remove an element; raise KeyError if it is not there.  One of several threads succeeds."""
        if element not in self or not self._take(part_of(element)):
            raise KeyError(element)

    def pop(self) -> Any:
        """Remove any element and return it; raise KeyError if there is none.  One of several threads gets it."""
        for part, value in self._space.rows(self._key).items():
            element = self._element(value)
            if element is not UNREADABLE and self._take(part):
                return element
        raise KeyError("pop from an empty set")

    def clear(self) -> None:
        """Remove all elements that are known here, as one batch."""
        self._space.change(self._key, lambda rows: self._without(rows, rows))

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove all elements of `others`, as one batch."""
        parts = {part_of(element) for other in others for element in list(other)}
        rows = self._space.rows(self._key)
        if any(part in rows for part in parts):
            self._space.change(self._key, lambda rows: self._without(rows, parts))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Remove all elements that are not in each of `others`, as one batch."""
        kept = [{part_of(element) for element in other} for other in others]
        self._space.change(self._key, lambda rows: self._without(rows, (p for p in rows if not _in_all(p, kept))))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Add what is in `other` alone, and remove what is in both, as one batch."""
        elements = {part_of(element): element for element in list(other)}
        self._space.change(self._key, lambda rows: self._toggled(rows, elements))

    def _toggled(self, rows: Rows, elements: dict[bytes, Any]) -> list[Row]:
        added = [(part, self._present(e)) for part, e in elements.items() if not self._holds(rows, part)]
        return [*added, *self._without(rows, elements)]

    def __ior__(self, other: Iterable[Any]) -> SharedSet:  # type: ignore[misc]
        self.update(other)
        return self

    def __iand__(self, other: Iterable[Any]) -> SharedSet:
        self.intersection_update(other)
        return self

    def __isub__(self, other: Iterable[Any]) -> SharedSet:
        self.difference_update(other)
        return self

    def __ixor__(self, other: Iterable[Any]) -> SharedSet:  # type: ignore[misc]
        self.symmetric_difference_update(other)
        return self

    def __repr__(self) -> str:
        return f"SharedSet({self._name!r}, {self.snapshot()!r})"

    # -- what is written: under the lock ----------------------------------------------------------

    def _present(self, element: Any) -> Any:
        return [True, element] if self._last else element

    def _without(self, rows: Rows, parts: Iterable[Any]) -> list[Row]:
        """Return the rows that remove what stands under `parts`."""
        if not self._last:
            return [(part, GONE) for part in parts if part in rows]
        return [(part, [False, rows[part][1]]) for part in parts if self._holds(rows, part)]

    def _take(self, part: Any) -> bool:
        """Remove what stands under one part; return whether it was there."""
        taken = False

        def take(rows: Rows) -> list[Row]:
            nonlocal taken
            removed = self._without(rows, (part,))
            taken = taken or bool(removed)
            return removed

        self._space.change(self._key, take)
        return taken

    # -- telling --------------------------------------------------------------------------------

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        self._subscribe_to(self._space.number, self._key, fn, call)

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        self._unsubscribe_from(self._space.number, self._key, fn)


def _in_all(part: Any, sets: list[set[bytes]]) -> bool:
    return all(part in parts for parts in sets)
