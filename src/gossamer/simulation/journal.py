"""The record of a run: every event hashed, so that two runs are the same if their hashes are.

Law: the hash is a pure function of the seed and the scenario.  It does not depend on the
process, on `PYTHONHASHSEED` or on the machine.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

LINES_MAX = 400
TOGETHER = 256
"""Events hashed at a time."""


class Journal:
    """Hears of everything that happens."""

    __slots__ = ("_hash", "_lines", "_waiting", "events")

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._hash = blake2b(digest_size=16, person=b"gossamer journal")
        self.events = 0
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=lines_max)
        self._waiting: list[tuple[float, str, str, bytes]] = []

    def note(self, now: float, who: str, what: str, data: bytes = b"") -> None:
        """Something happened.  O(bytes), amortised: events are put into words and hashed many at a time."""
        self.events += 1
        waiting = self._waiting
        waiting.append((now, who, what, data))
        if len(waiting) >= TOGETHER:
            self._enter()

    def _enter(self) -> None:
        """Hash what waits, each event in words and with its data.  How many wait together makes no difference."""
        waiting = self._waiting
        pieces: list[bytes] = []
        for now, who, what, data in waiting:
            pieces += (f"{now:.6f} {who} {what} {len(data)}\n".encode(), data)
        self._hash.update(b"".join(pieces))
        self._lines.extend([(now, who, what) for now, who, what, _ in waiting])
        waiting.clear()

    @property
    def lines(self) -> list[str]:
        """The latest events in words, for whoever reads why a run failed."""
        self._enter()
        return [f"{now:.6f} {who} {what}" for now, who, what in self._lines]

    @property
    def hash(self) -> str:
        """What happened so far, as 32 hex digits."""
        self._enter()
        return self._hash.hexdigest()
