"""The clocks of this machine, in the units of the protocol; everything above them is given the time."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Return the wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
