"""The clocks of this machine, in the units of the protocol; everything above them is given the time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


def wall_ms() -> int:
    """Return the wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def boot_s() -> float:
    """Return seconds since any moment that pass while the machine sleeps, too, where it tells them."""
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"  # there, time.monotonic is another
    clock = getattr(time, name, None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks that a peer reads: those of this machine, or for tests others."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds since any moment.  Never goes back, and passes as the loop's own time does."""
    wall_ms: Callable[[], int] = wall_ms
    """Milliseconds since 1970, as far as this machine knows."""
    slept: Callable[[], float] = lambda: 0.0
    """Seconds for which the machine has slept, since any moment: `monotonic` may not count them."""


def slept_s() -> float:
    """Return for how many seconds this machine has slept since it was started."""
    return boot_s() - time.monotonic()
