"""What a dict has and a `MutableMapping` lacks, over snapshots.

Whatever is iterated is a snapshot: a write that arrives meanwhile, from a thread or from a
peer, changes nothing of it and makes nothing fail.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any, TypeVar

K = TypeVar("K")


class DictLike(MutableMapping[K, Any]):
    """A mapping that looks and compares as a dict does, given `snapshot` and what a `MutableMapping` needs."""

    @abstractmethod
    def snapshot(self) -> dict[K, Any]:
        """Return a plain dict of all that is visible at this moment."""

    @abstractmethod
    def __reversed__(self) -> Iterator[K]:
        """Iterate backwards."""

    def iterate_to_read(self) -> Iterator[K]:
        """Iterate for one who will then read each key, once, as `dict(mapping)` does."""
        return iter(self)

    def copy(self) -> dict[K, Any]:
        """Return `snapshot()`: a plain dict, as dict's own copy is."""
        return self.snapshot()

    def keys(self) -> KeysView[K]:
        """Return a view of the keys; iterating it walks a snapshot."""
        return _Keys(self)

    def values(self) -> ValuesView[Any]:
        """Return a view of the values; iterating it walks a snapshot."""
        return _Values(self)

    def items(self) -> ItemsView[K, Any]:
        """Return a view of the items; iterating it walks a snapshot."""
        return _Items(self)

    def __or__(self, other: Any) -> dict[Any, Any]:
        return self.snapshot() | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return dict(other) | self.snapshot() if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.snapshot() == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


class _Keys(KeysView[Any]):
    def __iter__(self) -> Iterator[Any]:
        return self._mapping.iterate_to_read()  # type: ignore[attr-defined, no-any-return]

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._mapping)  # type: ignore[attr-defined]


class _Values(ValuesView[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping.snapshot().values())  # type: ignore[attr-defined]

    def __contains__(self, value: object) -> bool:
        return value in self._mapping.snapshot().values()  # type: ignore[attr-defined]

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._mapping.snapshot().values())  # type: ignore[attr-defined]


class _Items(ItemsView[Any, Any]):
    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._mapping.snapshot().items())  # type: ignore[attr-defined]

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        return reversed(self._mapping.snapshot().items())  # type: ignore[attr-defined]
