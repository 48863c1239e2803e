"""What was written, and whether all of it is still there: the demo's claim, checked.

A write counts from the moment its peer has acknowledged it.  The last write of each peer
to each key must be what every survivor shows, or, where another peer wrote that key
without having heard of it, one of the values that every survivor keeps as a conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What every survivor holds, held against every write."""

    lost: tuple[str, ...]
    """A sentence each: which key of whose, and where it is missing."""
    invented: tuple[str, ...]
    """Keys or values that nobody wrote."""
    conflicts: int
    """Keys that were written on both sides of the cut, and that all survivors resolved alike."""
    disagreements: tuple[str, ...]

    @property
    def wrong(self) -> list[str]:
        """All that should not be, a sentence each."""
        lost = [f"lost: {what}" for what in self.lost]
        return [*lost, *(f"written by nobody: {what}" for what in self.invented), *self.disagreements]


class Account:
    """Every acknowledged write."""

    def __init__(self) -> None:
        self.writes = 0
        self._latest: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._written: defaultdict[str, list[Any]] = defaultdict(list)

    @property
    def keys(self) -> int:
        """How many keys were written."""
        return len(self._latest)

    def acknowledge(self, writer: str, writes: Mapping[str, Any]) -> None:
        """Enter writes that `writer` has made."""
        self.writes += len(writes)
        for key, value in writes.items():
            self._latest[key][writer] = value
            self._written[key].append(value)

    def reckon(self, states: Mapping[str, Mapping[str, Any]]) -> Reckoning:
        """Compare with what the survivors hold, by name: each {"state": {...}, "conflicts": {...}}."""
        lost, invented, disagreements = [], [], []
        for name, held in states.items():
            state, conflicts = held["state"], held["conflicts"]
            for key, latest in self._latest.items():
                kept = [state[key]] if key in state else []
                kept += conflicts.get(key, [])
                lost += [f"{key} of {writer} at {name}" for writer, value in latest.items() if value not in kept]
                invented += [f"{key} at {name}" for value in kept if value not in self._written[key]]
            invented += [f"{key} at {name}" for key in state if key not in self._latest]
        contested = [key for key, latest in self._latest.items() if len(latest) > 1]
        resolved = 0
        for key in contested:
            views = [(held["state"].get(key), held["conflicts"].get(key)) for held in states.values()]
            if all(view == views[0] and view[1] for view in views):
                resolved += 1
            else:
                disagreements.append(f"{key} is resolved differently: {views}")
        return Reckoning(tuple(lost), tuple(invented), resolved, tuple(disagreements))
