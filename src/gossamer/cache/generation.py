"""A segment being filled: records appended, words of its index set.  Nothing of it is visible until it is committed."""

from __future__ import annotations

import mmap
import os
import secrets
from pathlib import Path
from typing import Final
from zlib import crc32

from ..crdt.writes import Key, Write
from ..wire.keys import canonical_key_bytes
from . import files
from .hot import LONE, LONE_BYTES, HotPlace
from .layout import (
    BEGINNING,
    COMMIT_AT,
    ENTRY,
    GENERATION_AT,
    LOG_AT,
    MAGIC,
    MAGIC_AT,
    MESH_AT,
    OFFSET_MASK,
    PAGE_BYTES,
    RECORD,
    SALT_AT,
    SIZE_AT,
    SLOTS_AT,
    TAG_SHIFT,
    VERSION_AT,
    WORD_BYTES,
    aligned,
)
from .segment import Segment

LOG_BYTES_MIN: Final = 8 << 20
"""Of which half is touched before there is another generation: the fewer there are, the less is moved and read anew."""
SLOTS_MIN: Final = 1 << 10
KEYS_A_SLOT: Final = 0.3
"""How much of its index a new generation uses."""
ROOM: Final = 4
"""So many times what is alive has room in a new generation's log."""
CHUNK_BYTES: Final = 1 << 20
"""Space is reserved in pieces of this size, so that a large segment costs no long pause."""


HOT_MAX: Final = 20_000
"""So many keys that are overwritten are remembered: some 200 bytes each."""


class NoRoom(Exception):
    """The log, or the index, of this generation is full.  Whoever fills it makes another."""


