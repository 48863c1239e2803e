"""Shows in shared memory, step by step, what a replica holds.

What is told under the ledger's lock is visible to the other processes before the lock is
given back: one step is one `commit`, so nobody sees half a batch.  The heads that a step
of others' writes moved are published with it, so what stands in the segment is always a
state that a replica may start from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from ..crdt.dots import Dot, Origin
from ..crdt.lww_map import LWWMap
from ..crdt.vector_clock import NO_TAG
from ..crdt.writes import Held, Key, Replaced, Write, each, winner
from ..wire.keys import SpaceKey
from .records import Heads
from .writer import SegmentWriter

logger = logging.getLogger("gossamer.cache")

AGAIN_NS: Final = 1_000_000_000
"""Whoever had no space looks again so often whether there is any."""


class Audience(Protocol):
    """Who wants to be told that something was published."""

    watchers: int
    """How many there are."""

    def changed(self) -> None:
        """Tell them, soon."""


class Publisher:
    """Keeps a segment equal to a map.  Every method is called under the lock of whoever owns the map."""

    def __init__(
        self,
        path: Path,
        state: LWWMap,
        *,
        mesh: int = 0,
        generation: int = 1,
        version: int = 0,
        now_ms: int = 0,
        shows: Callable[[Key], bool] | None = None,
        audience: Audience | None = None,
    ) -> None:
        """`now_ms` decides what has expired.  With `shows`, only keys for which it returns True are published."""
        self._path = path
        self._state = state
        self._mesh = mesh
        self._shows = shows
        self._audience = audience
        self._forgotten: dict[Origin, int] = {}
        self._own_tag = NO_TAG
        self._hidden: set[Key] = set()
        """Keys under which everything has expired: they are no more counted."""
        self.stopped = ""
        """Why nothing is published any more; empty while all is well."""
        self._again_ns = 0
        """When we try again to publish, if we had to stop."""
        self._writer = self._begun(generation, version, now_ms)

    def _begun(self, generation: int, version: int, now_ms: int) -> SegmentWriter:
        """Return the writer of a new segment that shows all that there is, put under the name."""
        writer = SegmentWriter(self._path, self, mesh=self._mesh, generation=generation, version=version)
        state, hidden = self._state, set[Key]()
        try:
            for key in [*state.live, *(state.deletes.keys() - state.live.keys())]:
                if self._shows is not None and not self._shows(key):
                    continue
                held, deletes = self.held(key)
                writer.put(key, held, deletes)
                if held is not None and type(key) is not SpaceKey:
                    if winner(held, now_ms) is None:
                        hidden.add(key)
                    else:
                        writer.count += 1
            writer.put_heads(self.known())
            writer.commit()
        except BaseException:
            writer.close()
            raise
        self._hidden = hidden
        return writer

    @property
    def version(self) -> int:
        """How many steps are visible."""
        return self._writer.version

    @property
    def generations(self) -> int:
        """How many files there have been."""
        return self._writer.generations

    def known(self) -> Heads:
        """Return all heads, and up to where deletes were forgotten: each generation says them whole."""
        known = self._state.known
        self._forgotten = dict(self._state.forgotten)
        return Heads({o: (n, known.tags.get(o, NO_TAG)) for o, n in known.heads.items()}, self._forgotten)

    def held(self, key: Key) -> tuple[Held, tuple[Dot, ...]]:
        """Return the live writes and the kept deletes of `key`: what a new generation says of it."""
        return self._state.live.get(key), self._state.deletes.get(key, ())

    def _put(self, key: Key, held: Held) -> None:
        self._writer.put(key, held, self._state.deletes.get(key, ()))

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Publish a step.  O(its keys)."""
        if self.stopped:
            return
        if self._shows is not None:
            replaced = [one for one in replaced if self._shows(one.key)]
        writer, deletes, hidden = self._writer, self._state.deletes, self._hidden
        try:
            for key, before, after in replaced:
                writer.put(key, after, deletes.get(key, ()) if deletes else ())
                if (before is None or after is None or hidden) and type(key) is not SpaceKey:
                    writer.count += (after is not None) - (before is not None and key not in hidden)
                    hidden.discard(key)
            if not local:
                writer.put_heads(self._moved(replaced))
            writer.commit()
        except OSError as error:
            self._stop(error)

    def overwrote(self, key: Key, write: Write) -> bool:
        """Publish a local write that replaced what was seen: return False if it is another case, for `replaced`."""
        at = self._writer.steady
        if at is None or self._hidden or self._shows is not None:
            return False
        deletes = self._state.deletes
        if (deletes and key in deletes) or not at.overwrite(key, write):
            return False
        if self._audience is not None and self._audience.watchers:
            self._audience.changed()
        return True

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]], now_ms: int) -> None:
        """Publish again what has ceased to be seen: readers know the time, and followers see that there is news."""
        if self.stopped:
            return
        try:
            for key, _, held in lapsed:
                if self._shows is not None and not self._shows(key):
                    continue
                self._put(key, held)
                if type(key) is not SpaceKey and held is not None and winner(held, now_ms) is None:
                    self._writer.count -= key not in self._hidden
                    self._hidden.add(key)
            self._writer.commit()
        except OSError as error:
            self._stop(error)

    def _moved(self, replaced: Iterable[Replaced]) -> Heads:
        """Return the heads of all whose writes or deletes a step brought, and what was forgotten, if that changed."""
        state = self._state
        origins = {write.origin for _, _, after in replaced for write in each(after)}
        if state.deletes:
            origins |= {dot.origin for key, _, _ in replaced for dot in state.deletes.get(key, ())}
        heads, tags = state.known.heads, state.known.tags
        known = {origin: (heads[origin], tags.get(origin, NO_TAG)) for origin in origins if origin in heads}
        forgotten: dict[Origin, int] = {}
        if state.forgotten != self._forgotten:
            forgotten = self._forgotten = dict(state.forgotten)
        return Heads(known, forgotten)

    def beat(self, now_ns: int, offset_ms: int, origin: Origin | None = None, now_ms: int = 0) -> None:
        """Say that we live, and how far our own writes, under `origin`, have been closed and tagged.

        If we had to stop for lack of space, try again now and then; `now_ms` decides what has expired.
        """
        if self.stopped and not self._resumed(now_ns, now_ms):
            return
        tag = self._state.known.tags.get(origin, NO_TAG) if origin is not None else NO_TAG
        if origin is not None and tag != self._own_tag:
            self._own_tag = tag
            try:
                self._writer.put_heads(Heads({origin: (self._state.known.heads[origin], tag)}, {}))
                self._writer.commit()
            except OSError as error:
                self._stop(error)
        self._writer.beat(now_ns, offset_ms)

    def _stop(self, error: OSError) -> None:
        self.stopped = f"{error.strerror or error}"
        self._writer.full()
        logger.error(
            "the other processes of this host see no more changes, for the shared memory is full (%s); "
            "the mesh goes on; make room on its disk, or let GOSSAMER_RUNTIME_DIR name a directory on another",
            self.stopped,
        )

    def _resumed(self, now_ns: int, now_ms: int) -> bool:
        """Return whether there was room for all that there is, so that it is shown again."""
        if now_ns < self._again_ns:
            return False
        self._again_ns = now_ns + AGAIN_NS
        old = self._writer
        try:
            self._writer = self._begun(old.generation + 1, old.version, now_ms)
        except OSError:
            return False
        old.move()
        self.stopped = ""
        logger.warning("there is room again: the other processes of this host see all changes")
        return True

    def close(self, *, unlink: bool = True) -> None:
        """End in order.  Whoever has the segment mapped can go on reading; with `unlink`, nobody else finds it."""
        self._writer.close(unlink=unlink)
