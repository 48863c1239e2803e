"""Links, and the two-way exchange on them that repairs everything.

An exchange is two halves of one shape: I send `Known`, you answer with a delta for it.
Whoever is sent a `Known` out of the blue sends its own as well, so both catch up.  A
delta is staged until its end has arrived; a cut exchange changes nothing.  A vector of
many pairs travels as what changed since one that both ends remember by its digest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..crdt.dots import Dot, Origin
from ..crdt.vector_clock import NO_TAG, VectorClock
from ..crdt.writes import Delta, Held, Key, Write, each, tops
from ..errors import Malformed
from ..wire.codec import encode_message, encode_part
from ..wire.messages import DeltaEnd, DeltaPart, Known, RosterPart
from .effects import Address, LinkId

PART_KEYS_MAX = 2000
PART_BYTES_MAX = 192 << 10
ROSTER_SEQUENCES_MAX = 30_000
WHOLE_PAIRS_MAX = 1000
"""Vectors of more pairs than this travel as what changed since a base."""


@dataclass(slots=True)
class Asked:
    """Our `Known` on a link, and the answer as far as it has come."""

    number: int
    since: VectorClock
    siblings: dict[Key, Held] = field(default_factory=dict)
    deletes: dict[Key, tuple[Dot, ...]] = field(default_factory=dict)
    roster: dict[Origin, set[int]] = field(default_factory=dict)
    tops: dict[Origin, int] = field(default_factory=dict)
    parts: int = 0
    size_bytes: int = 0
    heard_at: float = 0.0
    """When the last piece of the answer came."""

    def part(self, part: DeltaPart | RosterPart, size_bytes: int, bytes_max: int) -> None:
        """Stage one part.  Raise Malformed when the delta exceeds `bytes_max`."""
        self.parts += 1
        self.size_bytes += size_bytes
        if self.size_bytes > bytes_max:
            raise Malformed(f"a delta of more than {bytes_max} bytes")
        if isinstance(part, RosterPart):
            self.roster.setdefault(part.origin, set()).update(part.sequences)
        else:
            for origin, sequence in tops(part.siblings.values()).items():
                self.tops[origin] = max(sequence, self.tops.get(origin, 0))
            self.siblings.update(part.siblings)
            self.deletes.update(part.deletes)

    def delta(self, end: DeltaEnd, theirs: VectorClock) -> Delta:
        """Return the whole delta; `theirs` is the vector that `end` builds on."""
        if end.parts != self.parts:
            raise Malformed(f"a delta of {self.parts} parts that claims {end.parts}")
        known = theirs.copy()
        known.join(end.advanced)
        if any(known.sequence(origin) < sequence for origin, sequence in self.tops.items()):
            raise Malformed("a delta with writes that its sender does not know")
        if not all(map(known.knows_all, self.deletes.values())):
            raise Malformed("a delta with deletes that its sender does not know")
        roster = self.roster if end.roster else None
        return Delta(self.since, known, self.siblings, self.deletes, roster, end.forgotten)


@dataclass(frozen=True, slots=True)
class Told:
    """A vector that one end of a link told the other, by the number of the question it came with."""

    number: int
    vector: VectorClock


NOTHING_TOLD = Told(0, VectorClock())


@dataclass(slots=True, eq=False)
class Link:
    """One stream to a peer, as the protocol sees it."""

    number: LinkId
    peer: bytes
    address: Address
    outgoing: bool
    boot: bytes | None = None
    control: deque[bytes] = field(default_factory=deque)
    asked: Asked | None = None
    answer: Answer | None = None
    sent: Told = field(default_factory=lambda: NOTHING_TOLD)
    """The vector of our last `Known`: our deltas end with what changed since."""
    heard: Told = field(default_factory=lambda: NOTHING_TOLD)
    """The vector of theirs."""
    cursor: int | None = None
    """The sequence of ours up to which batches were pushed here; None when none are."""
    events: int | None = None
    """The number of our event up to which events were pushed here; None when none are."""
    told_of_others: bool = False
    """Whether who is at the other end was told where all others are: multicast will not tell it."""

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        return self.asked is not None or self.answer is not None


class Answer:
    """The messages of a delta, each encoded when the stream asks for it."""

    __slots__ = ("_messages", "ended")

    def __init__(self, delta: Delta, number: int, told: Told) -> None:
        self._messages = self._encoded(delta, number, told)
        self.ended = False
        """Whether the last message was given: then the next question may come at any moment."""

    def next_message(self) -> bytes:
        """Return the next message."""
        return next(self._messages)

    def _encoded(self, delta: Delta, number: int, told: Told) -> Iterator[bytes]:
        parts = 0
        for siblings in _slices(delta.siblings):
            deletes = {key: delta.deletes[key] for key in siblings if key in delta.deletes} if delta.deletes else {}
            yield encode_part(number, siblings, deletes)
            parts += 1
        for origin, sequences in (delta.roster or {}).items():
            ordered = sorted(sequences)
            for at in range(0, len(ordered), ROSTER_SEQUENCES_MAX):
                yield encode_message(RosterPart(number, origin, ordered[at : at + ROSTER_SEQUENCES_MAX]))
                parts += 1
        advanced = changed_since(delta.known, told.vector)
        self.ended = True
        yield encode_message(DeltaEnd(number, parts, told.number, advanced, delta.roster is not None, delta.forgotten))


def _slices(siblings: dict[Key, Held]) -> Iterator[dict[Key, Held]]:
    part: dict[Key, Held] = {}
    size = 0
    for key, held in siblings.items():
        weight = len(held.value or b"") if isinstance(held, Write) else sum(len(w.value or b"") for w in each(held))
        if part and (len(part) >= PART_KEYS_MAX or size + weight > PART_BYTES_MAX):
            yield part
            part, size = {}, 0
        part[key] = held
        size += weight + 40
    if part:
        yield part


def changed_since(vector: VectorClock, base: VectorClock) -> VectorClock:
    """Return the pairs of `vector` that `base` does not have, or has lower or under another tag."""
    heads = {
        origin: sequence
        for origin, sequence in vector.heads.items()
        if base.heads.get(origin, 0) != sequence or base.tags.get(origin) != vector.tags.get(origin)
    }
    return VectorClock(heads, {origin: vector.tags.get(origin, NO_TAG) for origin in heads})


def known_message(number: int, vector: VectorClock, base: VectorClock | None, reply: bool) -> Known:
    """Return `vector` as a message: whole, or as what changed since `base` when that is much less."""
    if base is None or len(vector) <= WHOLE_PAIRS_MAX:
        return Known(number, vector, None, reply)
    return Known(number, changed_since(vector, base), base.digest(), reply)


def whole_vector(message: Known, base: VectorClock | None) -> VectorClock | None:
    """Return the vector that `message` tells of; None if it builds on one that we do not hold."""
    if message.base is None:
        return message.vector
    if base is None or base.digest() != message.base:
        return None
    vector = base.copy()
    vector.join(message.vector)
    return vector
