"""How long what a node shows is behind what was written: for each write, when each node knew it.

A write is fresh on a node once the node's vector covers it.  A node is stale from the
moment of the write, or from its own start if that came later, until then.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...crdt.dots import Origin
from ...crdt.writes import Key
from .thinning import Thinned

WRITES_MAX = 2000
"""Writes that are followed; of more, an even share is."""
DELAYS_MAX = 20_000
KEYS_MAX = 64
"""Keys written at one moment that are remembered."""


@dataclass(slots=True, eq=False)
class Followed:
    """A write, or what a node wrote at one moment, and how far it came."""

    at: float
    node: str
    origin: Origin
    until: int
    """The sequence of its last write."""
    keys: list[Key]
    """The first of its keys."""
    count: int = 1
    """How many writes it holds."""
    seen_by: int = 0
    """Nodes that have known it since, its writer left out."""
    last_s: float = 0.0
    """How long the slowest of them so far took."""

    def extend(self, key: Key, sequence: int) -> None:
        """One more write was made at the same moment."""
        self.until, self.count = sequence, self.count + 1
        if len(self.keys) < KEYS_MAX:
            self.keys.append(key)


@dataclass(slots=True)
class _Watcher:
    """What is known of one node."""

    since: float
    digest: bytes = b""
    heads: dict[Origin, int] = field(default_factory=dict)


class Staleness:
    """Hears of writes, and looks at vectors."""

    def __init__(self) -> None:
        self.writes: Thinned[Followed] = Thinned(WRITES_MAX)
        self.delays_s: Thinned[float] = Thinned(DELAYS_MAX)
        """One for each write and node that it reached."""
        self._logs: dict[Origin, list[Followed]] = {}
        self._watchers: dict[str, _Watcher] = {}

    def born(self, name: str, at: float) -> None:
        """A process that knows nothing yet has started on a node."""
        self._watchers[name] = _Watcher(at)

    def died(self, name: str) -> None:
        """What a node knew is gone."""
        self._watchers.pop(name, None)

    def wrote(self, write: Followed) -> None:
        """A node wrote.  O(1), amortised."""
        kept = len(self.writes)
        if not self.writes.append(write):
            return
        if len(self.writes) <= kept:
            self._logs = {}
            for each in self.writes:
                self._logs.setdefault(each.origin, []).append(each)
        else:
            self._logs.setdefault(write.origin, []).append(write)

    def look(self, name: str, at: float, heads: Mapping[Origin, int], digest: bytes) -> list[Followed]:
        """Look at what a node knows; return the followed writes that are new to it.  O(origins) if anything is."""
        watcher = self._watcher(name, at)
        if digest == watcher.digest:
            return []
        watcher.digest = digest
        news: list[Followed] = []
        for origin, log in self._logs.items():
            before, now = watcher.heads.get(origin, 0), heads.get(origin, 0)
            if now > before:
                watcher.heads[origin] = now
                news += log[bisect_right(log, before, key=_until) : bisect_right(log, now, key=_until)]
        for write in news:
            if write.node != name or write.at < watcher.since:  # who wrote it knew it, unless it started anew
                self._note(write, at - max(write.at, watcher.since))
        return news

    def missing(self, names: Iterable[str]) -> int:
        """Return how many pairs of a followed write and one of these nodes never met."""
        return sum(
            write.until > self._watchers[name].heads.get(write.origin, 0)
            for name in names
            if name in self._watchers
            for write in self.writes
        )

    def _note(self, write: Followed, delay_s: float) -> None:
        write.seen_by += 1
        write.last_s = max(write.last_s, delay_s)
        self.delays_s.append(delay_s)

    def _watcher(self, name: str, at: float) -> _Watcher:
        return self._watchers.setdefault(name, _Watcher(at))


def _until(write: Followed) -> int:
    return write.until


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the least of these ordered values that `share` of them do not exceed (nearest rank); NaN of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
