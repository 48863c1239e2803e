"""The clocks of this machine, in the units of the protocol; everything above them is given the time."""

from __future__ import annotations

import time
from collections.abc import Callable

time_ns: Callable[[], int] = time.time_ns
"""Where the wall time comes from.  Actors of the rig put a clock here that is wrong on purpose."""


def wall_ms() -> int:
    """Return the wall clock, in milliseconds since 1970."""
    return time_ns() // 1_000_000
