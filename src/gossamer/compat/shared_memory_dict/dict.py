"""`SharedMemoryDict`: a dict that every process of this host has which opens its name."""

from __future__ import annotations

import warnings
from builtins import dict as plain_dict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from contextlib import AbstractContextManager
from typing import Any, Final, Self

from .block import HEAD, Writing, block_of
from .entries import entries_for
from .memory import Memory
from .serializers import PickleSerializer, SharedMemoryDictSerializer

NOT_GIVEN: Final = object()
DEFAULT_SERIALIZER: Final = PickleSerializer()


class SharedMemoryDict(MutableMapping[Any, Any]):
    """The memory `name`, made with so many bytes if it is not there; if it is, `size` is ignored.

    A dict in every respect, in the order of insertion; `keys`, `values` and `items` are of the moment.  Each method is
    atomic among all threads and processes of the host, and a write costs the same however many keys there are.
    Values come back with their lists, dicts and sets frozen: to change one within raises `FrozenValue`, for nobody
    would see it.  What exceeds `size` raises ValueError, and nothing changes.
    """

    def __init__(self, name: str, size: int, *, serializer: SharedMemoryDictSerializer = DEFAULT_SERIALIZER) -> None:
        super().__init__()
        block = block_of(name)
        self._name, self._size = name, size
        self._entries = entries_for(serializer, block.seal)
        self._memory = Memory(block, size, lambda: serializer.dumps(self.copy()))
        if block.size is None:
            block.make(size, self._entries.fixed_bytes)

    @property
    def shm(self) -> Memory:
        """The memory: its name, size, content as bytes, `close()` and `unlink()`."""
        return self._memory

    def cleanup(self) -> None:
        """Use this handle no more; the memory stays."""
        if hasattr(self, "_memory"):
            self._memory.close()

    # -- reading ----------------------------------------------------------------------------------

    def _stored(self) -> plain_dict[Any, Any]:
        found = self._memory.checked().cache.read()
        found.pop(HEAD, None)
        return found

    def _read(self) -> plain_dict[Any, Any]:
        return {key: self._entries.read(key, stored) for key, stored in self._stored().items()}

    def __getitem__(self, key: Any) -> Any:
        if key == HEAD:
            raise KeyError(key)
        return self._entries.read(key, self._memory.checked().cache[key])

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return key in self._memory.checked().cache and key != HEAD

    def __len__(self) -> int:
        cache = self._memory.checked().cache
        return len(cache) - (HEAD in cache)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys())

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._keys()[::-1])

    def _keys(self) -> list[Any]:
        return [key for key in self._memory.checked().cache if key != HEAD]

    def keys(self) -> KeysView[Any]:
        """Return the keys of this moment."""
        return plain_dict.fromkeys(self._keys()).keys()

    def values(self) -> ValuesView[Any]:
        """Return the values of this moment."""
        return self._read().values()

    def items(self) -> ItemsView[Any, Any]:
        """Return the items of this moment."""
        return self._read().items()

    def copy(self) -> plain_dict[Any, Any]:
        """Return a plain dict of this moment, the caller's own: its values may be changed, and are not shared."""
        return {key: self._entries.own(key, stored) for key, stored in self._stored().items()}

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], value: Any = None) -> plain_dict[Any, Any]:
        """Return a plain dict: a shared one has a name."""
        return plain_dict.fromkeys(iterable, value)

    def __eq__(self, other: object) -> bool:
        return self._read() == other

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __str__(self) -> str:
        return str(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._name, self._size, self._entries.serializer)

    # -- writing ----------------------------------------------------------------------------------

    def _writing(self) -> AbstractContextManager[Writing]:
        return self._memory.checked().writing(self._entries, self._size)

    def __setitem__(self, key: Any, value: Any) -> None:
        item = self._entries.item(key, value)
        with self._writing() as writing:
            writing.put(*item)

    def __delitem__(self, key: Any) -> None:
        with self._writing() as writing:
            writing.remove(key)

    def pop(self, key: Any, default: Any = NOT_GIVEN) -> Any:
        """Remove `key` and return its value, the caller's own, or `default`.  Of several processes, one gets it."""
        try:
            with self._writing() as writing:
                return self._entries.own(key, writing.remove(key))
        except KeyError:
            if default is NOT_GIVEN:
                raise
            return default

    def popitem(self, last: bool | None = None) -> Any:
        """Remove and return the (key, value) that was inserted last.  O(keys).  `last` is deprecated, and ignored."""
        if last is not None:
            _deprecated(
                "The 'last' parameter will be removed in future versions. "
                "The 'popitem' function now always returns last inserted."
            )
        with self._writing() as writing:
            key = next(reversed(self), NOT_GIVEN)
            if key is NOT_GIVEN:
                raise KeyError("popitem(): dictionary is empty")
            return key, self._entries.own(key, writing.remove(key))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`; put `default` there if there is none.  Of several processes, one does."""
        try:
            return self[key]
        except KeyError:
            item = self._entries.item(key, default)
        with self._writing() as writing:
            if key not in self:
                writing.put(*item)
            return self[item[0]]

    def update(self, other: Any = (), /, **kwds: Any) -> None:
        """Put all items, at once: nobody sees some of them without the others."""
        changes: plain_dict[Any, Any] = {}
        changes.update(other, **kwds)
        items = [self._entries.item(*item) for item in changes.items()]
        with self._writing() as writing:
            for item in items:
                writing.put(*item)

    def __ior__(self, other: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> Self:  # type: ignore[misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """Remove all items, for everybody."""
        self._memory.checked().clear(self._entries, self._size)

    def move_to_end(self, key: Any, last: bool | None = True) -> None:
        """Let `key` come last, whatever `last` says.  Deprecated, as ever.  Raises KeyError."""
        _deprecated("The 'move_to_end' method will be removed in future versions. Use pop and reassignment instead.")
        if key not in self:
            raise KeyError(key)
        self._memory.checked().move_to_end(key)


def _deprecated(what: str) -> None:
    warnings.warn(what, DeprecationWarning, stacklevel=3)


def _reopened(name: str, size: int, serializer: SharedMemoryDictSerializer) -> SharedMemoryDict:
    return SharedMemoryDict(name, size, serializer=serializer)
