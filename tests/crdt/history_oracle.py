"""What causality alone says must be left, for every replica at every step.

The oracle hears of each write when it is made, with the writes that its author saw
under the key at that moment, and so knows its true causal past.  It shares no code
with `gossamer.crdt`: sets of writes are bits of an integer, and what a replica must
hold follows from its vector alone: the puts that it knows and that no write it knows
has in its past.  An expired put may be missing, but never come back as something seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from gossamer.crdt.dots import Dot, Origin
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Key, Write, each, winner

STAMP_CEILING = (1 << 62) - 1

Made = tuple[Key, Write, tuple[Dot, ...]]
"""A write as it was made: its key, itself, and the dots that its author saw there."""


class Wrong(AssertionError):
    """A promise of the product was broken."""


class Oracle:
    """Every write with its true causal past."""

    def __init__(self) -> None:
        self._made: list[tuple[Key, Write]] = []
        self._bit_of: dict[Dot, int] = {}
        self._past: list[int] = []
        self._needs: list[int] = []
        self._of_key: dict[Key, int] = {}
        self._ends = 0
        self._known: dict[Origin, list[int]] = {}
        self._dead: dict[Origin, list[int]] = {}
        self._puts = 0
        self._expiring = 0
        self._inside: dict[Origin, set[int]] = {}
        self._batch_of: dict[Dot, int] = {}
        self._batches = 0
        self._digest_of: dict[object, int] = {}
        self._named_by: dict[int, object] = {}

    # -- what was written -----------------------------------------------------------------------

    def record(self, batch: list[Made]) -> None:
        """Hear of writes that were made in one step and must never be seen apart."""
        self._batches += 1
        for key, write, seen in batch:
            self._record(key, write, seen)
            if len(batch) > 1:
                self._batch_of[write.dot] = self._batches
        for _, write, _ in batch[:-1]:
            self._inside.setdefault(write.origin, set()).add(write.sequence)

    def _record(self, key: Key, write: Write, seen: Iterable[Dot]) -> None:
        if write.dot in self._bit_of:
            raise Wrong(f"I5: {write.dot} was given to two writes")
        bit = len(self._made)
        past = 0
        for dot in seen:
            below = self._bit_of[dot]
            past |= 1 << below | self._past[below]
            if not (write.stamp > self._made[below][1].stamp or write.stamp == STAMP_CEILING):
                raise Wrong(f"I4: {write} is not above {self._made[below][1]}, which it replaces")
        self._made.append((key, write))
        self._bit_of[write.dot] = bit
        self._past.append(past)
        self._of_key[key] = self._of_key.get(key, 0) | 1 << bit
        if past & self._puts:
            self._ends |= 1 << bit
        if write.value is not None:
            self._puts |= 1 << bit
        if write.expires_ms:
            self._expiring |= 1 << bit
        known, dead = self._known.setdefault(write.origin, [0]), self._dead.setdefault(write.origin, [0])
        if write.sequence != len(known):
            raise Wrong(f"I3: {write.dot} does not follow {len(known) - 1}")
        before = self._bit_of.get(Dot(write.origin, write.sequence - 1))
        needs = 1 << bit | (0 if before is None else self._needs[before])
        for dot in seen:
            needs |= self._needs[self._bit_of[dot]]
        self._needs.append(needs)
        known.append(known[-1] | 1 << bit)
        dead.append(dead[-1] | past)

    # -- what must be left ----------------------------------------------------------------------

    def left(self, heads: Mapping[Origin, int]) -> int:
        """Return the puts that one who knows `heads` must see, expired ones included."""
        known = dead = 0
        for origin, sequence in heads.items():
            if sequence >= len(self._known.get(origin, ())):
                raise Wrong(f"a vector claims write {sequence} of {origin.hex()}, which was never made")
            if sequence in self._inside.get(origin, ()):
                raise Wrong(f"batch torn: {origin.hex()} is known up to {sequence}, inside a batch")
            known |= self._known[origin][sequence]
            dead |= self._dead[origin][sequence]
        return known & self._puts & ~dead

    def writes(self, bits: int) -> Iterator[tuple[Key, Write]]:
        """Unfold a set of writes."""
        while bits:
            lowest = bits & -bits
            yield self._made[lowest.bit_length() - 1]
            bits ^= lowest

    def visible(self, heads: Mapping[Origin, int], now_ms: int) -> dict[Key, Write]:
        """Return what one who knows `heads` must show at `now_ms`."""
        shown: dict[Key, Write] = {}
        for key, write in self.writes(self.left(heads)):
            if not write.expires_ms or write.expires_ms > now_ms:
                other = shown.get(key)
                if other is None or (write.stamp, write.origin) > (other.stamp, other.origin):
                    shown[key] = write
        return shown

    # -- what is ---------------------------------------------------------------------------------

    def check(self, state: LWWMap, now_ms: int) -> None:
        """Raise `Wrong` unless `state` holds and shows what causality leaves, no more and no less."""
        state.check()
        left, held = self.left(state.known.heads), self._held(state)
        for key, write in self.writes(held & ~left):
            kind = "hidden ghost" if write.expires_ms and write.expires_ms <= now_ms else "resurrected"
            raise Wrong(f"{kind}: {write} of {key!r}")
        for key, write in self.writes(left & ~held):
            if not write.expires_ms or write.expires_ms > now_ms:
                raise Wrong(f"lost: {write} of {key!r}")
        shown = {key: won for key in state.live if (won := winner(state.live[key], now_ms)) is not None}
        wanted = self.visible(state.known.heads, now_ms)
        if shown != wanted:
            raise Wrong(f"shows {shown}, must show {wanted}")
        self._check_batches(state)
        self._check_answers(state, held)

    def _check_answers(self, state: LWWMap, held: int) -> None:
        """Whatever ended another write, and is not live, must show in the deltas of all who know it.

        Somebody may know the write that was ended, and not its end.  He is told of a
        key if one of its live writes or kept deletes is unknown to him, and gets a
        roster if a forgotten delete is.  Of these there must be one that nobody knows
        without knowing the end as well.
        """
        ended = self._known_bits(state.known.heads) & self._ends & ~held
        for origin, sequence in state.forgotten.items():
            ended &= ~self._needs[self._bit_of[Dot(origin, sequence)]]
        if not ended:
            return
        for key, of_key in self._of_key.items():
            silent = ended & of_key
            if silent:
                for dot in (*(w.dot for w in each(state.live.get(key))), *state.deletes.get(key, ())):
                    silent &= ~self._needs[self._bit_of[Dot(*dot)]]
            for _, write in self.writes(silent):
                raise Wrong(f"unheard: no delta would tell that {write} of {key!r} replaced something")

    def _known_bits(self, heads: Mapping[Origin, int]) -> int:
        known = 0
        for origin, sequence in heads.items():
            known |= self._known[origin][sequence]
        return known

    def _held(self, state: LWWMap) -> int:
        held = 0
        for key, siblings in state.live.items():
            for write in each(siblings):
                bit = self._bit_of.get(write.dot)
                if bit is None or self._made[bit] != (key, write):
                    raise Wrong(f"I5: {write} of {key!r} is not what was written")
                held |= 1 << bit
        return held

    def _check_batches(self, state: LWWMap) -> None:
        """Of two batches that were made apart, the same one wins on every key that both wrote."""
        won: dict[tuple[int, int], int] = {}
        for siblings in state.live.values():
            if type(siblings) is not tuple:
                continue
            batches = [self._batch_of[w.dot] for w in siblings if w.dot in self._batch_of]  # the winner first
            for one, other in combinations(batches, 2):
                pair = min(one, other), max(one, other)
                if won.setdefault(pair, one) != one:
                    raise Wrong("two batches, two winners")

    def check_state_digest(self, state: LWWMap) -> None:
        """Raise `Wrong` unless, in this whole history, equal digests and equal states meant each other."""
        lasting = self.left(state.known.heads) & ~self._expiring
        self._check_digest(("state", lasting), state.digest.value())

    def check_vector_digest(self, known: VectorClock) -> None:
        """Raise `Wrong` unless, in this whole history, equal digests and equal vectors meant each other."""
        self._check_digest(("vector", frozenset(known.heads.items())), known.digest())

    def _check_digest(self, named: object, digest: bytes) -> None:
        if named in (("state", 0), ("vector", frozenset())):
            if any(digest):
                raise Wrong("nothing has a digest that is not 0")
        elif self._digest_of.setdefault(named, digest) != digest:
            raise Wrong("equal states, different digests")
        elif self._named_by.setdefault(digest, named) != named:
            raise Wrong("different states, equal digests")
