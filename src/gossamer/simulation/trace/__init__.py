"""What is kept of a run for those who look at it later, in bounded memory.

`Trace` hears of the run; `staleness`, `conflicts` and `reachability` make of it what a
report tells, and `thinning` keeps it short.
"""

from __future__ import annotations

from .trace import Trace

__all__ = ["Trace"]
