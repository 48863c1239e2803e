"""When writes with a time to live cease to be seen, and when they may be dropped.

A write with `expires` counts as absent from that millisecond on, by each replica's
own clock.  It is dropped only after a grace, the maximum by which clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

from .writes import Key, Write

CROWDED_MIN = 64


class Expiry:
    """Two heaps: what is still to lapse, and what has lapsed and is still to be dropped."""

    __slots__ = ("_crowded_at", "_graves", "_numbers", "_pending", "hidden")

    def __init__(self) -> None:
        self._numbers = count()  # ties are broken by arrival: keys need not be comparable
        self._pending: list[tuple[int, int, Key]] = []
        self._graves: list[tuple[int, int, Key]] = []
        self._crowded_at = CROWDED_MIN
        self.hidden: set[Key] = set()
        """Keys that are held but show nothing, because all their writes have lapsed."""

    def __len__(self) -> int:
        return len(self._pending) + len(self._graves)

    def add(self, key: Key, write: Write) -> None:
        """Note that `write` of `key` will lapse.  O(log n)."""
        heappush(self._pending, (write.expires_ms, next(self._numbers), key))

    def crowded(self) -> bool:
        """Return whether so much was added since the last `compact` that another pays for itself."""
        return len(self) > self._crowded_at

    def compact(self, holds: Callable[[Key, int], bool]) -> None:
        """Drop the notes for which `holds(key, expiry in ms)` is false, or that stand twice.

        O(n log n), amortised O(log n) a note: a key written often with a long time to
        live would otherwise leave a note for each write until the last has lapsed.
        """
        for heap in (self._pending, self._graves):
            unique = {(key, at_ms): (at_ms, number, key) for at_ms, number, key in heap if holds(key, at_ms)}
            heap[:] = unique.values()
            heapify(heap)
        self._crowded_at = max(CROWDED_MIN, 2 * len(self))

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
