"""An event as a program sees it, and as it waits for one who listens."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..protocol.emissions import RawEvent

WAITING_EVENTS_MAX = 4096
WAITING_BYTES_MAX = 64 << 20
TAKEN_EVENTS_MAX = 16
TAKEN_BYTES_MAX = 64 << 10
"""What a reader takes at once: it need not ask for the lock for each event, and what waits stays bounded."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a program emitted."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    sender: Any
    """Who is said to have sent it: what `emit` was given as `sender`, else the name of the peer."""
    peer: Any
    """The `Peer` that emitted it."""
    number: int
    """The peer's own count of its events, from 1."""
    missed: int
    """How many events of this peer were lost just before this one, on the way or because we were too slow."""
    local: bool
    """Whether this program emitted it."""
    replayed: bool
    """Whether it was emitted before we listened, and asked for."""


def is_meant(wanted: Any, sender: Any) -> bool:
    """Return whether `sender` is the one that is `wanted`: None for any, an equal one, or a shell pattern."""
    if wanted is None or wanted == sender:
        return True
    return type(wanted) is str and type(sender) is str and fnmatchcase(sender, wanted)


class EventFeed:
    """A bounded queue of events for one reader; the oldest are dropped, and the next one says so.

    Filled under the lock; its reader takes some at once, under it.
    """

    __slots__ = ("_bytes", "_dropped", "_lock", "_queue", "_taken", "missed", "wake", "wanted")

    def __init__(
        self,
        lock: Callable[[], AbstractContextManager[object]],
        wake: Callable[[], None],
        wanted: Callable[[str], object],
    ) -> None:
        self._lock = lock
        self._queue: deque[RawEvent] = deque()
        self._bytes = 0
        self._dropped: Counter[bytes] = Counter()
        self._taken: deque[RawEvent] = deque()
        """Touched by the reader alone."""
        self.missed = 0
        """Events that were dropped here because their reader was too slow."""
        self.wake, self.wanted = wake, wanted

    def put(self, events: Sequence[RawEvent]) -> bool:
        """Queue those of these that are wanted, and return whether any was.  Call it under the lock."""
        wanted, found = self.wanted, False
        for raw in events:
            if wanted(raw.name):
                self.queue(raw)
                found = True
        return found

    def queue(self, raw: RawEvent) -> None:
        """Queue one.  Call it under the lock."""
        self._queue.append(raw)
        self._bytes += len(raw.payload)
        while len(self._queue) > WAITING_EVENTS_MAX or (self._bytes > WAITING_BYTES_MAX and len(self._queue) > 1):
            oldest = self._queue.popleft()
            self._bytes -= len(oldest.payload)
            self._dropped[oldest.boot] += 1 + oldest.missed
            self.missed += 1

    def take(self) -> RawEvent | None:
        """Return the next event, None if there is none."""
        while True:
            try:
                return self._taken.popleft()
            except IndexError:
                if not self._queue:
                    return None
            with self._lock():
                self._take_some()

    def _take_some(self) -> None:
        queue, taken, size_bytes = self._queue, self._taken, 0
        while queue and len(taken) < TAKEN_EVENTS_MAX and size_bytes < TAKEN_BYTES_MAX:
            raw = queue.popleft()
            size_bytes += len(raw.payload)
            dropped = self._dropped.pop(raw.boot, 0) if self._dropped else 0
            taken.append(raw._replace(missed=raw.missed + dropped) if dropped else raw)
        self._bytes -= size_bytes

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._taken.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._taken)
