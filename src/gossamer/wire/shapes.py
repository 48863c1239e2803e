"""What the items of a message must be: asked of every item that a stranger sends, before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..crdt.clock import STAMP_MAX
from ..crdt.dots import ORIGIN_BYTES, SEQUENCE_MAX
from ..crdt.vector_clock import NO_TAG
from .messages import LEASE_MS_MAX, TERMS_BYTES, Message

TAG_BYTES = len(NO_TAG)
NAME_CHARACTERS_MAX = 256


def is_count(item: Any) -> bool:
    """A number that counts something: 64 bits."""
    return type(item) is int and 0 <= item < 1 << 64


def is_sequence(item: Any) -> bool:
    """The sequence of a write, or 0."""
    return type(item) is int and 0 <= item <= SEQUENCE_MAX


def is_ballot(item: Any) -> bool:
    """A ballot: it becomes a token, which is as large as a stamp."""
    return type(item) is int and 0 <= item <= STAMP_MAX


def is_duration_ms(item: Any) -> bool:
    """How long a lease lasts, or a voter waits."""
    return type(item) is int and 0 <= item <= LEASE_MS_MAX


def is_flag(item: Any) -> bool:
    """True or false."""
    return type(item) is bool


def is_port(item: Any) -> bool:
    """A port, or 0 for none."""
    return type(item) is int and 0 <= item < 1 << 16


def is_name(item: Any) -> bool:
    """A short text."""
    return type(item) is str and len(item) <= NAME_CHARACTERS_MAX


def is_bytes(length: int) -> Callable[[Any], bool]:
    """Return what asks for so many bytes."""
    return lambda item: type(item) is bytes and len(item) == length


def is_payload(item: Any) -> bool:
    """Bytes that somebody else takes apart."""
    return type(item) is bytes


def is_mode(item: Any) -> bool:
    """A mode or an outcome: one byte."""
    return type(item) is int and 0 <= item < 256


def is_difference(item: Any) -> bool:
    """How many more, or fewer."""
    return type(item) is int and -(1 << 31) <= item < 1 << 31


def or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return what asks for the same, or for nothing."""
    return lambda item: item is None or check(item)


is_id = is_bytes(16)


is_origin = is_bytes(ORIGIN_BYTES)


is_boot = is_bytes(12)


is_digest = is_bytes(16)


is_terms = is_bytes(TERMS_BYTES)


def is_boots(item: Any) -> bool:
    """The boots of a few peers."""
    return type(item) is list and len(item) <= 64 and all(map(is_boot, item))


def is_boot_or_empty(item: Any) -> bool:
    """A boot, of a peer that says which."""
    return item == b"" or is_boot(item)


def is_vector(item: Any) -> bool:
    """A vector: origins, sequences and tags of one length."""
    if type(item) is not list or len(item) < 3:
        return False
    origins, sequences, tags = item[:3]
    return (
        type(origins) is type(tags) is bytes
        and type(sequences) is list
        and len(origins) == ORIGIN_BYTES * len(sequences)
        and len(tags) == TAG_BYTES * len(sequences)
        and all(type(n) is int and 0 < n <= SEQUENCE_MAX for n in sequences)
    )


def is_distances(item: Any) -> bool:
    """Distances from each sequence to the next."""
    return (
        type(item) is list and all(type(n) is int and 0 < n <= SEQUENCE_MAX for n in item) and sum(item) <= SEQUENCE_MAX
    )


def is_pairs(item: Any) -> bool:
    """Origins, none twice, each with a sequence."""
    return (
        type(item) is list
        and all(type(pair) is list and len(pair) == 2 and is_origin(pair[0]) and is_sequence(pair[1]) for pair in item)
        and len(dict(item)) == len(item)
    )


def is_addresses(item: Any) -> bool:
    """Boots and where they listen."""
    return (
        type(item) is list
        and len(item) <= 1024
        and all(
            type(entry) is list and len(entry) == 3 and is_boot(entry[0]) and is_name(entry[1]) and is_port(entry[2])
            for entry in item
        )
    )


def is_ordinal(item: Any) -> bool:
    """The number of what is counted from 1."""
    return type(item) is int and 0 < item <= SEQUENCE_MAX


def is_dot(item: Any) -> bool:
    """An origin and the sequence of a write of it."""
    return type(item) is list and len(item) == 2 and is_origin(item[0]) and is_ordinal(item[1])


@dataclass(frozen=True, slots=True)
class Shape:
    """What the items of one kind of message must be, and what makes the message of them."""

    make: Callable[..., Message]
    checks: tuple[Callable[[Any], bool], ...]
    later: tuple[Callable[[Any], bool], ...] = ()
    """Items that were added after the first version: they may be absent."""
