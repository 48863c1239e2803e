"""Where everything lies in a segment, which is one file mapped by one writer and any number of readers.

    header    one page: 8-byte words, each written by one aligned store
    index     `slots` 8-byte words, a power of two: 0, or where the newest record of a key lies
    log       immutable records, each at a multiple of 8, one after the other, never reused

1. Each word is written whole or not at all: stores go through a `memoryview` of machine
   words, since `struct.pack_into` fills with zeros first, and readers would see those.
2. A record is written before any word leads to it, and never changes after that.
3. What lies at or beyond `COMMIT` is not there yet: whoever finds it follows `previous`.
   So one store makes all records of a step visible at once, and what a reader has begun
   to read at one value of `COMMIT` it can go on reading for as long as it likes.
4. A segment never shrinks and is never used again: what does not fit goes to the next
   generation, a new file under the same name; then `STATE` of the old one says `MOVED`.

Native byte order: a segment is of one machine.  A checksum stands in each record, for on
processors that may show stores out of order rule 2 is only a hope.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

MAGIC: Final = int.from_bytes(b"GSSAMER1", "little")
PAGE_BYTES: Final = 4096
WORD_BYTES: Final = 8

# -- words of the header ----------------------------------------------------------------------------------

MAGIC_AT: Final = 0
"""Written last: until then nobody takes the file for a segment."""
SLOTS_AT: Final = 1
LOG_AT: Final = 2
"""Where the log begins, in bytes from the start of the file."""
SIZE_AT: Final = 3
COMMIT_AT: Final = 4
"""The end of what is visible, in bytes from the start of the file."""
VERSION_AT: Final = 5
"""How many steps have been made visible, over all generations; stored after `COMMIT`."""
STATE_AT: Final = 6
COUNT_AT: Final = 7
"""How many keys of the user's are there."""
GENERATION_AT: Final = 8
BEAT_AT: Final = 9
"""When the writer last said that it lives, in nanoseconds of the monotonic clock."""
OFFSET_AT: Final = 10
"""What the writer adds to the wall clock before it compares it with expiries, in ms, plus `OFFSET_BIAS`."""
SALT_AT: Final = 11
"""Two words: the key of the hash that chooses slots, so that no sender of keys can make them collide."""
MESH_AT: Final = 14
"""Of which mesh this is: a hash of its name and secret.  Whoever takes over inherits from no other."""

OFFSET_BIAS: Final = 1 << 62

LIVE: Final = 0
MOVED: Final = 1
"""A later generation lies under the name."""
CLOSED: Final = 2
"""The writer has ended in order; what is here stays readable."""
FULL: Final = 3
"""There was no room for what came next: what is here is old."""

# -- words of the index -----------------------------------------------------------------------------------

TAG_SHIFT: Final = 40
"""A word is the offset in units of 8 bytes, and above it 24 bits of the key's hash."""
OFFSET_MASK: Final = (1 << TAG_SHIFT) - 1
SIZE_MAX: Final = OFFSET_MASK * WORD_BYTES

# -- records ----------------------------------------------------------------------------------------------

RECORD: Final = Struct("=II")
"""Length in bytes, and the checksum of all that follows."""
HEADING: Final = Struct("=QQHHHH")
"""Where the key's record before this lies (in units of 8; 0: nowhere), the birth of the key, the length of the key,
the number of siblings and of deletes, the kind."""
RECORD_BYTES: Final = RECORD.size + HEADING.size
BEGINNING: Final = Struct("=I12xQHH")
"""Of a record: its length, the birth of the key, the length of the key, the number of siblings."""
ENTRY: Final = 1
HEADS: Final = 2

SIBLING: Final = Struct("=Q12sQQI")
"""Stamp, origin, sequence, meta, length of the value."""
DOT: Final = Struct("=12sQ")
HEAD: Final = Struct("=12sQ4s")
"""Origin, sequence, tag: a head of the vector."""


def aligned(size_bytes: int) -> int:
    """Return the size, rounded up to whole words."""
    return size_bytes + 7 & ~7
