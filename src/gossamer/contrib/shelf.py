"""What the adapters for other libraries' caches have in common: one cache among the keys of a mesh.

Keys are strings below a prefix, values are of any type, and every process of the host that
opens a shelf of the mesh takes its turn as the peer (`gossamer.host`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, TypeVar

from .. import ConfigurationError, Hosted, UnsendableValue, host
from .sealed_pickle import PickleSeal, SealedPickle, thawed

PREFIX: Final = "cache"
"""Where a shelf is whose location names a mesh only."""
Written = TypeVar("Written")


class Token(NamedTuple):
    """What is seen under a key, to be compared when it is replaced."""

    value: Any


class Shelf:
    """One cache among the keys of a mesh.  Thread-safe; usable in a forked child.

    `location` is "mesh/prefix", or "mesh" for "mesh/cache"; the other arguments are those of `gossamer.host`.
    Shelves of one location, in whatever process and on whatever host, are one cache.  Nothing is opened until the
    first use, so a server may fork before.  Reads come from shared memory; a write takes one round trip to the
    process of this host that is the peer, and raises `NoPublisher` if that does not answer within `timeout` seconds.

    A ttl is in seconds from now, None for ever.  What travels in a mesh is stored as such; any other value is pickled
    and sealed (see `sealed_pickle`), so an `insecure_lan` mesh refuses it.
    """

    def __init__(self, location: str, **arguments: Any) -> None:
        self.mesh, _, prefix = location.partition("/")
        if not self.mesh or "/" in prefix:  # which would lie within another shelf
            raise ConfigurationError(f"{location!r} names no shelf of a mesh: give a location such as 'lab/{PREFIX}'")
        self._prefix = f"{prefix or PREFIX}/"
        self._arguments = arguments
        self._home: _Home | None = None

    # -- reading ------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under `key`; containers are new ones, which the caller may change."""
        home = self._opened()
        try:
            value = home.cache[self._prefix + key]
        except KeyError:
            return default
        return home.seal.opened(value) if type(value) is SealedPickle else thawed(value)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of those keys that are there."""
        found = {key: self.get(key, _ABSENT) for key in keys}
        return {key: value for key, value in found.items() if value is not _ABSENT}

    def token(self, key: str) -> Token | None:
        """Return what `replace` compares, None if nothing is there."""
        try:
            return Token(self._opened().cache[self._prefix + key])
        except KeyError:
            return None

    def __contains__(self, key: str) -> bool:
        return self._prefix + key in self._opened().cache

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, in the order in which they came.  O(keys of the mesh)."""
        whole, begin = self._prefix + prefix, len(self._prefix)
        return [key[begin:] for key in self._opened().cache if type(key) is str and key.startswith(whole)]

    def __len__(self) -> int:
        return len(self.keys())

    # -- writing ------------------------------------------------------------------------------------

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Put `value`.  With a ttl of 0 or less it is gone at once: what was there is removed."""
        if ttl is not None and ttl <= 0:
            self.discard(key)
            return
        cache = self._opened().cache
        self._put(value, lambda one: cache.set(self._prefix + key, one, ttl=ttl))

    def set_many(self, items: Mapping[str, Any], ttl: float | None = None) -> None:
        """Put several values, in one batch: no process sees some of them without the others."""
        with self._opened().cache.batch():
            for key, value in items.items():
                self.set(key, value, ttl)

    def insert(self, key: str, value: Any, ttl: float | None = None) -> bool:
        """Put `value` if there is none; return whether it was put.  Of several processes of the host, one does."""
        if ttl is not None and ttl <= 0:
            return key not in self
        cache = self._opened().cache
        return self._put(value, lambda one: cache.insert(self._prefix + key, one, ttl=ttl))

    def replace(self, key: str, token: Token, value: Any, ttl: float | Literal["keep"] | None = "keep") -> bool:
        """Put `value` if what is there is as `token` says; return whether it was put: compare and set."""
        if ttl != "keep" and ttl is not None and ttl <= 0:
            return self._opened().cache.discard(self._prefix + key, token.value)
        cache = self._opened().cache
        return self._put(value, lambda one: cache.replace(self._prefix + key, token.value, one, ttl=ttl))

    def add(self, key: str, by: int | float) -> int | float:
        """Add to the number that is there, and return the sum; it ends when it would have.

        Exact among all processes of the host.  Raises `KeyError` if nothing is there, `TypeError` if it is no number.
        """
        while True:
            token = self.token(key)
            if token is None:
                raise KeyError(key)
            if type(token.value) not in (int, float):
                raise TypeError(f"what is under {key!r} is no number, so nothing can be added to it")
            total: int | float = token.value + by
            if self.replace(key, token, total):
                return total

    def touch(self, key: str, ttl: float | None) -> bool:
        """Let what is there live so long from now; return whether there was anything."""
        if ttl is not None and ttl <= 0:
            return self.discard(key)
        return self._opened().cache.touch(self._prefix + key, ttl)

    def discard(self, key: str) -> bool:
        """Remove what is there; return whether there was anything."""
        return self._opened().cache.discard(self._prefix + key)

    def discard_many(self, keys: Iterable[str]) -> list[str]:
        """Remove several keys, in one batch; return those that were there."""
        with self._opened().cache.batch():
            return [key for key in keys if self.discard(key)]

    def clear(self, prefix: str = "") -> None:
        """Remove all keys that begin with `prefix`, for everybody.  Other keys of the mesh stay.  O(its keys)."""
        self.discard_many(self.keys(prefix))

    def _put(self, value: Any, write: Callable[[Any], Written]) -> Written:
        """Write what travels of `value`."""
        with suppress(UnsendableValue):
            return write(value)
        return write(self._opened().seal.sealed(value))

    # -- the mesh -----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether this process takes part in the mesh, so that a read waits for nobody.  Else the next use opens it."""
        home = _homes.get(self.mesh)
        return home is not None and not home.closed

    def _opened(self) -> _Home:
        home = self._home
        if home is None or home.closed:
            home = self._home = _home_of(self.mesh, self._arguments)
        return home

    def close(self) -> None:
        """Let this process take part no more in the mesh, by this or any other shelf; the next use opens it again."""
        with _lock:
            home = _homes.pop(self.mesh, None)
        if home is not None:
            home.close()


class _Home:
    """What all shelves of one mesh in this process share."""

    def __init__(self, mesh: str, arguments: Mapping[str, Any]) -> None:
        self.arguments = dict(arguments)
        self.cache: Hosted = host(mesh, **arguments)
        self.closed = False
        self._seal: PickleSeal | None = None

    @property
    def seal(self) -> PickleSeal:
        """What pickles of this mesh are sealed with.  Raises `SecretError` if the mesh is open to everybody."""
        if self._seal is None:
            self._seal = PickleSeal(self.cache.derived_key("gossamer.contrib.sealed_pickle"))
        return self._seal

    def close(self) -> None:
        self.closed = True
        self.cache.close()


_ABSENT: Final[Any] = object()
_homes: dict[str, _Home] = {}
_lock = threading.Lock()


def _home_of(mesh: str, arguments: Mapping[str, Any]) -> _Home:
    with _lock:
        home = _homes.get(mesh)
        if home is None:
            home = _homes[mesh] = _Home(mesh, arguments)
        elif home.arguments != dict(arguments):
            raise ConfigurationError(
                f"the mesh {mesh!r} was opened in this process with other arguments: give all caches of it the same"
            )
        return home


def _unlock_in_child() -> None:
    """Begin with a lock that no thread of the parent holds; homes go on in a forked child by themselves."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)
