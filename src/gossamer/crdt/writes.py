"""What replicas tell each other: single writes, batches of one origin, and deltas.

Values and keys are opaque here: a value is bytes, a key is anything hashable.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from .dots import Dot, Origin
from .vector_clock import NO_TAG, VectorClock

Key = Hashable

# Flag 1 is kept free: a write without a value is a delete.
EXPIRES = 2
"""The write counts as absent from the millisecond in the upper bits of `meta` on."""
FORCE = 4
"""The write is a change for watchers even if the value is the same."""
FENCED = 8
"""The write carries a fencing token (kept for leases)."""

FLAG_BITS = 16
"""Flags stand in the low bits of `meta`; unknown ones are kept and forwarded."""
EXPIRY_UNIT = 1 << FLAG_BITS


class Write(NamedTuple):
    """One write.  Fields stand so that the greatest of several siblings is the one that wins.

    `value` is the encoded value, or None for a delete.  `meta` holds the flags, and
    above them the expiry in milliseconds since 1970, by the wall clock of the writer.
    """

    stamp: int
    origin: Origin
    sequence: int
    value: bytes | None
    meta: int = 0

    @property
    def dot(self) -> Dot:
        """The name of this write."""
        return Dot(self.origin, self.sequence)

    @property
    def expires_ms(self) -> int:
        """When it expires, in milliseconds since 1970; 0 for never."""
        return self.meta >> FLAG_BITS


STAMP, ORIGIN, SEQUENCE, VALUE, META = (itemgetter(index) for index in range(5))
"""The fields of a write as functions, for C iterators: `max(map(SEQUENCE, writes))`."""

Siblings = tuple[Write, ...]
Held = Write | Siblings | None
"""The live writes of a key: a lone one bare, several as a tuple with the winner first, none as None."""


def make_writes(columns: Iterable[tuple[Any, ...]]) -> Iterator[Write]:
    """Turn rows (stamp, origin, sequence, value, meta) into writes, at the speed of C iterators."""
    new: Callable[..., Write] = tuple.__new__
    return map(new, repeat(Write), columns)


def make_replaced(rows: Iterable[tuple[Key, Held, Held]]) -> Iterator[Replaced]:
    """Turn rows (key, before, after) into `Replaced`, at the speed of C iterators."""
    new: Callable[..., Replaced] = tuple.__new__
    return map(new, repeat(Replaced), rows)


def expiry_meta(flags: int, expires_ms: int) -> int:
    """Return the `meta` of a write with `flags` that expires at `expires_ms` (0: never)."""
    return (flags | EXPIRES) | expires_ms << FLAG_BITS if expires_ms else flags


def each(held: Held) -> Siblings:
    """Return the live writes of a key as a tuple, the winner first."""
    if held is None:
        return ()
    if isinstance(held, Write):
        return (held,)
    return held


def pack(writes: Iterable[Write]) -> Held:
    """Return the live writes of a key as they are stored."""
    ordered = sorted(writes, reverse=True, key=_rank)
    if len(ordered) > 1:
        return tuple(ordered)
    return ordered[0] if ordered else None


def _rank(write: Write) -> tuple[int, Origin, int]:
    return write[:3]


def winner(held: Held, now_ms: int) -> Write | None:
    """Return the visible write: the greatest by (stamp, origin) that has not expired at `now_ms`."""
    if held is None:
        return None
    if isinstance(held, Write):
        return held if held.meta < EXPIRY_UNIT or held.meta >> FLAG_BITS > now_ms else None
    for write in held:
        if write.meta < EXPIRY_UNIT or write.meta >> FLAG_BITS > now_ms:
            return write
    return None


def tops(siblings: Iterable[Held]) -> dict[Origin, int]:
    """Return the greatest sequence of each origin among the live writes of several keys."""
    helds: list[Any] = list(siblings)
    if set(map(type, helds)) == {Write} and len(set(map(ORIGIN, helds))) == 1:
        return {ORIGIN(helds[0]): max(map(SEQUENCE, helds))}
    found: dict[Origin, int] = {}
    for held in helds:
        for write in each(held):
            if found.get(write.origin, 0) < write.sequence:
                found[write.origin] = write.sequence
    return found


class Replaced(NamedTuple):
    """The live writes of `key` were replaced: `before` and `after` as they were stored."""

    key: Key
    before: Held
    after: Held


@dataclass(slots=True)
class Batch:
    """Writes of one origin with sequence in (after, until], closed: it never changes again.

    The unit of sending and of atomicity.  `keys` and `writes` run in step, by sequence.
    `past` maps an index to the dots that this write replaced, where there are any.
    A write that its origin itself replaced before sending is left out, and the one
    that replaced it carries its past.
    """

    origin: Origin
    after: int
    until: int
    keys: list[Key]
    writes: list[Write]
    past: dict[int, tuple[Dot, ...]] = field(default_factory=dict)
    tag: bytes = NO_TAG


@dataclass(slots=True)
class Delta:
    """What one replica holds that another, knowing `since`, may lack: one consistent snapshot.

    For each key that differs: *all* its live writes, and the dots of its kept
    deletes.  `roster` (origin -> sequences of every live dot of the sender) comes
    when the sender has forgotten deletes that `since` does not cover.
    """

    since: VectorClock
    known: VectorClock
    siblings: dict[Key, Held] = field(default_factory=dict)
    deletes: dict[Key, tuple[Dot, ...]] = field(default_factory=dict)
    roster: dict[Origin, set[int]] | None = None
    forgotten: dict[Origin, int] = field(default_factory=dict)
