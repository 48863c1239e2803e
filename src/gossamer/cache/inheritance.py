"""What a process that publishes leaves to the next: its whole state, as one delta for somebody who knows nothing.

The tag of a head that was made known just before the end may be missing.  It is left
open, and learned from whoever has it.
"""

from __future__ import annotations

from pathlib import Path

from ..crdt.dots import Origin
from ..crdt.vector_clock import VectorClock
from ..crdt.writes import Delta, each
from ..errors import Malformed
from ..wire.keys import SpaceKey, keys_from_wire
from ..wire.strict import decode_strict
from . import lookup
from .layout import GENERATION_AT, MESH_AT, MOVED, STATE_AT, VERSION_AT
from .records import Entry, Heads
from .segment import Segment


class Inheritance:
    """What lies at `path`, if it is of this mesh: take it over only while holding the host's lock."""

    def __init__(self, path: Path, mesh: int) -> None:
        self.generation = self.version = 0
        self._segment: Segment | None = None
        self._is_ours = False
        try:
            self._segment = segment = Segment.open(path, writable=True)
        except (FileNotFoundError, Malformed):
            return  # there is none, or it is of another version of gossamer: readers of that are not sent on
        self.generation, self.version = segment.words[GENERATION_AT], segment.words[VERSION_AT]
        self._is_ours = segment.words[MESH_AT] == mesh

    def delta(self) -> Delta | None:
        """Return all that was published and committed; None if there is nothing.  O(log)."""
        if self._segment is None or not self._is_ours:
            return None
        known, tagged = VectorClock(), dict[Origin, int]()
        delta = Delta(VectorClock(), known)
        entries: dict[bytes, Entry] = {}
        for said in lookup.replay(self._segment):
            if isinstance(said, Heads):
                delta.forgotten |= said.forgotten
                for origin, (sequence, tag) in said.known.items():
                    tagged[origin] = sequence
                    _raise(known, origin, sequence)
                    known.tags[origin] = tag
            else:
                entries[said.key] = said
                for write in each(said.held):
                    _raise(known, write.origin, write.sequence)
                for dot in said.deletes:
                    _raise(known, *dot)
        for entry in entries.values():
            [plain] = keys_from_wire([decode_strict(entry.key[1:])])
            key = SpaceKey(entry.key[0], plain) if entry.key[0] else plain  # type: ignore[arg-type]
            if entry.held is not None or entry.deletes:
                delta.siblings[key] = entry.held
            if entry.deletes:
                delta.deletes[key] = entry.deletes
        for origin, sequence in known.heads.items():
            if tagged.get(origin) != sequence:
                known.tags.pop(origin, None)
        return delta

    def send_readers_on(self) -> None:
        """Another segment lies there now."""
        if self._segment is not None:
            self._segment.words[STATE_AT] = MOVED
            self._segment.words[VERSION_AT] = self.version + 1
            self._segment.close()


def _raise(known: VectorClock, origin: Origin, sequence: int) -> None:
    if known.heads.get(origin, 0) < sequence:
        known.advance(origin, sequence)
