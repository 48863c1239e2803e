"""What a record says: all live writes of a key and its kept deletes, or how far the vector has come.

Together the records of a segment are the whole state of a replica: whoever takes over
from a writer that died knows what it knew, and no delete is undone by that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from ..crdt.dots import Dot, Origin
from ..crdt.writes import EXPIRY_UNIT, FLAG_BITS, Held, Write, each
from ..errors import Malformed
from .layout import DOT, ENTRY, HEAD, HEADING, HEADS, RECORD, RECORD_BYTES, SIBLING

SETTLED_MS: Final = 1
"""A time that has passed: what holds until then is not kept."""


class Entry(NamedTuple):
    """What is held under a key (in the bytes that digests are taken over), and when the key first came."""

    key: bytes
    birth: int
    held: Held
    deletes: tuple[Dot, ...]


class Heads(NamedTuple):
    """What is known beyond what the entries show: heads with their tags, and up to where deletes were forgotten."""

    known: dict[Origin, tuple[int, bytes]]
    forgotten: dict[Origin, int]


def entry_body(key: bytes, held: Held, deletes: tuple[Dot, ...]) -> bytes:
    """Return what stands after the heading of an entry."""
    if type(held) is Write and not deletes:  # the entry of every day
        stamp, origin, sequence, value, meta = held
        assert value is not None
        return key + SIBLING.pack(stamp, origin, sequence, meta, len(value)) + value
    writes = each(held)
    parts = [key]
    parts += [SIBLING.pack(w.stamp, w.origin, w.sequence, w.meta, len(w.value or b"")) for w in writes]
    parts += [DOT.pack(*dot) for dot in deletes]
    parts += [w.value or b"" for w in writes]
    return b"".join(parts)


def heads_body(known: Mapping[Origin, tuple[int, bytes]], forgotten: Mapping[Origin, int]) -> bytes:
    """Return what stands after the heading of a record of heads."""
    return b"".join(
        [HEAD.pack(origin, sequence, tag) for origin, (sequence, tag) in known.items()]
        + [DOT.pack(*item) for item in forgotten.items()]
    )


def record(kind: int, body: bytes, previous: int, birth: int, key_bytes: int, siblings: int, deletes: int) -> bytes:
    """Return a whole record.  `previous` is in units of 8 bytes."""
    checked = HEADING.pack(previous, birth, key_bytes, siblings, deletes, kind) + body
    return RECORD.pack(RECORD.size + len(checked), crc32(checked)) + checked


def entry_record(key: bytes, held: Held, deletes: tuple[Dot, ...], previous: int, birth: int) -> bytes:
    """Return the record of an entry."""
    siblings = 1 if type(held) is Write else len(each(held))
    return record(ENTRY, entry_body(key, held, deletes), previous, birth, len(key), siblings, len(deletes))


def heads_record(known: Mapping[Origin, tuple[int, bytes]], forgotten: Mapping[Origin, int]) -> bytes:
    """Return the record that says how far the vector has come."""
    return record(HEADS, heads_body(known, forgotten), 0, 0, 0, len(known), len(forgotten))


def is_whole(data: bytes) -> bool:
    """Return whether this is a record from its first byte to its last, as it was written."""
    if len(data) < RECORD_BYTES:
        return False
    length, checksum = RECORD.unpack_from(data)
    return bool(length == len(data) and crc32(memoryview(data)[RECORD.size :]) == checksum)


def read_record(data: bytes) -> Entry | Heads:
    """Return what a whole record says.  Raises `Malformed` for what no writer wrote."""
    _, birth, key_bytes, siblings, deletes, kind = HEADING.unpack_from(data, RECORD.size)
    if kind == HEADS:
        return _read_heads(data, siblings, deletes)
    at = RECORD_BYTES + key_bytes
    values_at = at + siblings * SIBLING.size + deletes * DOT.size
    if kind != ENTRY or values_at > len(data):
        raise Malformed(f"a record of kind {kind} and {len(data)} bytes cannot hold what its heading says")
    writes = []
    value_at = values_at
    for number in range(siblings):
        stamp, origin, sequence, meta, size = SIBLING.unpack_from(data, at + number * SIBLING.size)
        writes.append(Write(stamp, origin, sequence, data[value_at : value_at + size], meta))
        value_at += size
    dots_at = at + siblings * SIBLING.size
    dots = tuple(Dot(*DOT.unpack_from(data, dots_at + number * DOT.size)) for number in range(deletes))
    held: Held = tuple(writes) if len(writes) > 1 else writes[0] if writes else None
    return Entry(data[RECORD_BYTES:at], birth, held, dots)


def _read_heads(data: bytes, heads: int, forgotten: int) -> Heads:
    dots_at = RECORD_BYTES + heads * HEAD.size
    if dots_at + forgotten * DOT.size != len(data):
        raise Malformed(f"a record of {len(data)} bytes cannot hold {heads} heads and {forgotten} forgotten ones")
    known = {}
    for number in range(heads):
        origin, sequence, tag = HEAD.unpack_from(data, RECORD_BYTES + number * HEAD.size)
        known[origin] = (sequence, tag)
    return Heads(known, dict(DOT.unpack_from(data, dots_at + number * DOT.size) for number in range(forgotten)))


def visible_value(
    data: bytes, key_bytes: int, siblings: int, deletes: int, now_ms: Callable[[], int]
) -> tuple[bytes | None, int]:
    """Return the value that is seen (None: none is), and before which time that is sure to hold: 0 for ever.

    `now_ms` is asked only if something there expires.
    """
    at = RECORD_BYTES + key_bytes
    value_at = at + siblings * SIBLING.size + deletes * DOT.size
    until_ms = 0
    for number in range(siblings):
        _, _, _, meta, size = SIBLING.unpack_from(data, at + number * SIBLING.size)
        if meta < EXPIRY_UNIT:
            return data[value_at : value_at + size], until_ms
        expires_ms = meta >> FLAG_BITS
        if expires_ms > now_ms():
            return data[value_at : value_at + size], until_ms or expires_ms
        until_ms = SETTLED_MS  # a clock put back would show this one again
        value_at += size
    return None, until_ms
