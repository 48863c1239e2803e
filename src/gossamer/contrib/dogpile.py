"""A backend for dogpile.cache: all processes of a host, and all hosts of a mesh, have one cache.

region = make_region().configure("gossamer", arguments={"location": "shop/cache"})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

try:
    from dogpile.cache import register_backend
    from dogpile.cache.api import NO_VALUE, CacheBackend, CachedValue
except ImportError as error:
    raise ImportError("gossamer.contrib.dogpile needs dogpile.cache: pip install dogpile.cache") from error

from .host_arguments import parted
from .host_mutex import HostMutex
from .shelf import Shelf

LOCKS = "dogpile lock/"
"""Where mutexes stand, beside the values."""


class GossamerBackend(CacheBackend):  # type: ignore[misc]
    """A dogpile.cache backend on what stands under `location`, "MESH" or "MESH/PREFIX".

    Arguments: `location`; those of `gossamer.host` (`secret`, `peers`, ..., and `timeout`: how many seconds a
    write waits for the process that is the peer of this host before it raises `NoPublisher`); and

    * `ttl`: seconds after which a value is gone.  None, the default: never.  A region's `expiration_time` is
      something else: it says when a value is made anew, and until then the old one is served.  Give a `ttl`
      above it, or what nobody asks for any more stays for ever.
    * `distributed_lock`, `lock_timeout`: see `get_mutex`.

    Values are what CBOR can carry, or anything that can be pickled; a region needs no serializer, and may have one.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._ttl: float | None = arguments.get("ttl")
        self._lock_timeout_s: float = arguments.get("lock_timeout") or 60.0
        self._has_mutex = bool(arguments.get("distributed_lock", False))
        for_host, _ = parted(arguments)
        self._shelf = Shelf(arguments["location"], **for_host)

    # -- values -----------------------------------------------------------------------------------

    def get(self, key: str) -> Any:
        """Return the `CachedValue` under `key`, or NO_VALUE."""
        return _cached(self._shelf.get(key))

    def get_multi(self, keys: Iterable[str]) -> Sequence[Any]:
        """Return what `get` would for each key, in order."""
        keys = list(keys)
        found = self._shelf.get_many(keys)
        return [_cached(found.get(key)) for key in keys]

    def set(self, key: str, value: Any) -> None:
        """Put a `CachedValue`."""
        self._shelf.set(key, tuple(value), self._ttl)

    def set_multi(self, mapping: Mapping[str, Any]) -> None:
        """Put all values, in one step: once one of them can be read, all can."""
        self._shelf.set_many({key: tuple(value) for key, value in mapping.items()}, self._ttl)

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        self._shelf.discard(key)

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Remove all of them that are there, in one step."""
        self._shelf.discard_many(list(keys))

    # -- what a region's own serializer made ------------------------------------------------------

    def get_serialized(self, key: str) -> Any:
        """Return the bytes under `key`, or NO_VALUE."""
        return _serialized(self._shelf.get(key))

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[Any]:
        """Return what `get_serialized` would for each key, in order."""
        keys = list(keys)
        found = self._shelf.get_many(keys)
        return [_serialized(found.get(key)) for key in keys]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Put bytes."""
        self._shelf.set(key, value, self._ttl)

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Put all of them, in one step."""
        self._shelf.set_many(dict(mapping), self._ttl)

    # -- one at a time ----------------------------------------------------------------------------

    def has_lock_timeout(self) -> bool:
        """Return whether a mutex may be given to a second while the first still works."""
        return self._has_mutex

    def get_mutex(self, key: str) -> HostMutex | None:
        """Return what lets one process of this host at a time make the value of `key`; None unless `distributed_lock`.

        None means that each process has a lock of its own, so one thread of each may make a value at one time.
        That is the default, for a lock that all of a mesh respect cannot be had: two hosts that do not hear
        each other both go on (they should), and whoever holds a lock may die.  With `distributed_lock`, one
        process of the host does, and another takes over `lock_timeout` seconds (60) after it began; one on
        another host may still do the same.  Either way the value that was written last is kept.
        """
        return HostMutex(self._shelf, LOCKS + key, self._lock_timeout_s) if self._has_mutex else None


def _cached(stored: Any) -> Any:
    """What was stored by `set`; what a region with a serializer put is no value for one without."""
    return CachedValue(*stored) if isinstance(stored, tuple | list) and len(stored) == 2 else NO_VALUE


def _serialized(stored: Any) -> Any:
    return stored if isinstance(stored, bytes) else NO_VALUE


register_backend("gossamer", __name__, "GossamerBackend")
