"""Mappings without a network: copies of a state that a test brings together, and a clock that it sets."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from gossamer.options import Options
from gossamer.protocol.ledger import Ledger
from gossamer.views.changes import Change
from gossamer.views.listeners import Listeners
from gossamer.views.objects import MeshWithObjects
from gossamer.views.watchers import Feed, Watchers

NOON_MS = 1_700_000_000_000


class LocalMesh(MeshWithObjects):
    """A mapping with objects, whose listeners are called when the test asks for it."""

    def _start_listening(self) -> None:
        pass


class Copy:
    """One peer's copy: a mapping, who listens to it, and how it meets another."""

    clock_ms = NOON_MS
    offset_ms = 0
    """By how much the clocks of the others are ahead of ours, as far as measured."""

    def __init__(self, name: str = "ours", options: Options | None = None) -> None:
        options = options or Options()
        self.name = name
        self.writes_told = 0
        self.watchers = Watchers(self.seen_ms, self.writer_of)
        self.ledger = Ledger(options, random.Random(name), threading.Lock(), self.watchers)
        self.watchers.ledger = self.ledger
        self.mapping = LocalMesh(self.ledger, name, self.wall_ms, self.seen_ms, self._wrote, self.writer_of)
        self.watchers.mapping = self.mapping
        self.listeners = self.mapping._listeners = Listeners(self.watchers)
        self.others: dict[bytes, str] = {}

    def wall_ms(self) -> int:
        return self.clock_ms

    def seen_ms(self) -> int:
        return self.clock_ms + self.offset_ms

    def writer_of(self, origin: bytes) -> str:
        return self.name if origin == self.ledger.origin else self.others.get(origin, "")

    def _wrote(self) -> None:
        self.writes_told += 1

    def hear(self, other: Copy) -> None:
        """Learn all that `other` knows."""
        if other.ledger.origin is not None:
            self.others[other.ledger.origin] = other.name
        assert self.ledger.begin_join(other.ledger.snapshot_delta(self.ledger.vector()))
        while not self.ledger.prepare_join(1):
            pass
        self.ledger.finish_join(self.wall_ms())

    def meet(self, other: Copy) -> None:
        self.hear(other)
        other.hear(self)

    def later(self, seconds: float) -> None:
        self.clock_ms += round(seconds * 1000)

    def watch(self, changes_max: int = 1024, wanted: Callable[[object], bool] = lambda key: True) -> Watcher:
        return Watcher(self, changes_max, wanted)


class Watcher:
    """Reads changes when the test asks for them, as slow as the test likes."""

    def __init__(self, copy: Copy, changes_max: int, wanted: Callable[[object], bool]) -> None:
        self.woken = 0
        self.feed = Feed(changes_max, self._wake, wanted)
        self._copy = copy
        copy.watchers.watch(self.feed)

    def _wake(self) -> None:
        self.woken += 1

    def read(self) -> list[Change]:
        found = (self._copy.watchers.change(raw) for raw in self._copy.watchers.drain(self.feed))
        return [change for change in found if change is not None]

    def told(self) -> list[tuple[object, object, object]]:
        return [(change.key, change.old, change.new) for change in self.read()]

    def deliver(self) -> None:
        """Call the copy's listeners with what waits."""
        for raw in self._copy.watchers.drain(self.feed):
            self._copy.listeners.deliver(raw)
