"""One generation of shared memory, mapped: words, and records by their place.  See `layout`."""

from __future__ import annotations

import mmap
import os
from hashlib import blake2b
from pathlib import Path

from ..errors import Malformed
from . import files
from .layout import (
    LOG_AT,
    MAGIC,
    MAGIC_AT,
    PAGE_BYTES,
    RECORD,
    RECORD_BYTES,
    SALT_AT,
    SIZE_AT,
    SLOTS_AT,
    WORD_BYTES,
)


class Segment:
    """A mapping of a segment's file.  Readers and the writer have one each.

    `words` are the words of the whole file; the index begins at word `index_at`.
    """

    __slots__ = ("hashes", "index_at", "log_at", "mapped", "path", "size_bytes", "slots", "words")

    def __init__(self, path: Path, mapped: mmap.mmap) -> None:
        self.path = path
        self.mapped = mapped
        self.words = memoryview(mapped).cast("Q")
        self.slots = self.words[SLOTS_AT]
        self.log_at = self.words[LOG_AT]
        self.size_bytes = self.words[SIZE_AT]
        self.index_at = PAGE_BYTES // WORD_BYTES
        self.hashes = KeyHash(mapped[SALT_AT * WORD_BYTES : (SALT_AT + 2) * WORD_BYTES])

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> Segment:
        """Map the segment that lies there.

        Raises `FileNotFoundError` if there is none, `PermissionError` if the file is another user's, and
        `Malformed` if it is no segment of this version.
        """
        fd, size_bytes = files.open_private(path, os.O_RDWR if writable else os.O_RDONLY)
        try:
            if size_bytes < PAGE_BYTES:
                raise Malformed(f"{path} has {size_bytes} bytes and is no segment of gossamer's")
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            mapped = mmap.mmap(fd, size_bytes, access=access)
        finally:
            os.close(fd)
        words = memoryview(mapped).cast("Q")
        slots, log_at = words[SLOTS_AT], words[LOG_AT]
        sound = (
            words[MAGIC_AT] == MAGIC
            and words[SIZE_AT] == size_bytes
            and slots & (slots - 1) == 0 < slots
            and log_at == PAGE_BYTES + slots * WORD_BYTES <= size_bytes
        )
        words.release()
        if not sound:
            mapped.close()
            raise Malformed(f"{path} is no segment of this version of gossamer's; remove it if nobody uses it")
        return cls(path, mapped)

    def close(self) -> None:
        """Unmap it.  Who reads just now must not: call it when nobody does."""
        self.words.release()
        self.mapped.close()

    def bytes_at(self, start: int, end: int) -> bytes:
        """Return a copy of what lies there."""
        return self.mapped[start:end]

    def put(self, start: int, data: bytes) -> None:
        """Write a record where nobody looks yet."""
        self.mapped[start : start + len(data)] = data

    def record_at(self, offset: int) -> bytes:
        """Return the bytes of the record there, empty if there can be none.  Nothing is checked but its length."""
        if not self.log_at <= offset <= self.size_bytes - RECORD_BYTES:
            return b""
        (length, _) = RECORD.unpack_from(self.mapped, offset)
        return self.mapped[offset : offset + length] if offset + length <= self.size_bytes else b""


class KeyHash:
    """The hash that chooses slots: keyed, so that nobody who writes keys can make them collide."""

    __slots__ = ("_keyed",)

    def __init__(self, salt: bytes) -> None:
        self._keyed = blake2b(digest_size=8, key=salt)

    def __call__(self, key: bytes) -> int:
        """Return 64 bits."""
        one = self._keyed.copy()
        one.update(key)
        return int.from_bytes(one.digest(), "little")
