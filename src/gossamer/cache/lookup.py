"""How a reader finds what is held under a key: lock-free, in whatever the writer is doing.

A reader chooses a moment, a value of `COMMIT`, and sees the state of that moment: of
records that came later it follows `previous`.  What it has read once cannot change, so
nothing is read twice but for a checksum that fails, which is a record still on its way
from another processor's store buffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import Malformed
from .layout import (
    COMMIT_AT,
    HEADING,
    OFFSET_MASK,
    RECORD,
    RECORD_BYTES,
    TAG_SHIFT,
    WORD_BYTES,
    aligned,
)
from .records import Entry, Heads, is_whole, read_record
from .segment import Segment

TRIES: Final = 1000
"""How often a record whose checksum fails is read again: on x86 it never is."""


def find(segment: Segment, key: bytes) -> tuple[int, int]:
    """Return (number of the word, the word) under which records of `key` are; (0, 0) if there are none.

    The word may lead to a record that is not visible yet.  O(1) expected.
    """
    hashed = segment.hashes(key)
    tag = hashed >> TAG_SHIFT
    words, first, mask = segment.words, segment.index_at, segment.slots - 1
    number = hashed & mask
    for _ in range(segment.slots):
        word = words[first + number]
        if not word:
            break
        if word >> TAG_SHIFT == tag and (offset := word & OFFSET_MASK) != OFFSET_MASK:
            data = whole_record(segment, offset * WORD_BYTES)
            if data[RECORD_BYTES : RECORD_BYTES + key_length(data)] == key:
                return first + number, word
        number = (number + 1) & mask
    return 0, 0


def key_length(data: bytes) -> int:
    """Return the length of the key in a record."""
    return HEADING.unpack_from(data, RECORD.size)[2]  # type: ignore[no-any-return]


def whole_record(segment: Segment, offset: int) -> bytes:
    """Return the bytes of the record at `offset`.  Raises `Malformed` if there is none."""
    for _ in range(TRIES):
        data = segment.record_at(offset)
        if is_whole(data):
            return data
    raise Malformed(f"{segment.path} is damaged: no record lies at {offset}")


def as_of(segment: Segment, word: int, commit: int) -> bytes:
    """Return the newest record of a key, to which `word` leads, that lies before `commit`; empty if there is none."""
    offset = (word & OFFSET_MASK) * WORD_BYTES
    if offset == OFFSET_MASK * WORD_BYTES:
        return b""
    while True:
        data = whole_record(segment, offset)
        if offset < commit:
            return data
        previous = HEADING.unpack_from(data, RECORD.size)[0]
        if not previous:
            return b""
        offset = previous * WORD_BYTES


def all_of(segment: Segment, commit: int) -> Iterator[bytes]:
    """Yield the record of each key as of `commit`, in the order of the index.  O(slots + keys)."""
    first = segment.index_at
    for word in segment.words[first : first + segment.slots].tolist():
        if word:
            data = as_of(segment, word, commit)
            if data:
                yield data


def replay(segment: Segment) -> Iterator[Entry | Heads]:
    """Yield every visible record in the order in which they were written: what a taker-over needs.  O(log)."""
    commit, at = segment.words[COMMIT_AT], segment.log_at
    while at < commit:
        data = whole_record(segment, at)
        yield read_record(data)
        at += aligned(len(data))
