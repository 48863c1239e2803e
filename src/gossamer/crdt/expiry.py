"""When writes with a time to live cease to be seen, and when they may be dropped.

A write with `expires` counts as absent from that millisecond on, by each replica's
own clock.  It is dropped only after a grace, the maximum by which clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from .writes import Key, Write

CROWDED_MIN = 64


class Expiry:
    """Two heaps: what is still to lapse, and what has lapsed and is still to be dropped.

    `holds(key, expiry in ms)` tells whether such a write is still live: notes of others
    are dropped when their time comes, or when there are too many of them.
    """

    __slots__ = ("_crowded_at", "_graves", "_holds", "_number", "_pending", "hidden")

    def __init__(self, holds: Callable[[Key, int], bool]) -> None:
        self._holds = holds
        self._number = 0  # ties are broken by arrival: keys need not be comparable
        self._pending: list[tuple[int, int, Key]] = []
        self._graves: list[tuple[int, int, Key]] = []
        self._crowded_at = CROWDED_MIN
        self.hidden: set[Key] = set()
        """Keys that are held but show nothing, because all their writes have lapsed."""

    def __len__(self) -> int:
        return len(self._pending) + len(self._graves)

    def add(self, key: Key, write: Write) -> None:
        """Note that `write` of `key`, which is live now, will lapse.  Amortised O(log n)."""
        self._number += 1
        heappush(self._pending, (write.expires_ms, self._number, key))
        if len(self) > self._crowded_at:
            self._compact()

    def _compact(self) -> None:
        """Drop the notes of writes that are gone, and those that stand twice.

        A key written often with a long time to live would otherwise leave a note for
        each write until the last of them has lapsed.
        """
        for heap in (self._pending, self._graves):
            unique = {(key, at_ms): (at_ms, number, key) for at_ms, number, key in heap if self._holds(key, at_ms)}
            heap[:] = unique.values()
            heapify(heap)
        self._crowded_at = max(CROWDED_MIN, 2 * len(self))

    def next_ms(self) -> int | None:
        """Return when the next write lapses, in milliseconds since 1970; None if none does."""
        return self._pending[0][0] if self._pending else None

    def lapsed(self, now_ms: int) -> list[tuple[Key, int]]:
        """Return, once, each (key, expiry in ms) of a live write that has lapsed by `now_ms`.  O(k log n)."""
        due: dict[tuple[Key, int], None] = {}
        while self._pending and self._pending[0][0] <= now_ms:
            item = heappop(self._pending)
            at_ms, _, key = item
            if (key, at_ms) not in due and self._holds(key, at_ms):
                heappush(self._graves, item)
                due[key, at_ms] = None
        return list(due)

    def overdue(self, before_ms: int) -> list[Key]:
        """Return, once, the keys of which a write lapsed at or before `before_ms`.

        Ask for what has `lapsed` first: what had not been named there is not named later.
        """
        self.lapsed(before_ms)
        due: dict[Key, None] = {}
        while self._graves and self._graves[0][0] <= before_ms:
            due[heappop(self._graves)[2]] = None
        return list(due)
