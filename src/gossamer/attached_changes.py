"""What an attached process is told of changes, and the thread that tells its listeners."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .cache.bell import Bell
from .cache.follower import Follower, Raw
from .views.changes import Pattern
from .wire.keys import keys_from_wire
from .wire.strict import decode_strict
from .wire.values import decode_value

logger = logging.getLogger("gossamer.cache")


class CacheChange:
    """A key whose visible value was replaced.  `old` and `new` are None where there was, or is, none."""

    __slots__ = ("key", "kind", "new", "old")

    def __init__(self, raw: Raw) -> None:
        [self.key] = keys_from_wire([decode_strict(raw.key[1:])])
        self.old = None if raw.old is None else decode_value(raw.old)
        self.new = None if raw.new is None else decode_value(raw.new)
        self.kind = "delete" if raw.new is None else "set"

    def __repr__(self) -> str:
        return f"CacheChange({self.key!r}: {self.old!r} -> {self.new!r})"


class CacheChanges:
    """A live iterator of changes.  Use it in one thread; `close` it, or use it as a context manager."""

    def __init__(self, follower: Follower, path: Path, pattern: Pattern) -> None:
        self._follower = follower
        self._pattern = pattern
        self._bell = Bell(path)
        self._taken: deque[CacheChange] = deque()
        self._closed = False

    def __iter__(self) -> Iterator[CacheChange]:
        return self

    def __next__(self) -> CacheChange:
        if not self._taken:
            self._taken.extend(self.take())
        if not self._taken:
            raise StopIteration
        return self._taken.popleft()

    def take(self) -> list[CacheChange]:
        """Wait for a change, then return all that there are, in order; the changes of one batch come in one list.

        An empty list says that the stream has ended.
        """
        while not self._closed:
            found = [CacheChange(raw) for raw in self._follower.changes() if not raw.key[0]]  # of the user's space
            found = [change for change in found if self._pattern.matches(change.key)]
            if found:
                return found
            self._bell.wait(None)
        self._bell.close()
        return []

    def close(self) -> None:
        """Watch no more: whoever iterates comes to the end."""
        self._closed = True
        self._bell.interrupt()

    def __enter__(self) -> CacheChanges:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class Listening:
    """The thread that calls listeners."""

    def __init__(self, name: str, changes: CacheChanges) -> None:
        self.listeners: tuple[tuple[Pattern, Callable[..., Any]], ...] = ()
        self._name = name
        self._changes = changes
        self._thread = threading.Thread(target=self._run, name=f"gossamer cache {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for change in self._changes:
            for pattern, fn in self.listeners:
                if pattern.matches(change.key):
                    try:
                        fn(change)
                    except Exception:
                        logger.exception("a listener of the cache %r failed; the others are called", self._name)

    def stop(self) -> None:
        """End, unless it is the thread itself that says so."""
        self._changes.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(1)
