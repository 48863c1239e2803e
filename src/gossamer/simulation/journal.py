"""The record of a run: every event hashed, so that two runs are the same if their hashes are.

Law: the hash is a pure function of the seed and the scenario.  It does not depend on the
process, on `PYTHONHASHSEED` or on the machine.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from itertools import islice
from struct import Struct

LINES_MAX = 400
_MOMENT = Struct("<dII").pack


class Journal:
    """Hears of everything that happens."""

    __slots__ = ("_hash", "_latest", "events")

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._hash = blake2b(digest_size=16, person=b"gossamer journal")
        self.events = 0
        self._latest: deque[tuple[float, str, str]] = deque(maxlen=lines_max)

    def note(self, now: float, who: str, what: str, data: bytes = b"") -> None:
        """Something happened.  O(bytes)."""
        self.events += 1
        words = f"{who} {what}".encode()
        self._hash.update(_MOMENT(now, len(words), len(data)) + words + data)
        self._latest.append((now, who, what))

    def lines(self, count: int = LINES_MAX) -> list[str]:
        """Return the latest events in words, for whoever reads why a run failed."""
        skip = max(0, len(self._latest) - count)
        return [f"{now:.6f} {who} {what}" for now, who, what in islice(self._latest, skip, None)]

    @property
    def hash(self) -> str:
        """What happened so far, as 32 hex digits."""
        return self._hash.hexdigest()
