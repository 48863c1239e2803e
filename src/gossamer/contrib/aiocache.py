"""A backend for aiocache: all processes of a host, and all hosts of a mesh, have one cache.

    cache = GossamerCache("shop/cache", ttl=60)
    await cache.set("x", [1, 2])

What can be read is in shared memory, so reading waits for nothing and is done in the loop; a write is
a round trip to another process, and is done in a worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

try:
    import aiocache
    from aiocache.base import BaseCache
    from aiocache.lock import RedLock
    from aiocache.serializers import NullSerializer
except ImportError as error:
    raise ImportError("gossamer.contrib.aiocache needs aiocache: pip install aiocache") from error

from .host_arguments import parted
from .shelf import Shelf, Token

LOOK_AGAIN_S = 0.005
"""How often one that waits for another process's lock looks whether it is gone: a read of shared memory."""
T = TypeVar("T")


class GossamerCache(BaseCache):  # type: ignore[misc]
    """An aiocache cache on what stands under `location`, "MESH" or "MESH/PREFIX".

    Takes what every aiocache cache takes (`serializer`, `plugins`, `namespace`, `key_builder`, `timeout`, `ttl`) and
    what `gossamer.host` takes (`secret`, `peers`, ...); `publisher_timeout` is how long a write waits for
    the process that is the peer of this host (2 s) before it raises `NoPublisher`.

    Without a serializer, values are what CBOR can carry, or anything that can be pickled, and `get` returns an equal
    value, not the same object.  A ttl is kept with the value: it holds when the process that wrote has ended, and an
    overwrite cancels it everywhere.  `add`, `increment`, `RedLock` and `OptimisticLock` are exact among the processes
    of a host; other hosts do not wait.
    """

    NAME = "gossamer"

    def __init__(
        self, location: str, *, serializer: Any = None, publisher_timeout: float | None = None, **arguments: Any
    ) -> None:
        timeout = {"timeout": arguments.pop("timeout")} if "timeout" in arguments else {}  # aiocache's, not ours
        for_host, others = parted(arguments)
        super().__init__(serializer=serializer or NullSerializer(), **timeout, **others)
        if publisher_timeout is not None:
            for_host["timeout"] = float(publisher_timeout)
        self._shelf = Shelf(location, **for_host)
        self._location = location

    def __repr__(self) -> str:
        return f"GossamerCache({self._location!r})"

    @classmethod
    def parse_uri_path(cls, path: str) -> dict[str, str]:
        """Return what the path of `gossamer:///MESH/PREFIX` says."""
        return {"location": path.strip("/")}

    def build_key(self, key: str, namespace: str | None = None) -> str:
        """Return the key as it is stored; of aiocache 1.0, where it must be defined."""
        return self._str_build_key(key, namespace)  # type: ignore[no-any-return]

    # -- reading ----------------------------------------------------------------------------------

    async def _get(self, key: Any, encoding: str | None = None, _conn: Any = None) -> Any:
        return await self._read(self._shelf.get, _text(key))

    async def _gets(self, key: Any, encoding: str | None = None, _conn: Any = None) -> Token | None:
        return await self._read(self._shelf.token, _text(key))

    async def _multi_get(self, keys: Iterable[Any], encoding: str | None = None, _conn: Any = None) -> list[Any]:
        names = [_text(key) for key in keys]
        found = await self._read(self._shelf.get_many, names)
        return [found.get(name) for name in names]

    async def _exists(self, key: Any, _conn: Any = None) -> bool:
        return await self._read(self._shelf.__contains__, _text(key))

    async def _read(self, read: Callable[..., T], *arguments: Any) -> T:
        """Read, in the loop once the mesh is there: joining it takes a moment, which a thread waits for."""
        return read(*arguments) if self._shelf.is_open else await asyncio.to_thread(read, *arguments)

    # -- writing ----------------------------------------------------------------------------------

    async def _set(
        self, key: Any, value: Any, ttl: float | None = None, _cas_token: Token | None = None, _conn: Any = None
    ) -> bool:
        name, life_s = _text(key), ttl or None
        if _cas_token is not None:
            return await asyncio.to_thread(self._shelf.replace, name, _cas_token, value, life_s)
        await asyncio.to_thread(self._shelf.set, name, value, life_s)
        return True

    async def _multi_set(self, pairs: Iterable[Any], ttl: float | None = None, _conn: Any = None) -> bool:
        items = {_text(key): value for key, value in pairs}
        await asyncio.to_thread(self._shelf.set_many, items, ttl or None)
        return True

    async def _add(self, key: Any, value: Any, ttl: float | None = None, _conn: Any = None) -> bool:
        name = _text(key)
        if await asyncio.to_thread(self._shelf.insert, name, value, ttl or None):
            return True
        if name.endswith("-lock"):
            _Elsewhere.awaited(self._shelf, name, key)
        raise ValueError(f"Key {name!r} already exists, use .set to update the value")

    async def _delete(self, key: Any, _conn: Any = None) -> int:
        return int(await asyncio.to_thread(self._shelf.discard, _text(key)))

    async def _increment(self, key: Any, delta: int, _conn: Any = None) -> Any:
        return await asyncio.to_thread(self._incremented, _text(key), delta)

    def _incremented(self, name: str, delta: int) -> Any:
        """Add through the serializer, so that `get` reads what is there then.  What is there goes on living as long."""
        while True:
            token = self._shelf.token(name)
            if token is None:
                if self._shelf.insert(name, self.serializer.dumps(delta)):
                    return delta
                continue
            total = _whole(self.serializer.loads(token.value)) + delta
            if self._shelf.replace(name, token, self.serializer.dumps(total)):
                return total

    async def _expire(self, key: Any, ttl: float | None, _conn: Any = None) -> bool:
        return await asyncio.to_thread(self._shelf.touch, _text(key), ttl or None)

    async def _clear(self, namespace: str | None = None, _conn: Any = None) -> bool:
        await asyncio.to_thread(self._shelf.clear, namespace or "")
        return True

    async def _redlock_release(self, key: Any, value: Any) -> int:
        removed = await asyncio.to_thread(self._shelf.replace, _text(key), Token(value), None, 0)
        return int(removed)

    async def _raw(
        self, command: str, *args: Any, encoding: str | None = None, _conn: Any = None, **kwargs: Any
    ) -> Any:
        """Call a method of the `Shelf`, in a worker thread."""
        return await asyncio.to_thread(getattr(self._shelf, command), *args, **kwargs)

    async def _close(self, *args: Any, _conn: Any = None, **kwargs: Any) -> None:
        """Do nothing: the other caches of this process, and of this host, go on with the same mesh."""


