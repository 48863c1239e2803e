"""An event as a program sees it, and as it waits for one who listens."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from ..errors import Malformed, UnsendableValue
from ..protocol.emissions import RawEvent
from ..wire.values import decode_value, encode_value

WAITING_EVENTS_MAX = 4096
WAITING_BYTES_MAX = 64 << 20
_FLAT = frozenset({bool, int, float, str, bytes, type(None)})
_ARRAY_HEADS = tuple(bytes((0x80 | length,)) for length in range(24))


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


def encode_event_payload(sender: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return what travels of an event beside its name.  Raises `UnsendableValue`, naming the argument."""
    if not kwargs and type(sender) in _FLAT and len(args) < 24 and all(type(arg) in _FLAT for arg in args):
        try:  # as most are: the same bytes in a third of the time
            return (
                b"\x83" + encode_value(sender) + _ARRAY_HEADS[len(args)] + b"".join(map(encode_value, args)) + b"\xa0"
            )
        except UnsendableValue:  # which argument it was, the long way tells
            pass
    return encode_value([sender, list(args), kwargs])


def decode_event_payload(payload: bytes) -> tuple[Any, tuple[Any, ...], Mapping[str, Any]]:
    """Return sender, arguments and keyword arguments; raise Malformed if it holds something else."""
    content = decode_value(payload)
    if not isinstance(content, list) or len(content) < 3 or not isinstance(content[1], list):
        raise Malformed("an event without sender and arguments")
    if not isinstance(content[2], dict) or not all(type(name) is str for name in content[2]):
        raise Malformed("an event whose keyword arguments are none")
    return content[0], tuple(content[1]), content[2]


def is_meant(wanted: Any, sender: Any) -> bool:
    """Return whether `sender` is the one that is `wanted`: None for any, an equal one, or a shell pattern."""
    if wanted is None or wanted == sender:
        return True
    return type(wanted) is str and type(sender) is str and fnmatchcase(sender, wanted)


class EventFeed:
    """A bounded queue of events for one reader; the oldest are dropped, and the next one says so.

    Filled under the lock, emptied under it.
    """

    __slots__ = ("_bytes", "_dropped", "_lock", "_queue", "missed", "wake", "wanted")

    def __init__(
        self,
        lock: Callable[[], AbstractContextManager[object]],
        wake: Callable[[], None],
        wanted: Callable[[str], bool],
    ) -> None:
        self._lock = lock
        self._queue: deque[RawEvent] = deque()
        self._bytes = 0
        self._dropped: Counter[bytes] = Counter()
        self.missed = 0
        """Events that were dropped here because their reader was too slow."""
        self.wake, self.wanted = wake, wanted

    def put(self, raw: RawEvent) -> None:
        """Queue an event.  Call it under the lock."""
        self._queue.append(raw)
        self._bytes += len(raw.payload)
        while len(self._queue) > WAITING_EVENTS_MAX or (self._bytes > WAITING_BYTES_MAX and len(self._queue) > 1):
            oldest = self._queue.popleft()
            self._bytes -= len(oldest.payload)
            self._dropped[oldest.boot] += 1 + oldest.missed
            self.missed += 1

    def take(self) -> RawEvent | None:
        """Return the next event, None if there is none."""
        if not self._queue:
            return None
        with self._lock():
            if not self._queue:
                return None
            raw = self._queue.popleft()
            self._bytes -= len(raw.payload)
            dropped = self._dropped.pop(raw.boot, 0) if self._dropped else 0
        return replace(raw, missed=raw.missed + dropped) if dropped else raw

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)
