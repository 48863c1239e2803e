"""What an attached process is told of changes, and the thread that tells its listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
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


class Listening:
    """The thread that calls listeners."""

    def __init__(self, name: str, follower: Follower, path: Path) -> None:
        self.listeners: tuple[tuple[Pattern, Callable[..., Any]], ...] = ()
        self._name = name
        self._follower = follower
        self._bell = Bell(path)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"gossamer cache {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._bell:
            while not self._stopping:
                for raw in self._follower.changes():
                    if not raw.key[0]:  # of the user's space
                        self._tell(CacheChange(raw))
                self._bell.wait(None)

    def _tell(self, change: CacheChange) -> None:
        for pattern, fn in self.listeners:
            if pattern.matches(change.key):
                try:
                    fn(change)
                except Exception:
                    logger.exception("a listener of the cache %r failed; the others are called", self._name)

    def stop(self) -> None:
        """End, unless it is the thread itself that says so."""
        self._stopping = True
        self._bell.interrupt()
        if threading.current_thread() is not self._thread:
            self._thread.join(1)
