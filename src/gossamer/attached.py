"""A mesh as an attached process has it: read in shared memory, written through the process that publishes.

    with gossamer.attach("lab") as cache:
        cache["bench/3/temp"]           # at the speed of a dict, whatever the publisher does
        cache["x"] = 1                  # returns once it was applied, and can be read by every process here

Light: no loop, no thread until something is waited for, no socket to other machines.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .attached_changes import CacheChanges, Listening
from .attached_writes import CacheWrites
from .cache.bell import Bell
from .cache.follower import Follower
from .cache.layout import VERSION_AT
from .cache.link import Link
from .cache.places import place_of
from .cache.reader import SharedReader
from .errors import ConfigurationError, MeshTimeout, NoPublisher
from .settings import setting
from .views.changes import Pattern
from .wire.values import decode_value

TIMEOUT_S = 2.0
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_ABSENT: Any = object()


class Cache(CacheWrites):
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
        super().__init__(Link(place.socket, timeout_s))
        self._listening: Listening | None = None
        self._streams: weakref.WeakSet[CacheChanges] = weakref.WeakSet()

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
        yield from self._reader.keys()

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._reader.keys())

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

    def changes(self, pattern: str = "*") -> CacheChanges:
        """Return the changes of keys that match `pattern`, from now on: iterate it, until it or this is closed.

        Several changes of a key between two looks are one, from the first old value to the last new one.
        """
        follower = Follower(lambda: self._reader.current().segment, self._reader.seen_ms)
        changes = CacheChanges(follower, self._socket_path, Pattern(pattern))
        self._streams.add(changes)
        return changes

    def on(self, pattern: str, fn: F | None = None) -> Any:
        """Call `fn(change)` whenever a key that matches `pattern` has changed; without `fn`, a decorator.

        On a thread of its own, in order; several changes of a key between two looks are one.
        """
        if fn is None:
            return lambda fn: self.on(pattern, fn)
        if self._listening is None:
            self._listening = Listening(self.name, self.changes())
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
            listeners, self._listening = self._listening.listeners, Listening(self.name, self.changes())
            self._listening.listeners = listeners

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Write and listen no more; what was published can still be read.  Again does nothing."""
        self._closed = True
        self._link.drop()
        for changes in list(self._streams):
            changes.close()
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
