"""What is stored in the mesh for an item, what is read of it, and how many bytes it counts.

The older library serialized the whole dict at every write.  Here each item stands by itself, and counts
what it adds to the serialized whole, so a write costs the same however many keys there are.
Every cost is computed from what is stored, so all processes agree on it.
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from ...contrib.sealed_pickle import SEAL_BYTES, PickleSeal, SealedPickle, thawed
from ...errors import SecretError, UnsendableValue
from .frozen import frozen
from .serializers import (
    DeserializationError,
    JSONSerializer,
    PickleSerializer,
    SerializationError,
    SharedMemoryDictSerializer,
)

Opener = Callable[[], PickleSeal]
"""Returns the seal of the mesh; not needed, and so not made, for what travels by itself."""


class Entries(ABC):
    """One serializer's way from items to what is stored, and back."""

    fixed_bytes: int
    """What the serialized whole has besides its items."""

    def __init__(self, serializer: SharedMemoryDictSerializer, seal: Opener) -> None:
        self.serializer = serializer
        self._seal = seal

    def item(self, key: Any, value: Any) -> tuple[Any, Any]:
        """Return the key and the value to be stored.  Raises `SerializationError`."""
        return key, value

    def instead(self, key: Any, value: Any, error: UnsendableValue) -> Any:
        """Return what is stored instead of a value that cannot travel.  Raises `SerializationError`."""
        raise SerializationError({key: value}) from error

    def read(self, key: Any, stored: Any) -> Any:
        """Return the value, its containers frozen.  Raises `DeserializationError`."""
        return frozen(self.own(key, stored)) if type(stored) is SealedPickle else stored

    @abstractmethod
    def own(self, key: Any, stored: Any) -> Any:
        """Return the value as the caller's own, its containers new ones.  Raises `DeserializationError`."""

    @abstractmethod
    def cost(self, key: Any, stored: Any) -> int:
        """Return how many bytes longer the serialized whole is for this item."""


def entries_for(serializer: SharedMemoryDictSerializer, seal: Opener) -> Entries:
    """Return the way of `serializer`."""
    if type(serializer) is PickleSerializer:
        return _Pickled(serializer, seal)
    return (_Json if type(serializer) is JSONSerializer else _Foreign)(serializer, seal)


class _Pickled(Entries):
    """Any value: what a mesh can carry as it is, the rest pickled and sealed."""

    fixed_bytes = 16  # of a dict with two items or more: head, frame, empty dict, its memo, mark, set items, stop

    def instead(self, key: Any, value: Any, error: UnsendableValue) -> Any:
        seal = self._seal()
        try:
            return seal.sealed(value)
        except Exception as unpicklable:  # whatever the value's own methods raise
            raise SerializationError({key: value}) from unpicklable

    def own(self, key: Any, stored: Any) -> Any:
        return _opened(stored, self._seal)

    def cost(self, key: Any, stored: Any) -> int:
        return pickled_bytes(key, stored)


class _Json(Entries):
    """What JSON makes of a value, which every mesh can carry.  Nothing is ever unpickled."""

    fixed_bytes = 1  # braces and the null byte, and one separator fewer than items

    def item(self, key: Any, value: Any) -> tuple[Any, Any]:
        return _only_item(self.serializer.loads(self.serializer.dumps({key: value})), key, value)

    def own(self, key: Any, stored: Any) -> Any:
        if type(stored) is SealedPickle:
            raise DeserializationError(stored.data[SEAL_BYTES:])
        return thawed(stored)

    def cost(self, key: Any, stored: Any) -> int:
        try:
            return len(self.serializer.dumps({key: stored})) - 1
        except SerializationError:  # of a program with another serializer
            return pickled_bytes(key, stored)


class _Foreign(Entries):
    """The bytes that a program's own serializer makes of a dict of one item, sealed: it may be a kind of pickle."""

    def __init__(self, serializer: SharedMemoryDictSerializer, seal: Opener) -> None:
        super().__init__(serializer, seal)
        self.fixed_bytes = len(serializer.dumps({}))

    def item(self, key: Any, value: Any) -> tuple[Any, Any]:
        data = bytes(self.serializer.dumps({key: value}))
        key, _ = _only_item(self.serializer.loads(data), key, value)
        return key, self._seal().sealed(data)

    def read(self, key: Any, stored: Any) -> Any:
        return frozen(self.own(key, stored))

    def own(self, key: Any, stored: Any) -> Any:
        data = _opened(stored, self._seal) if type(stored) is SealedPickle else None
        if not isinstance(data, bytes):  # of a program with another serializer
            raise DeserializationError(repr(stored).encode())
        found = self.serializer.loads(data)
        if key not in found:
            raise DeserializationError(data)
        return found[key]

    def cost(self, key: Any, stored: Any) -> int:
        if type(stored) is not SealedPickle:
            return pickled_bytes(key, stored)
        return len(stored.data) - SEAL_BYTES - _BYTES_ALONE - self.fixed_bytes


def pickled_bytes(key: Any, stored: Any) -> int:
    """Return how many bytes longer the pickle of a dict is for this item.  O(size); nothing is unpickled."""
    if type(stored) is SealedPickle:
        return pickled_bytes(key, None) - 1 + len(stored.data) - SEAL_BYTES - _VALUE_ALONE
    return len(pickle.dumps({key: thawed(stored)}, pickle.HIGHEST_PROTOCOL)) - _ITEM_ALONE


_ITEM_ALONE: Final = 15
"""What the pickle of a dict of one item has besides that item."""
_VALUE_ALONE: Final = 12
"""Head, frame and stop around a pickled value."""
_BYTES_ALONE: Final = len(pickle.dumps(b"x" * 256, pickle.HIGHEST_PROTOCOL)) - 256


def _only_item(made: dict[Any, Any], key: Any, value: Any) -> tuple[Any, Any]:
    """Return the item that came back of the one that was given: what is found under the key from now on."""
    if len(made) != 1:
        raise SerializationError({key: value})
    [item] = made.items()
    return item


def _opened(stored: Any, seal: Opener) -> Any:
    if type(stored) is not SealedPickle:
        return thawed(stored)
    try:
        return seal().opened(stored)
    except SecretError:
        raise
    except Exception as error:  # of a class that this program lacks, or has in another form
        raise DeserializationError(stored.data[SEAL_BYTES:]) from error
