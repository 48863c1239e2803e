"""What is remembered of keys that are overwritten again and again, so that it need not be read and packed anew."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from .layout import HEADING, RECORD_BYTES, SIBLING

LAYOUTS_MAX: Final = 10_000
LONE_BYTES: Final = RECORD_BYTES + SIBLING.size
"""What a record of one write takes beside key and value."""


class HotPlace:
    """What is remembered of a key that was overwritten, until something else is put under it."""

    __slots__ = ("birth", "key", "key_bytes", "pack", "size_bytes", "value_bytes", "word_at")

    def __init__(self, word_at: int, birth: int, key: bytes, size_bytes: int) -> None:
        self.word_at = word_at
        self.birth = birth
        self.key = key
        self.key_bytes = len(key)
        self.size_bytes = size_bytes
        """Of its newest record."""
        self.value_bytes = -1
        self.pack: Callable[..., bytes]
        """Packs what follows the checksum, if the value is of this length."""


class _LoneLayouts(dict[tuple[int, int], Struct]):
    """(bytes of the key, of the value) -> what follows the checksum of a record of one write, to be packed at once."""

    def __missing__(self, lengths: tuple[int, int]) -> Struct:
        if len(self) >= LAYOUTS_MAX:
            self.clear()
        key_bytes, value_bytes = lengths
        made = self[lengths] = Struct(f"{HEADING.format}{key_bytes}s{SIBLING.format[1:]}{value_bytes}s")
        return made


LONE: Final = _LoneLayouts()
