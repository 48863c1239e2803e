"""Virtual time: a heap of what is to happen, and a clock that jumps from one to the next.

Law: what is due at one moment happens in the order in which it was asked for, so a run
is a function of its seed alone.  Nothing here waits; an hour in which nothing happens
costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Engine:
    """Calls functions at their times."""

    __slots__ = ("_heap", "_numbers", "events", "is_running", "now")

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the simulation began."""
        self.events = 0
        self.is_running = False
        """Whether something happens just now: who is called by it cannot let time pass."""
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = count()

    def at(self, when: float, fn: Callable[..., object], *arguments: Any) -> None:
        """Call `fn(*arguments)` at `when`, or now if that is past.  O(log n)."""
        heappush(self._heap, (when if when > self.now else self.now, next(self._numbers), fn, arguments))

    def after(self, delay_s: float, fn: Callable[..., object], *arguments: Any) -> None:
        """Call `fn(*arguments)` `delay_s` from now."""
        self.at(self.now + delay_s, fn, *arguments)

    def run_until(self, when: float) -> None:
        """Let everything happen that is due at or before `when`; then it is `when`."""
        heap = self._heap
        self.is_running = True
        try:
            while heap and heap[0][0] <= when:
                self.now, _, fn, arguments = heappop(heap)
                self.events += 1
                fn(*arguments)
        finally:
            self.is_running = False
        self.now = max(self.now, when)

    def run_next(self, until: float) -> bool:
        """Let what is due next happen, and what is due at the same moment, if that is not after `until`.

        Return False, and then it is `until`, if there is none.
        """
        due = self._heap[0][0] if self._heap else math.inf
        self.run_until(min(due, until))
        return due <= until
