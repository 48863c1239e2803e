"""The clocks of this machine, in the units of the protocol; everything above them is given the time."""

from __future__ import annotations

import time

_error_ms = 0


def wall_ms() -> int:
    """Return the wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000 + _error_ms


def set_wrong(by_ms: int) -> None:
    """Let this process's wall clock be wrong by so much: for tests of what wrong clocks do to real peers."""
    global _error_ms
    _error_ms = by_ms
