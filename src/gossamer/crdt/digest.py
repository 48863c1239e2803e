"""An order-free 128-bit digest of the live writes, brought up to date from what changed.

Two replicas with equal vectors and equal digests hold the same state.  Writes that
expire are left out, because clocks differ.  Nothing is hashed on the write path: a
change only notes which key, and `refresh` does the rest, in slices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b

from .vector_clock import DIGEST_BYTES, DIGEST_MASK
from .writes import EXPIRES, Held, Key, each


class StateDigest:
    """The sum, over the live writes, of a hash of (key, dot, stamp, value)."""

    __slots__ = ("_key_bytes", "_sum", "_value", "touched")

    def __init__(self, key_bytes: Callable[[Key], bytes]) -> None:
        self._key_bytes = key_bytes
        self._sum = 0
        self._value = bytes(DIGEST_BYTES)
        self.touched: dict[Key, Held] = {}
        """Keys changed since they were last summed, with what stood there then."""

    def refresh(self, live: Mapping[Key, Held], keys_max: int) -> bool:
        """Sum at most `keys_max` changed keys; return whether the digest is up to date."""
        touched = self.touched
        if not touched:
            return True
        for _ in range(min(keys_max, len(touched))):
            key, before = touched.popitem()
            self._sum += self._hash(key, live.get(key)) - self._hash(key, before)
        self._sum &= DIGEST_MASK
        self._value = self._sum.to_bytes(DIGEST_BYTES, "big")
        return not touched

    def value(self) -> bytes:
        """Return the digest as of the last refresh, as 16 bytes."""
        return self._value

    def _hash(self, key: Key, held: Held) -> int:
        total = 0
        for write in each(held):
            if write.meta & EXPIRES or write.value is None:
                continue
            hashed = blake2b(self._key_bytes(key), digest_size=16, person=b"gossamer state")
            hashed.update(
                write.origin + write.sequence.to_bytes(8, "big") + write.stamp.to_bytes(8, "big") + write.value
            )
            total += int.from_bytes(hashed.digest(), "big")
        return total
