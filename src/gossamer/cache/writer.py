"""The one writer of a segment: puts entries, makes a step visible, moves on to a larger file when one is full.

A full generation is followed by the next without a pause: from half full on, each step
also moves some entries of the old one, and its own go into both; when all are there, the
next lies under the name and the old one says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from ..crdt.dots import Dot
from ..crdt.writes import Held, Key
from ..wire.keys import canonical_key_bytes
from .generation import Generation, NoRoom
from .layout import (
    BEAT_AT,
    CLOSED,
    COMMIT_AT,
    COUNT_AT,
    FULL,
    MOVED,
    OFFSET_AT,
    OFFSET_BIAS,
    STATE_AT,
    VERSION_AT,
    aligned,
)
from .records import Heads, entry_record, heads_record

MOVES_A_PUT: Final = 4
"""While the next generation is made, each entry that is put moves so many, or twice its own size if that is more."""


class Source(Protocol):
    """The state that a segment shows."""

    def held(self, key: Key) -> tuple[Held, tuple[Dot, ...]]:
        """Return the live writes and the kept deletes of `key`."""

    def known(self) -> Heads:
        """Return all heads, and up to where deletes were forgotten."""


class SegmentWriter:
    """Writes the segment at `path`.  Not thread-safe: whoever owns it owns the lock."""

    def __init__(self, path: Path, source: Source, *, mesh: int = 0, generation: int = 1, version: int = 0) -> None:
        self._path = path
        self._source = source
        self._mesh = mesh
        self._births = 1
        self._at: Generation = Generation(path, mesh, generation, 0, 0)
        """What is being filled."""
        self._shown: Generation | None = None
        """What lies under the name; mostly the same."""
        self._next: Generation | None = None
        self._moving: Iterator[Key] = iter(())
        self._put_bytes = 0
        self._puts = 0
        self._at.version = version
        self.steady: Generation | None = None
        """What may be written to by itself: nothing else is under way."""
        self.count = 0
        """Keys of the user's that are there, made visible by the next `commit`."""
        self.generations = 0

    @property
    def version(self) -> int:
        """How many steps have been made visible."""
        return self._at.version

    @property
    def generation(self) -> int:
        """The number of what is being filled."""
        return self._at.number

    # -- a step ---------------------------------------------------------------------------------

    def put(self, key: Key, held: Held, deletes: tuple[Dot, ...] = ()) -> None:
        """Let this be held under `key`, from the next `commit` on.  O(1), amortised.

        Raises `OSError` if there is no space left.
        """
        self.steady = None
        key_bytes = canonical_key_bytes(key)
        try:
            birth = self._put(self._at, key, key_bytes, held, deletes, 0)
        except NoRoom:
            self._enlarge(len(entry_record(key_bytes, held, deletes, 0, 0)))
            birth = self._put(self._at, key, key_bytes, held, deletes, 0)
        if self._next is not None:
            try:
                self._put(self._next, key, key_bytes, held, deletes, birth)
            except NoRoom:
                self._give_up_next()  # the step ends by beginning another

    def _put(
        self, into: Generation, key: Key, key_bytes: bytes, held: Held, deletes: tuple[Dot, ...], birth: int
    ) -> int:
        word_at = into.where.get(key)
        if word_at is None:
            word_at = into.place(key, key_bytes)
        previous, before_bytes = into.previous(word_at), 0
        if previous:
            length, born, siblings = into.heading(previous)
            before_bytes = aligned(length)
            if siblings and not birth:
                birth = born
        if not birth:
            birth = self._births
            self._births += 1
        data = entry_record(key_bytes, held, deletes, previous, birth)
        into.lead(key, word_at, into.append(data))
        size_bytes = aligned(len(data))
        into.live_bytes += size_bytes - before_bytes
        if into is self._at:
            self._put_bytes += size_bytes
            self._puts += 1
        return birth

    def put_heads(self, heads: Heads) -> None:
        """Note heads that no entry shows."""
        data = heads_record(heads.known, heads.forgotten)
        try:
            self._at.append(data)
        except NoRoom:
            self._enlarge(len(data))  # which holds all heads

    def commit(self) -> None:
        """Make all that was put visible, at once.  Raises `OSError` if there is no space left."""
        self._look_ahead()
        at = self._at
        words = at.words
        words[COUNT_AT] = self.count
        words[COMMIT_AT] = at.head
        words[VERSION_AT] = at.version = at.version + 1
        self._puts = self._put_bytes = 0
        if at is not self._shown:
            self._show(at)
        self.steady = at if self._next is None else None

    def _show(self, at: Generation) -> None:
        old, self._shown = self._shown, at
        at.open_to_all()
        self.generations += 1
        if old is not None:
            words = old.segment.words
            for word in (BEAT_AT, OFFSET_AT):
                at.segment.words[word] = words[word]
            words[STATE_AT] = MOVED
            words[VERSION_AT] = self.version  # who looks at this word alone shall see that it is over
            old.discard()
            old.segment.close()

    # -- the next generation --------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Begin the next generation when this one is half full, or go on with it."""
        at = self._at
        if self._next is not None:
            try:
                if self._move(MOVES_A_PUT * self._puts, 2 * self._put_bytes):
                    self._take_next()
            except NoRoom:
                self._give_up_next()
        elif at.is_half_full:
            with contextlib.suppress(OSError):  # while there is room in this one, nothing is lost by that
                self._begin_next()

    def _begin_next(self) -> None:
        at = self._at
        self._next = Generation(self._path, self._mesh, at.number + 1, len(at.where), at.live_bytes)
        self._moving = iter(list(at.where))

    def _move(self, count: int, budget: int) -> bool:
        """Move entries until so many, and so many bytes, are moved; return whether all are."""
        source, target = self._at, self._next
        assert target is not None
        where = target.where
        for key in self._moving:
            if key not in where:
                offset = source.previous(source.where[key])
                length, birth, _ = source.heading(offset)
                held, deletes = self._source.held(key)
                if held is not None or deletes:
                    self._put(target, key, canonical_key_bytes(key), held, deletes, birth)
                budget -= length
            count -= 1
            if count <= 0 and budget <= 0:
                return False
        return True

    def _take_next(self) -> None:
        """All is in the next generation: fill that one from now on."""
        heads = self._source.known()
        assert self._next is not None
        self._next.append(heads_record(heads.known, heads.forgotten))
        self._next.version = self._at.version
        old, self._at, self._next = self._at, self._next, None
        if old is not self._shown:
            old.discard()
            old.segment.close()

    def _enlarge(self, size_bytes: int) -> None:
        """There is no room for a record of this size: go on in a larger generation at once."""
        self._give_up_next()
        at = self._at
        self._next = Generation(self._path, self._mesh, at.number + 1, len(at.where), at.live_bytes + size_bytes)
        self._moving = iter(list(at.where))
        self._move(1 << 62, 0)
        self._take_next()

    def _give_up_next(self) -> None:
        if self._next is not None:
            self._next.discard()
            self._next.segment.close()
            self._next = None

    # -- what else readers are told -------------------------------------------------------------

    def beat(self, now_ns: int, offset_ms: int) -> None:
        """Say that the writer lives, and what it adds to its wall clock."""
        words = (self._shown or self._at).segment.words
        words[OFFSET_AT] = offset_ms + OFFSET_BIAS
        words[BEAT_AT] = now_ns

    def full(self) -> None:
        """There is no space for what came: readers are told that what they see is old."""
        self.steady = None
        if self._shown is not None:
            self._shown.segment.words[STATE_AT] = FULL

    def move(self) -> None:
        """End because another segment lies under the name now, which readers are sent to."""
        self._end(MOVED)

    def close(self, *, unlink: bool = False) -> None:
        """End in order.  What is there stays readable, by whoever has it mapped, and under its name unless `unlink`."""
        self._end(CLOSED)
        if unlink:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    def _end(self, state: int) -> None:
        self._give_up_next()
        self.steady = None
        if self._shown is not None:
            self._shown.segment.words[STATE_AT] = state
            self._shown.segment.words[VERSION_AT] = self.version + 1
        for one in {self._at, self._shown} - {None}:
            assert one is not None
            one.discard()
            one.segment.close()
