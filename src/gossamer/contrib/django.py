"""A mesh as a cache of Django: all workers of a host share one, and so do all hosts.

    CACHES = {"default": {"BACKEND": "gossamer.contrib.django.GossamerCache", "LOCATION": "shop"}}

1. Nothing is kept in this process: what one worker has written, the next read of any other sees.
2. `add` and `incr` are atomic among the processes of a host.  Between hosts the newest write wins.
3. An entry expires wherever it is held, whether it is read or not, and whether its writer lives or not.
4. Reads take shared memory and wait for nobody; writes wait for the process that publishes, some 0.2 ms.
   So the `a*` methods read in the event loop, and write in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .culling import make_room
from .host_arguments import NAMES
from .shelf import Shelf

try:
    from asgiref.sync import sync_to_async
    from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
    from django.core.exceptions import ImproperlyConfigured
except ImportError as error:
    raise ImportError('gossamer.contrib.django needs Django: pip install "gossamer[django]"') from error

DJANGO_OPTIONS = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY"})

FOR_EVER_S = 1e9
"""A timeout of 31 years and more is as good as none; a mesh takes no longer one."""


class GossamerCache(BaseCache):  # type: ignore[misc, unused-ignore]
    """A cache backend on a mesh.  LOCATION is `"mesh"` or `"mesh/prefix"`; caches of one LOCATION are one cache.

    TIMEOUT, KEY_PREFIX, VERSION and KEY_FUNCTION are Django's, as are MAX_ENTRIES (300) and CULL_FREQUENCY (3)
    in OPTIONS: a write that would exceed the first deletes one in so many of the entries of the LOCATION, those
    that were first written.  All else in OPTIONS is an argument of `gossamer.host`: secret, peers, interfaces, port,
    insecure_lan, options, nickname, timeout; what is left out, the environment and gossamer.toml say.

    Values are copied in and out: those that a mesh can hold as they are, all others as pickles sealed with a key
    made from the mesh's secret.  The mesh is opened at the first use, and stays open at the end of a request.
    A write raises `gossamer.NoPublisher` if no process of the host has published for `timeout` seconds.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params.get("OPTIONS", {})
        unknown = sorted(options.keys() - DJANGO_OPTIONS - NAMES)
        if unknown:
            raise ImproperlyConfigured(
                f"OPTIONS of the cache at {location!r} has {', '.join(unknown)}, which GossamerCache does not know; "
                f"it knows {', '.join(sorted(DJANGO_OPTIONS | NAMES))}"
            )
        if not isinstance(location, str) or not re.fullmatch("[^/]+(/[^/]+)?", location):
            raise ImproperlyConfigured(
                f'LOCATION of a GossamerCache is a mesh, or a prefix in one: "shop" or "shop/pages"; it is {location!r}'
            )
        self._location = location
        self._shelf = Shelf(location, **{name: value for name, value in options.items() if name in NAMES})

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> float | None:
        """Return for how many seconds an entry will be seen: None for ever, 0 or less not at all."""
        seconds = self.default_timeout if timeout == DEFAULT_TIMEOUT else timeout
        return None if seconds is None or seconds >= FOR_EVER_S else seconds

    # -- reading ----------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return what is under `key`, or `default`."""
        return self._shelf.get(self.make_and_validate_key(key, version), default)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Return those of `keys` that are there, with their values."""
        made = {key: self.make_and_validate_key(key, version) for key in keys}
        found = self._shelf.get_many(made.values())
        return {key: found[name] for key, name in made.items() if name in found}

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Return whether `key` is there, and has not expired."""
        return self.make_and_validate_key(key, version) in self._shelf

    # -- writing ----------------------------------------------------------------------------------

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Put `value` unless something is there; return whether it was put.  Of several workers, one gets True."""
        name = self.make_and_validate_key(key, version)
        self._make_room([name])
        return self._shelf.insert(name, value, self.get_backend_timeout(timeout))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Put `value`.  What was there expires no more: this does, after `timeout` seconds."""
        name = self.make_and_validate_key(key, version)
        self._make_room([name])
        self._shelf.set(name, value, self.get_backend_timeout(timeout))

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        """Put all of `data`, or raise and put nothing: nobody sees some of it without the rest.  Return []."""
        made = {self.make_and_validate_key(key, version): value for key, value in data.items()}
        if made:
            self._make_room(made)
            self._shelf.set_many(made, self.get_backend_timeout(timeout))
        return []

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let `key` expire `timeout` seconds from now; return whether it is there."""
        return self._shelf.touch(self.make_and_validate_key(key, version), self.get_backend_timeout(timeout))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add `delta` to the integer under `key`, which keeps its expiry; return what it is then.

        No step of any process of this host is lost.  Raises ValueError if `key` is not there, and TypeError if it
        holds, or `delta` is, anything but an int: a bool is none.
        """
        name = self.make_and_validate_key(key, version)
        _check_is_int(delta, "delta is")
        _check_is_int(self._shelf.get(name, 0), f"{key!r} holds")
        try:
            return self._shelf.add(name, delta)  # type: ignore[return-value]
        except KeyError:
            raise ValueError(f"Key '{key}' not found") from None

    def delete(self, key: str, version: int | None = None) -> bool:
        """Remove `key`; return whether it was there."""
        return self._shelf.discard(self.make_and_validate_key(key, version))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """Remove those of `keys` that are there, in one step."""
        names = [self.make_and_validate_key(key, version) for key in keys]
        if names:
            self._shelf.discard_many(names)

    def clear(self) -> None:
        """Remove all entries of this LOCATION, whatever their prefix and version."""
        self._shelf.clear()

    def close(self, **kwargs: Any) -> None:
        """Do nothing: this is called at the end of each request, and the next one will want the mesh."""

    def _make_room(self, names: Collection[str]) -> None:
        make_room(self._shelf, self._location, names, self._max_entries, self._cull_frequency)

    # -- in an event loop -------------------------------------------------------------------------

    async def aget(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """See `get`."""
        return await self._read(self.get, key, default, version)

    async def aget_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """See `get_many`."""
        return await self._read(self.get_many, keys, version)  # type: ignore[no-any-return]

    async def ahas_key(self, key: str, version: int | None = None) -> bool:
        """See `has_key`."""
        return await self._read(self.has_key, key, version)  # type: ignore[no-any-return]

    async def aget_or_set(
        self, key: str, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """See `get_or_set`.  A callable `default` is called here, in the event loop, as Django does."""
        found = await self.aget(key, self._missing_key, version)
        if found is not self._missing_key:
            return found
        made = default() if callable(default) else default
        await self.aadd(key, made, timeout, version)
        return await self.aget(key, made, version)

    async def aadd(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See `add`."""
        return await _in_thread(self.add, key, value, timeout, version)  # type: ignore[no-any-return]

    async def aset(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """See `set`."""
        await _in_thread(self.set, key, value, timeout, version)

    async def aset_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        """See `set_many`."""
        return await _in_thread(self.set_many, data, timeout, version)  # type: ignore[no-any-return]

    async def atouch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See `touch`."""
        return await _in_thread(self.touch, key, timeout, version)  # type: ignore[no-any-return]

    async def aincr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """See `incr`."""
        return await _in_thread(self.incr, key, delta, version)  # type: ignore[no-any-return]

    async def adecr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """See `decr`."""
        return await _in_thread(self.decr, key, delta, version)  # type: ignore[no-any-return]

    async def aincr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """See `incr_version`."""
        return await _in_thread(self.incr_version, key, delta, version)  # type: ignore[no-any-return]

    async def adecr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """See `decr_version`."""
        return await _in_thread(self.decr_version, key, delta, version)  # type: ignore[no-any-return]

    async def adelete(self, key: str, version: int | None = None) -> bool:
        """See `delete`."""
        return await _in_thread(self.delete, key, version)  # type: ignore[no-any-return]

    async def adelete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """See `delete_many`."""
        await _in_thread(self.delete_many, keys, version)

    async def aclear(self) -> None:
        """See `clear`."""
        await _in_thread(self.clear)

    async def aclose(self, **kwargs: Any) -> None:
        """See `close`."""

    async def _read(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """Read here and now; but the first use of a mesh opens it, for which the loop shall not wait."""
        return read(*arguments) if self._shelf.is_open else await _in_thread(read, *arguments)


async def _in_thread(do: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(do, thread_sensitive=False)(*arguments)


def _check_is_int(value: Any, what: str) -> None:
    if type(value) is not int:
        raise TypeError(f"incr and decr are for integers, and {what} {value!r}")
