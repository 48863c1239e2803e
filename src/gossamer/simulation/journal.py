"""The record of a run: every event hashed, so that two runs are the same if their hashes are.

Law: the hash is a pure function of the seed and the scenario.  It does not depend on the
process, on `PYTHONHASHSEED` or on the machine.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

LINES_MAX = 400


class Journal:
    """Hears of everything that happens."""

    __slots__ = ("_hash", "events", "lines")

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._hash = blake2b(digest_size=16, person=b"gossamer journal")
        self.events = 0
        self.lines: deque[str] = deque(maxlen=lines_max)
        """The latest events in words, for whoever reads why a run failed."""

    def note(self, now: float, who: str, what: str, data: bytes = b"") -> None:
        """Something happened.  O(bytes)."""
        self.events += 1
        line = f"{now:.6f} {who} {what}"
        self._hash.update(f"{len(line)} {line} {len(data)} ".encode())
        self._hash.update(data)
        self.lines.append(line)

    @property
    def hash(self) -> str:
        """What happened so far, as 32 hex digits."""
        return self._hash.hexdigest()
