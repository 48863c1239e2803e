"""When writes with a time to live cease to be seen, and when they may be dropped.

A write with `expires` counts as absent from that millisecond on, by each replica's
own clock.  It is dropped only after a grace, the maximum by which clocks differ.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from .writes import Key, Write


class Expiry:
    """Two heaps: what is still to lapse, and what has lapsed and is still to be dropped."""

    __slots__ = ("_graves", "_numbers", "_pending", "hidden")

    def __init__(self) -> None:
        self._numbers = count()  # ties are broken by arrival: keys need not be comparable
        self._pending: list[tuple[int, int, Key]] = []
        self._graves: list[tuple[int, int, Key]] = []
        self.hidden: set[Key] = set()
        """Keys that are held but show nothing, because all their writes have lapsed."""

    def __bool__(self) -> bool:
        return bool(self._pending or self._graves)

    def add(self, key: Key, write: Write) -> None:
        """Note that `write` of `key` will lapse.  O(log n)."""
        heappush(self._pending, (write.expires_ms, next(self._numbers), key))

    def next_ms(self) -> int | None:
        """Return when the next write lapses, in milliseconds since 1970; None if none does."""
        return self._pending[0][0] if self._pending else None

    def lapsed(self, now_ms: int) -> list[tuple[Key, int]]:
        """Return, once, each (key, expiry in ms) that has lapsed by `now_ms`.  O(their number log n)."""
        due = []
        while self._pending and self._pending[0][0] <= now_ms:
            item = heappop(self._pending)
            heappush(self._graves, item)
            due.append((item[2], item[0]))
        return due

    def overdue(self, before_ms: int) -> list[Key]:
        """Return, once, the keys of which a write lapsed at or before `before_ms`."""
        self.lapsed(before_ms)
        due: dict[Key, None] = {}
        while self._graves and self._graves[0][0] <= before_ms:
            due[heappop(self._graves)[2]] = None
        return list(due)
