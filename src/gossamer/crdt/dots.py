"""Who writes, and the name of one write.

An *origin* is minted per process run at its first write and never used again, so a
*dot* (origin, sequence) names one write for ever (invariant I5 of `lww_map`).  The
first four bytes of an origin are its creation second: origins sort by age.
"""

from __future__ import annotations

from typing import NamedTuple

Origin = bytes

ORIGIN_BYTES = 12
SEQUENCE_MAX = 1 << 53
"""Sequences above this are refused: every language's numbers still hold it exactly."""


class Dot(NamedTuple):
    """One write: the `sequence`-th of `origin`, counted from 1 without gaps."""

    origin: Origin
    sequence: int


def mint_origin(wall_s: int, entropy: bytes) -> Origin:
    """Return a new origin made at `wall_s` (seconds since 1970) from 8 random bytes."""
    return max(0, min(wall_s, 0xFFFFFFFF)).to_bytes(4, "big") + entropy[:8].ljust(8, b"\0")
