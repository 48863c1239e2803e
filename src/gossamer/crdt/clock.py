"""Hybrid logical time: wall milliseconds and a counter in one integer below 2**62.

Law: a tick is greater than every earlier tick and every stamp observed, and stays
within reach of the wall clock.  A stamp too far ahead of our wall clock is not
observed: the write that carries it is applied all the same, and whoever overwrites
its key goes one above it on that key only, so one wrong clock spoils no other.
See Kulkarni et al., *Logical Physical Clocks* (2014).
"""

from __future__ import annotations

COUNTER_BITS = 16
STAMP_MAX = (1 << 62) - 1


def stamp_ms(stamp: int) -> int:
    """Return the milliseconds since 1970 in a stamp."""
    return stamp >> COUNTER_BITS


class HybridClock:
    """The clock of one replica."""

    __slots__ = ("drag_ms", "latest")

    def __init__(self, drag_ms: int = 2000) -> None:
        self.latest = 0
        self.drag_ms = drag_ms

    def tick(self, wall_ms: int) -> int:
        """Return the stamp of a new write made at `wall_ms`.  O(1)."""
        latest = wall_ms << COUNTER_BITS
        if latest <= self.latest:
            latest = self.latest + 1
        if latest > STAMP_MAX:
            latest = STAMP_MAX
        self.latest = latest
        return latest

    def observe(self, stamp: int, wall_ms: int) -> None:
        """Let later ticks exceed `stamp`, unless it is more than `drag_ms` ahead of `wall_ms`."""
        if self.latest < stamp <= ((wall_ms + self.drag_ms) << COUNTER_BITS):
            self.latest = stamp
