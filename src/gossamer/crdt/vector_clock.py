"""Which writes are known: for each origin, the highest sequence; there are never gaps below it.

Strictly a version vector.  Beside each head stands a 4-byte tag, the chained hash of
the origin's closed batches up to there: two histories under one origin (a cloned
machine) show as two tags.  The digest is an order-free 128-bit sum of a hash of each
pair, so that two vectors are compared by 16 bytes however many origins they name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from .dots import Dot, Origin

DIGEST_BYTES = 16
DIGEST_MASK = (1 << 8 * DIGEST_BYTES) - 1
NO_TAG = b"\0\0\0\0"


class VectorClock:
    """Origin -> highest known sequence, with the tag of each head."""

    __slots__ = ("_changed", "_digest", "_digested", "_sum", "heads", "tags")

    def __init__(self, heads: Mapping[Origin, int] | None = None, tags: Mapping[Origin, bytes] | None = None) -> None:
        self.heads: dict[Origin, int] = dict(heads or {})
        self.tags: dict[Origin, bytes] = dict(tags or {})
        self._sum = 0
        self._digest = bytes(DIGEST_BYTES)
        self._digested: dict[Origin, int] = {}
        self._changed = set(self.heads)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VectorClock) and self.heads == other.heads

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.heads)

    def __repr__(self) -> str:
        heads = ", ".join(f"{origin.hex()[-6:]}:{sequence}" for origin, sequence in sorted(self.heads.items()))
        return f"VectorClock({heads})"

    def sequence(self, origin: Origin) -> int:
        """Return the highest known sequence of `origin`, 0 if it is unknown."""
        return self.heads.get(origin, 0)

    def knows(self, dot: Dot) -> bool:
        """Return whether the write that `dot` names is known."""
        return self.heads.get(dot[0], 0) >= dot[1]

    def knows_all(self, dots: Iterable[Dot]) -> bool:
        """Return whether each of `dots` is known."""
        heads = self.heads
        return all(heads.get(origin, 0) >= sequence for origin, sequence in dots)

    def covers(self, other: VectorClock) -> bool:
        """Return whether everything that `other` knows is known here.  O(origins of `other`)."""
        heads = self.heads
        return all(heads.get(origin, 0) >= sequence for origin, sequence in other.heads.items())

    def advance(self, origin: Origin, sequence: int, tag: bytes | None = None) -> None:
        """Raise `origin` to `sequence`, whose batch chain hashes to `tag` (None: not known yet)."""
        self._changed.add(origin)
        self.heads[origin] = sequence
        if tag is not None:
            self.tags[origin] = tag

    def mark(self, origin: Origin, tag: bytes) -> None:
        """Note the tag of the head of `origin`, which stays where it is."""
        self._changed.add(origin)
        self.tags[origin] = tag

    def join(self, other: VectorClock) -> None:
        """Take the pointwise maximum.  Of two tags for one head the greater stays, the same everywhere."""
        for origin, sequence in other.heads.items():
            have = self.heads.get(origin, 0)
            tag = other.tags.get(origin, NO_TAG)
            if sequence > have or (sequence == have and tag > self.tags.get(origin, NO_TAG)):
                self.advance(origin, sequence, tag)

    def copy(self) -> VectorClock:
        """Return an independent copy.  O(origins)."""
        return VectorClock(self.heads, self.tags)

    def digest(self) -> bytes:
        """Return the order-free 128-bit sum of the pairs' hashes.  O(origins that moved since the last call)."""
        if self._changed:
            for origin in self._changed:
                pair = _pair_hash(origin, self.heads[origin], self.tags.get(origin, NO_TAG))
                self._sum += pair - self._digested.get(origin, 0)
                self._digested[origin] = pair
            self._changed.clear()
            self._sum &= DIGEST_MASK
            self._digest = self._sum.to_bytes(DIGEST_BYTES, "big")
        return self._digest


def _pair_hash(origin: Origin, sequence: int, tag: bytes) -> int:
    packed = origin + sequence.to_bytes(8, "big") + tag
    return int.from_bytes(blake2b(packed, digest_size=16, person=b"gossamer vector").digest(), "big")
