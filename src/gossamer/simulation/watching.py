"""A program that watches all keys of a peer and takes its changes when the story says so, not when they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..crdt.writes import Held, Key, Replaced
from ..protocol.effects import Notice
from ..protocol.emissions import RawEvent
from ..views.mapping import MeshMapping
from ..views.watchers import Feed, Watchers

if TYPE_CHECKING:
    from .node import Node

Taken = tuple[Key, Any, Any]
"""A key, what was visible under it, and what is; None where there was, or is, nothing."""


class Watching:
    """A feed that nobody empties but `take`."""

    def __init__(self, watchers: Watchers, changes_max: int, wake: Callable[[], None] = lambda: None) -> None:
        self._watchers = watchers
        self.feed = Feed(changes_max, wake, lambda key: True)
        watchers.watch(self.feed)

    def take(self, at_most: int | None = None) -> list[Taken]:
        """Return the changes that wait, or the oldest `at_most` of them, and let go of them."""
        changes = (self._watchers.change(raw) for raw in islice(self._watchers.drain(self.feed), at_most))
        return [(change.key, change.old, change.new) for change in changes if change is not None]


class WatchingProgram:
    """The same, as a simulated process runs it: between its ledger and the feed stands what stands there in a peer."""

    def __init__(self, node: Node, changes_max: int) -> None:
        ledger, now_ms = node.replica.ledger, lambda: node.corrected_ms
        self._watchers = Watchers(now_ms, lambda origin: origin)
        self._watchers.ledger = ledger
        self._watchers.mapping = MeshMapping(ledger, node.name, now_ms, now_ms, _nothing, lambda origin: origin)
        self.watching = Watching(self._watchers, changes_max)

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Pass it on to the feed."""
        self._watchers.replaced(replaced, local)

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Pass it on to the feed."""
        self._watchers.lapsed(lapsed)

    def noticed(self, notice: Notice) -> None:
        """Look away."""

    def happened(self, events: Sequence[RawEvent]) -> None:
        """Look away."""

    def lost(self, boot: bytes, count: int) -> None:
        """Look away."""

    def turned(self) -> None:
        """Look away."""


def _nothing() -> None:
    """Send nothing: who watches here does not write."""
