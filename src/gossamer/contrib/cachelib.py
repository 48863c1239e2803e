"""A cache for cachelib, and so for what takes one: all processes of a host, and all hosts of a mesh, have one.

    cache = GossamerCache("shop/cache")
    cache.set("x", 1, timeout=60)

What was written can be read at once in every process of the host, from shared memory; other hosts
hear of it within milliseconds.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

try:
    from cachelib import BaseCache
except ImportError as error:
    raise ImportError("gossamer.contrib.cachelib needs cachelib: pip install cachelib") from error

from .host_arguments import parted
from .shelf import Shelf

Timeout = int | dt.timedelta | None
"""Seconds, or a duration; 0: never expires; None: the cache's default."""


class GossamerCache(BaseCache):  # type: ignore[misc]
    """cachelib's interface on what stands under `location`, "MESH" or "MESH/PREFIX".

    `key_prefix` is put before each key.  What else is given goes to `gossamer.host` (`secret`, `peers`, ...):
    `timeout` is how many seconds a write waits for the process that is the peer of this host before it
    raises `NoPublisher`.  Values are what CBOR can carry, or anything that can be pickled.

    `add`, `inc` and `dec` are exact among all processes of the host: of several that add, one does, and no
    step is lost.  Hosts do not wait for each other: of two that write one key at one time, the later is kept.
    The mesh is joined when the cache is first used, so a server may make it and then fork.
    """

    def __init__(
        self,
        location: str,
        default_timeout: int | dt.timedelta = 300,
        ignore_delete_many_errors: bool = True,
        *,
        key_prefix: str | None = None,
        **arguments: Any,
    ) -> None:
        for_host, unknown = parted(arguments)
        if unknown:
            raise TypeError(f"GossamerCache() got unexpected arguments: {', '.join(sorted(unknown))}")
        super().__init__(default_timeout)
        self.ignore_delete_many_errors = ignore_delete_many_errors
        """Kept for who asks: no delete fails here but by an exception."""
        self.key_prefix = key_prefix or ""
        self._shelf = Shelf(location, **for_host)

    # -- reading ----------------------------------------------------------------------------------

    def get(self, key: str) -> Any:
        """Return the value under `key`, or None."""
        return self._shelf.get(self.key_prefix + key)

    def get_many(self, *keys: str) -> list[Any]:
        """Return the value under each key, or None, in order."""
        found = self._shelf.get_many([self.key_prefix + key for key in keys])
        return [found.get(self.key_prefix + key) for key in keys]

    def has(self, key: str) -> bool:
        """Return whether there is a value under `key`."""
        return self.key_prefix + key in self._shelf

    # -- writing ----------------------------------------------------------------------------------

    def set(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        """Put `value`, and return True."""
        self._shelf.set(self.key_prefix + key, value, self._ttl(timeout))
        return True

    def set_many(self, mapping: dict[str, Any], timeout: Timeout = None) -> list[Any]:
        """Put all values, in one step: once one of them can be read, all can.  Return the keys."""
        self._shelf.set_many({self.key_prefix + key: value for key, value in mapping.items()}, self._ttl(timeout))
        return list(mapping)

    def add(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        """Put `value` if there is none; return whether it was put."""
        return self._shelf.insert(self.key_prefix + key, value, self._ttl(timeout))

    def delete(self, key: str) -> bool:
        """Remove `key`; return whether there was a value."""
        return self._shelf.discard(self.key_prefix + key)

    def delete_many(self, *keys: str) -> list[Any]:
        """Remove all of them, in one step; return them: a key that was not there is no longer there, too."""
        self._shelf.discard_many([self.key_prefix + key for key in keys])
        return list(keys)

    def clear(self) -> bool:
        """Remove all that stands under `location` and `key_prefix`, on every host, and return True."""
        self._shelf.clear(self.key_prefix)
        return True

    def inc(self, key: str, delta: int = 1) -> int | None:
        """Add `delta` to the number under `key`; return what it is then.

        If there is none, it begins with `delta` and the default timeout; else it goes on living as long as it
        would.  Raises TypeError if what is there is no number.
        """
        return self._step(key, delta)

    def dec(self, key: str, delta: int = 1) -> int | None:
        """Subtract `delta`, as `inc` adds it."""
        return self._step(key, -delta)

    def _step(self, key: str, delta: int) -> int:
        while True:
            try:
                return self._shelf.add(self.key_prefix + key, delta)  # type: ignore[return-value]
            except KeyError:
                if self.add(key, delta):
                    return delta  # else another process was faster: add to what it put

    def _ttl(self, timeout: Timeout) -> float | None:
        seconds: float = self._normalize_timeout(timeout)
        return None if seconds == 0 else seconds
