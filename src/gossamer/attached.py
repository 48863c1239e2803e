"""A mesh as an attached process has it: read in shared memory, written through the process that publishes.

    with gossamer.attach("lab") as cache:
        cache["bench/3/temp"]           # at the speed of a dict, whatever the publisher does
        cache["x"] = 1                  # returns once it was applied, and can be read by every process here

Light: no loop, no thread until something is waited for, no socket to other machines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from .attached_changes import Listening
from .cache.bell import Bell
from .cache.follower import Follower
from .cache.layout import VERSION_AT
from .cache.link import Link
from .cache.places import place_of
from .cache.reader import SharedReader
from .cache.requests import Verb
from .errors import ConfigurationError, MeshClosed, MeshTimeout, NoPublisher
from .settings import setting
from .views.changes import Pattern
from .views.dict_like import DictLike
from .wire.keys import checked_key
from .wire.values import decode_value, encode_value

TIMEOUT_S = 2.0
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_ABSENT: Any = object()


class Cache(DictLike[Any]):
    """What `gossamer.attach` returns: a dict that another process of this host publishes.  Thread-safe.

    Reads see the latest published state, values decoded once and frozen as those of a mesh.  A write
    returns once it was applied and published, so the next read, here or in any process of the host,
    sees it; without a publisher it raises `NoPublisher` after `timeout_s`, and reads go on.
    Usable in a forked child.
    """

    def __init__(self, name: str, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name
        place = place_of(name)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._reader = SharedReader(place.segment, _wall_ms)
                break
            except FileNotFoundError:
                if time.monotonic() >= deadline:
                    raise NoPublisher(
                        f"no process of this host shares the mesh {name!r} (waited {timeout_s:g} s); start one with "
                        f"gossamer.join({name!r}, share=True)"
                    ) from None
                time.sleep(0.01)
        self._socket_path = place.socket
        self._link = Link(place.socket, timeout_s)
        self._batches: dict[int, dict[Any, tuple[bytes | None, float | None]]] = {}
        """Thread -> what it has collected in its batch."""
        self._closed = False
        self._listening: Listening | None = None

    # -- reading ----------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if self._batches:
            row = (self._batch() or {}).get(key)
            if row is not None:
                if row[0] is None:
                    raise KeyError(key)
                return decode_value(row[0])
        view = self._reader.view  # as `SharedReader.__getitem__` does, without another call
        version, values = view.fresh
        if view.words[VERSION_AT] == version:
            try:
                return values[key]
            except KeyError:
                pass
        return self._reader.look_up(key)

    def read(self) -> dict[Any, Any]:
        """Return all that is visible as a plain dict, as of one moment.  O(keys); nobody waits for it."""
        return self._reader.read()

    def snapshot(self) -> dict[Any, Any]:
        """Return `read()`."""
        return self._reader.read()

    def __iter__(self) -> Iterator[Any]:
        yield from self._reader.read()

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._reader.read())

    def __len__(self) -> int:
        return len(self._reader)

    def __contains__(self, key: object) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Cache({self.name!r}, {self._reader.read()!r})"

    @property
    def version(self) -> int:
        """How many steps have been published."""
        return self._reader.version

    @property
    def age_s(self) -> float:
        """How long ago the publisher last said that it lives, in seconds: above a second, it is stuck or gone."""
        return self._reader.age_s(time.monotonic_ns())

    # -- writing ----------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        self._write(checked_key(key), encode_value(value), None, False)

    def set(self, key: Any, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value`, as `cache[key] = value` does; with `ttl`, it ceases to be seen after so many seconds."""
        if ttl is not None and not 0 < ttl < 1e9:
            raise ConfigurationError(f"ttl is {ttl!r}; it must be a number of seconds above 0 and below 1e9")
        self._write(checked_key(key), encode_value(value), ttl, force)

    def _write(self, key: Any, value: bytes | None, ttl: float | None, force: bool) -> None:
        batch = self._batch()
        if batch is not None:
            batch[key] = (value, ttl)
            return
        self._ask(Verb.WRITE, ((key, value, ttl),), force)

    def __delitem__(self, key: Any) -> None:
        self._pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value, or `default`.  Of several processes, one gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        try:
            return self._pop(key)
        except KeyError:
            if default:
                return default[0]
            raise

    def _pop(self, key: Any) -> Any:
        if key not in self:
            raise KeyError(key)
        if self._batch() is not None:
            found = self[key]
            self._write(checked_key(key), None, None, False)
            return found
        data = self._ask(Verb.WRITE_IF, True, checked_key(key), None)
        if data is None:
            raise KeyError(key)
        return decode_value(data)

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) that was first seen last."""
        for key in reversed(self):
            with suppress(KeyError):  # another process was faster
                return key, self._pop(key)
        raise KeyError("popitem(): the mesh is empty")

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`; put `default` there if there is none.  Of several processes, one does."""
        if key in self:
            return self[key]
        checked, data = checked_key(key), encode_value(default)
        if self._batch() is not None:
            self._write(checked, data, None, False)
            return decode_value(data)
        seen = self._ask(Verb.WRITE_IF, False, checked, data)
        return decode_value(data if seen is None else seen)

    def clear(self) -> None:
        """Delete every key, as one batch."""
        self._ask(Verb.CLEAR)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put all items, in one batch: no process sees some of them without the others."""
        with self.batch():
            super().update(other, **kwargs)

    def _batch(self) -> dict[Any, tuple[bytes | None, float | None]] | None:
        return self._batches.get(threading.get_ident())

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect this thread's writes, and make them at the end, atomically for every process and peer.

        Reads of keys inside see them.  A nested block joins the outer one.  An exception discards them all.
        """
        if self._batch() is not None:
            yield
            return
        batch: dict[Any, tuple[bytes | None, float | None]] = {}
        self._batches[threading.get_ident()] = batch
        try:
            yield
        finally:
            del self._batches[threading.get_ident()]
        if batch:
            self._ask(Verb.WRITE, tuple((key, value, ttl) for key, (value, ttl) in batch.items()), False)

    def add(self, counter: str, by: int | float = 1) -> int | float:
        """Add to the counter of this name (`mesh.counter`); return what it is then.  No step of anybody is lost."""
        return self._ask(Verb.COUNT, counter, by)  # type: ignore[no-any-return]

    def emit(self, name: str, *args: Any, sender: str = "", **kwargs: Any) -> None:
        """Emit an event of the mesh: every handler of it is called, in every program."""
        self._ask(Verb.EMIT, name, args, kwargs, sender)

    def _ask(self, verb: Verb, *arguments: Any) -> Any:
        if self._closed:
            raise MeshClosed(f"this cache of {self.name!r} was closed; attach again")
        return self._link.ask(verb, *arguments)

    # -- waiting ----------------------------------------------------------------------------------

    def wait(self, predicate: Callable[[Cache], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(cache)`; raise MeshTimeout if there is none within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with Bell(self._socket_path) as bell:
            while True:
                found = predicate(self)
                if found:
                    return found
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise MeshTimeout(f"waited {timeout} s for the predicate {predicate!r} to be true")
                bell.wait(left)

    def on(self, pattern: str, fn: F | None = None) -> Any:
        """Call `fn(change)` whenever a key that matches `pattern` has changed; without `fn`, a decorator.

        On a thread of its own, in order; several changes of a key between two looks are one.
        """
        if fn is None:
            return lambda fn: self.on(pattern, fn)
        if self._listening is None:
            self._listening = Listening(self.name, self._follower(), self._socket_path)
        self._listening.listeners = (*self._listening.listeners, (Pattern(pattern), fn))
        return fn

    def off(self, fn: Callable[..., Any]) -> None:
        """Call `fn` no more.  Raise ValueError if it was not registered."""
        listening = self._listening
        kept = tuple(one for one in (listening.listeners if listening else ()) if one[1] != fn)
        if listening is None or len(kept) == len(listening.listeners):
            raise ValueError(f"{fn!r} is no listener of this cache")
        listening.listeners = kept

    def _revive(self) -> None:
        """In a forked child: streams and threads are the parent's, registrations are ours too."""
        self._link = Link(self._socket_path, self._link.timeout_s)
        self._batches = {}
        if self._listening is not None:
            listeners, self._listening = (
                self._listening.listeners,
                Listening(self.name, self._follower(), self._socket_path),
            )
            self._listening.listeners = listeners

    def _follower(self) -> Follower:
        return Follower(lambda: self._reader.current().segment, self._reader.seen_ms)

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Write and listen no more; what was published can still be read.  Again does nothing."""
        self._closed = True
        self._link.drop()
        if self._listening is not None:
            self._listening.stop()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def attach(name: str | None = None, *, timeout: float = TIMEOUT_S) -> Cache:
    """Return the mesh `name` as another process of this host publishes it (`gossamer.join(name, share=True)`).

    Waits up to `timeout` seconds for one to publish, then raises `NoPublisher`; a write waits as long.
    `name` may be left to GOSSAMER_MESH or gossamer.toml.
    """
    found = name if name is not None else setting("mesh").value
    if not found:
        raise ConfigurationError("no mesh was named; give a name, as in gossamer.attach('lab'), or set GOSSAMER_MESH")
    return Cache(found, timeout)