class Generation:
    """One file on its way to be, or being, what readers map."""

    __slots__ = (
        "_at_hand",
        "_fd",
        "_hot",
        "_reserved",
        "draft",
        "head",
        "live_bytes",
        "number",
        "segment",
        "used",
        "version",
        "where",
        "words",
    )

    def __init__(self, path: Path, mesh: int, number: int, keys: int, live_bytes: int) -> None:
        slots = SLOTS_MIN
        while slots * KEYS_A_SLOT < keys:
            slots *= 2
        log_at = PAGE_BYTES + slots * WORD_BYTES
        size_bytes = aligned(log_at + max(LOG_BYTES_MIN, ROOM * live_bytes))
        self.number = number
        self.draft: Path | None = path.with_name(f".{path.name}.{number}.{os.getpid()}.{secrets.token_hex(4)}")
        self._fd = files.create(self.draft, size_bytes)
        try:
            files.reserve(self._fd, 0, log_at)
            mapped = mmap.mmap(self._fd, size_bytes)
        except BaseException:
            self.discard()
            raise
        words = memoryview(mapped).cast("Q")
        words[SLOTS_AT], words[LOG_AT], words[SIZE_AT] = slots, log_at, size_bytes
        words[GENERATION_AT], words[MESH_AT] = number, mesh
        words[SALT_AT], words[SALT_AT + 1] = secrets.randbits(64), secrets.randbits(64)
        words.release()
        self.segment = Segment(path, mapped)
        self.words = self.segment.words
        self.head = self._reserved = self._at_hand = log_at
        self.where: dict[Key, int] = {}
        """Key -> the word of the index that is its own."""
        self.version = 0
        """How many steps have been made visible, over all generations."""
        self._hot: dict[Key, HotPlace] = {}
        self.used = 0
        """Words of the index in use; those of keys that are no more included."""
        self.live_bytes = 0

    def append(self, data: bytes) -> int:
        """Write a record at the end of the log; return where.  Raises `NoRoom`, or `OSError` if the disk is full."""
        at = self.head
        end = at + len(data)
        if end > self._reserved:
            self._reserve(end)
        self.segment.put(at, data)
        self.head = aligned(end)
        return at

    def _reserve(self, end: int) -> None:
        size_bytes = self.segment.size_bytes
        if end > size_bytes:
            raise NoRoom
        until = min(size_bytes, max(end, self._reserved + CHUNK_BYTES))
        files.reserve(self._fd, self._reserved, until - self._reserved)
        self._reserved = until
        self._at_hand = min(until, size_bytes // 2)

    @property
    def is_half_full(self) -> bool:
        """Whether it is time to begin the next generation."""
        return self.head * 2 > self.segment.size_bytes or self.used * 2 > self.segment.slots

    def place(self, key: Key, key_bytes: bytes) -> int:
        """Return the number of the word for a new key, whose tag it holds from now on: no record yet.  O(1)."""
        segment, words = self.segment, self.words
        if self.used >= segment.slots * 3 // 4:
            raise NoRoom
        hashed = segment.hashes(key_bytes)
        mask, first = segment.slots - 1, segment.index_at
        number = hashed & mask
        while words[first + number]:
            number = (number + 1) & mask
        words[first + number] = (hashed >> TAG_SHIFT) << TAG_SHIFT | OFFSET_MASK
        self.used += 1
        self.where[key] = first + number
        return first + number

    def previous(self, word_at: int) -> int:
        """Return where the newest record of this word's key is, in units of 8 bytes; 0 if it has none."""
        offset = self.words[word_at] & OFFSET_MASK
        return 0 if offset == OFFSET_MASK else offset

    def heading(self, offset: int) -> tuple[int, int, int]:
        """Return (length in bytes, birth, siblings) of the record at `offset`, in units of 8 bytes."""
        length, birth, _, siblings = BEGINNING.unpack_from(self.segment.mapped, offset * WORD_BYTES)
        return length, birth, siblings

    def overwrite(self, key: Key, write: Write) -> bool:
        """Put a lone write under a key that holds something, and make it visible: what is done all day long.

        Return False if this is another case, or there is no room at hand before the next generation is to begin.
        """
        place = self._hot.get(key) or self._heated(key)
        if place is None:
            return False
        stamp, origin, sequence, value, meta = write
        assert value is not None
        value_bytes, key_bytes = len(value), place.key_bytes
        at, size_bytes = self.head, LONE_BYTES + key_bytes + value_bytes
        end = at + size_bytes
        if end > self._at_hand:
            return False
        words, word_at = self.words, place.word_at
        word = words[word_at]
        previous = word & OFFSET_MASK
        if value_bytes != place.value_bytes:
            place.value_bytes, place.pack = value_bytes, LONE[key_bytes, value_bytes].pack
        checked = place.pack(
            previous, place.birth, key_bytes, 1, 0, ENTRY, place.key, stamp, origin, sequence, meta, value_bytes, value
        )
        self.segment.mapped[at:end] = RECORD.pack(size_bytes, crc32(checked)) + checked
        self.head = head = end + 7 & ~7
        words[word_at] = word ^ previous | at >> 3
        words[COMMIT_AT] = head
        words[VERSION_AT] = self.version = self.version + 1
        self.live_bytes += head - at - place.size_bytes
        place.size_bytes = head - at
        return True

    def _heated(self, key: Key) -> HotPlace | None:
        """Remember where a key is, if it holds something."""
        word_at = self.where.get(key)
        if word_at is None or not (previous := self.previous(word_at)):
            return None
        length, birth, siblings = self.heading(previous)
        if not siblings:
            return None
        key_bytes = canonical_key_bytes(key)
        if len(self._hot) >= HOT_MAX:
            self._hot.clear()
        place = self._hot[key] = HotPlace(word_at, birth, key_bytes, aligned(length))
        return place

    def lead(self, key: Key, word_at: int, at: int) -> None:
        """Let the word of `key` lead to the record at byte `at`."""
        self._hot.pop(key, None)
        words = self.words
        words[word_at] = (words[word_at] >> TAG_SHIFT) << TAG_SHIFT | at // WORD_BYTES

    def open_to_all(self) -> None:
        """Put the file under its name: whoever opens that finds it from now on."""
        assert self.draft is not None
        self.words[MAGIC_AT] = MAGIC
        os.replace(self.draft, self.segment.path)
        self.draft = None

    def discard(self) -> None:
        """Nobody needs it any more, or it never came to be.  Readers keep what they have mapped."""
        os.close(self._fd)
        if self.draft is not None:
            self.draft.unlink(missing_ok=True)
