"""Reading a dict that other threads change all the time: what is iterated is a copy, so iterating never fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .bindable_dict import BindableDict


class ReadByCopy(BindableDict):
    """A `BindableDict` that others change too."""

    __hash__ = None  # type: ignore[assignment]

    def _wake(self) -> None:
        """The dict is about to be used."""

    def _snapshot(self) -> dict[Any, Any]:
        self._wake()
        with self._lock:
            return dict(dict.items(self))

    def __getitem__(self, key: Any) -> Any:
        self._wake()
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        self._wake()
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._wake()
        return super().__contains__(key)

    def __len__(self) -> int:
        self._wake()
        return super().__len__()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._snapshot())

    def __reversed__(self) -> Iterator[Any]:
        return iter([*self._snapshot()][::-1])

    def keys(self) -> Any:
        """Return the keys, as of now."""
        return self._snapshot().keys()

    def values(self) -> Any:
        """Return the values, as of now."""
        return self._snapshot().values()

    def items(self) -> Any:
        """Return the items, as of now."""
        return self._snapshot().items()

    def copy(self) -> dict[Any, Any]:
        """Return a plain dict of what is here."""
        return self._snapshot()

    def __eq__(self, other: object) -> bool:
        return self._snapshot() == other

    def __ne__(self, other: object) -> bool:
        return not self == other