class _Elsewhere:
    """Stands in for the `asyncio.Event` of a `RedLock` whose holder is another process, or cannot be told from one.

    A RedLock waits for an event that its holder left in this process, and where there is none it goes on
    without the lock.  So whoever could not `add` finds one that looks at the lock itself.
    """

    def __init__(self, shelf: Shelf, name: str, key: Any) -> None:
        self._shelf = shelf
        self._name = name
        self._key = key

    @classmethod
    def awaited(cls, shelf: Shelf, name: str, key: Any) -> None:
        """See to it that there is something to wait for."""
        RedLock._EVENTS.setdefault(key, cls(shelf, name, key))

    async def wait(self) -> bool:
        """Return once the holder has given the lock back, or its lease has ended."""
        held = self._shelf.token(self._name)
        try:
            while held is not None and self._shelf.token(self._name) == held:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            if RedLock._EVENTS.get(self._key) is self:
                del RedLock._EVENTS[self._key]
        return True

    def set(self) -> None:
        """Do nothing: who waits looks by itself."""


def _whole(value: Any) -> int:
    """Return the number that a serializer may have made a text of."""
    if isinstance(value, str | bytes | int):
        with suppress(ValueError):
            return int(value)
    raise TypeError("Value is not an integer")


def _text(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


if hasattr(aiocache, "AIOCACHE_CACHES"):  # of 0.12; with 1.0 there are no addresses
    aiocache.AIOCACHE_CACHES[GossamerCache.NAME] = GossamerCache  # for Cache.from_url("gossamer:///shop/cache")
