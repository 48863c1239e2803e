"""Virtual time: a heap of what is to happen, and a clock that jumps from one to the next.

Law: what is due at one moment happens in the order in which it was asked for, so a run
is a function of its seed alone.  Nothing here waits; an hour in which nothing happens
costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Engine:
    """Calls functions at their times."""

    __slots__ = ("_heap", "_numbers", "events", "now")

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the simulation began."""
        self.events = 0
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
        while heap and heap[0][0] <= when:
            self.now, _, fn, arguments = heappop(heap)
            self.events += 1
            fn(*arguments)
        self.now = max(self.now, when)
