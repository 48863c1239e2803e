"""Every write with its true causal past, and so what each node must show.

The oracle hears of each write when it is made, with the writes that its author saw under
the key at that moment.  It shares no code with `gossamer.crdt`: per key, sets of writes are
bits of an integer, and what must be left under a key follows from a vector alone: the
puts that it knows and that no write it knows has in its past.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping

from ..crdt.dots import Dot, Origin
from ..crdt.writes import Key, Write


class Wrong(AssertionError):
    """A promise of the product was broken."""


class KeyHistory:
    """All writes of one key, and for each origin what is known and dead up to each of its writes."""

    __slots__ = ("_dead", "_expiring", "_known", "_past", "_puts", "_sequences", "bit_of", "writes")

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.bit_of: dict[Dot, int] = {}
        self._past: list[int] = []
        self._puts = 0
        self._expiring = 0
        self._sequences: dict[Origin, list[int]] = {}
        self._known: dict[Origin, list[int]] = {}
        self._dead: dict[Origin, list[int]] = {}

    def record(self, write: Write, seen: tuple[Dot, ...]) -> None:
        """A write was made by one who saw these dots."""
        bit = len(self.writes)
        past = 0
        for dot in seen:
            below = self.bit_of[dot]
            past |= 1 << below | self._past[below]
            if write.value is not None and write.stamp <= self.writes[below].stamp < (1 << 62) - 1:
                raise Wrong(f"I4: {write} is not above {self.writes[below]}, which it replaces")
        self.writes.append(write)
        self.bit_of[write.dot] = bit
        self._past.append(past)
        if write.value is not None:
            self._puts |= 1 << bit
        if write.expires_ms:
            self._expiring |= 1 << bit
        origin = write.origin
        if origin not in self._sequences:
            self._sequences[origin], self._known[origin], self._dead[origin] = [], [0], [0]
        self._sequences[origin].append(write.sequence)
        self._known[origin].append(self._known[origin][-1] | 1 << bit)
        self._dead[origin].append(self._dead[origin][-1] | past)

    def left(self, heads: Mapping[Origin, int]) -> int:
        """Return the puts that one who knows `heads` must hold, expired ones included, as bits."""
        known = dead = 0
        for origin, sequences in self._sequences.items():
            at = bisect_right(sequences, heads.get(origin, 0))
            known |= self._known[origin][at]
            dead |= self._dead[origin][at]
        return known & self._puts & ~dead

    def unfold(self, bits: int) -> Iterator[Write]:
        """Yield a set of writes."""
        while bits:
            lowest = bits & -bits
            yield self.writes[lowest.bit_length() - 1]
            bits ^= lowest


class Oracle:
    """The histories of all keys, and the log of each origin."""

    def __init__(self) -> None:
        self.keys: dict[Key, KeyHistory] = {}
        self.expiring = False
        """Whether anything was written that expires."""
        self._log: dict[Origin, list[Key]] = {}
        self._inside: dict[Origin, set[int]] = {}

    def record(self, batch: list[tuple[Key, Write, tuple[Dot, ...]]], *, atomic: bool) -> None:
        """Writes were made in one step; if `atomic`, they must never be seen apart."""
        for key, write, seen in batch:
            log = self._log.setdefault(write.origin, [])
            if write.sequence != len(log) + 1:
                raise Wrong(f"I5: {write.dot} was made after {len(log)} writes of its origin")
            log.append(key)
            self.expiring = self.expiring or bool(write.expires_ms)
            self.keys.setdefault(key, KeyHistory()).record(write, seen)
        if atomic:
            for _, write, _ in batch[:-1]:
                self._inside.setdefault(write.origin, set()).add(write.sequence)

    def written(self, origin: Origin, after: int, until: int) -> list[Key]:
        """Return the keys of the writes of `origin` in (after, until]."""
        log = self._log.get(origin, [])
        if until > len(log):
            raise Wrong(f"a vector claims write {until} of {origin.hex()}, which was never made")
        if until in self._inside.get(origin, ()):
            raise Wrong(f"a batch is torn: {origin.hex()} is known up to {until}, inside it")
        return log[after:until]
