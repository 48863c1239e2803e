"""Batches that came before what they follow or replace: held, bounded, tried again after each step.

Nothing is ever applied out of an origin's order, so what survives of a peer that died
is a prefix of its writes.  The farthest ahead is evicted first: that costs only a delta.
"""

from __future__ import annotations

from .dots import Origin
from .lww_map import LWWMap
from .writes import Batch, Replaced


class Waiting:
    """Held batches of every origin, at most `bytes_max` in all."""

    __slots__ = ("_batches", "_bytes_max", "size_bytes")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._batches: dict[Origin, dict[int, tuple[Batch, int]]] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._batches.values()))

    def add(self, batch: Batch, size_bytes: int) -> None:
        """Hold `batch`, whose message took `size_bytes`; if that alone is too much, a delta must bring it."""
        if size_bytes > self._bytes_max:
            return
        held = self._batches.setdefault(batch.origin, {})
        if batch.until in held:
            return
        held[batch.until] = batch, size_bytes
        self.size_bytes += size_bytes
        while self.size_bytes > self._bytes_max:
            self._evict()

    def _evict(self) -> None:
        longest = max(self._batches, key=lambda origin: (len(self._batches[origin]), origin))
        self._remove(longest, max(self._batches[longest]))

    def _remove(self, origin: Origin, until: int) -> None:
        held = self._batches[origin]
        self.size_bytes -= held.pop(until)[1]
        if not held:
            del self._batches[origin]

    def release(self, state: LWWMap) -> list[Replaced]:
        """Apply every held batch that `state` is ready for, drop the old ones, and return what was replaced."""
        replaced: list[Replaced] = []
        moved = bool(self._batches)
        while moved:
            moved = False
            for origin in list(self._batches):
                while origin in self._batches:
                    until = min(self._batches[origin])
                    batch = self._batches[origin][until][0]
                    if state.known.sequence(origin) < until:
                        if not state.ready(batch):
                            break
                        replaced += state.apply(batch)
                        moved = True
                    self._remove(origin, until)
        return replaced

    def gaps(self, origin: Origin) -> list[tuple[int, int]]:
        """Return the (after, until] of `origin` that the held batches show to be missing, given nothing known."""
        ranges, at = [], 0
        for until, (batch, _) in sorted(self._batches.get(origin, {}).items()):
            if batch.after > at:
                ranges.append((at, batch.after))
            at = max(at, until)
        return ranges

    def origins(self) -> list[Origin]:
        """Return the origins of which batches are held."""
        return list(self._batches)
