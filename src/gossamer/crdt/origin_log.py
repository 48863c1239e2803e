"""The writes of one origin that are held here, in sequence order: what makes a delta cost what differs.

Sequences only rise, because an origin's writes are applied in order; so an append
keeps the order and "newer than n" is a bisection.  Items whose write is no longer
live, nor a kept delete, are stale: counted when they become so, dropped when half are.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import compress

from .writes import Key

STALE_MIN = 64
"""A log is compacted when more than these, and more than half of its items, are stale."""


class OriginLog:
    """Parallel lists of sequences and keys."""

    __slots__ = ("keys", "sequences", "stale")

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.keys: list[Key] = []
        self.stale = 0

    def __len__(self) -> int:
        return len(self.sequences)

    def append(self, sequence: int, key: Key) -> None:
        """Add the newest write of this origin.  O(1)."""
        self.sequences.append(sequence)
        self.keys.append(key)

    def newer(self, sequence: int) -> list[Key]:
        """Return the keys of the writes after `sequence`, stale ones included.  O(log n + their number)."""
        return self.keys[bisect_right(self.sequences, sequence) :]

    def keep(self, held: list[bool]) -> None:
        """Drop the items for which `held` is false.  O(n), amortised O(1) a write."""
        self.sequences = list(compress(self.sequences, held))
        self.keys = list(compress(self.keys, held))
        self.stale = 0
