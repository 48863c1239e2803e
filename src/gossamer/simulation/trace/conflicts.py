"""Conflicts as a run shows them: a key under which nodes hold several live writes, until somebody writes over them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...crdt.dots import Dot
from ...crdt.writes import Held, Key, Write

CONFLICTS_MAX = 1000
"""Conflicts that are kept; later ones are only counted."""


@dataclass(slots=True, eq=False)
class Conflict:
    """Several live writes of one key."""

    key: Key
    at: float
    """When a node first held them all that it held then."""
    rivals: dict[Dot, Write] = field(default_factory=dict)
    seen_by: set[str] = field(default_factory=set)
    resolved_at: float | None = None
    resolved_by: str = ""

    @property
    def winner(self) -> Write:
        """The write that every node shows, unless it has expired."""
        return max(self.rivals.values(), key=lambda write: (write.stamp, write.origin))


class Conflicts:
    """Is shown what nodes hold."""

    def __init__(self) -> None:
        self.all: list[Conflict] = []
        self.left_out = 0
        self._open: dict[Key, Conflict] = {}
        self._closed: dict[Key, Conflict] = {}

    def look(self, key: Key, held: Held, name: str, at: float) -> None:
        """A node holds this under a key.  O(live writes of the key)."""
        if not isinstance(held, tuple) or isinstance(held, Write):
            return
        conflict = self._open.get(key)
        if conflict is None:
            if key in self._closed and all(write.dot in self._closed[key].rivals for write in held):
                return  # this node has not heard yet that it is over
            if len(self.all) >= CONFLICTS_MAX:
                self.left_out += 1
                return
            conflict = self._open[key] = Conflict(key, at)
            self.all.append(conflict)
        conflict.rivals.update((write.dot, write) for write in held)
        conflict.seen_by.add(name)

    def wrote(self, key: Key, name: str, at: float) -> None:
        """A node wrote under a key: if it had seen the rivals, that ends the conflict."""
        conflict = self._open.get(key)
        if conflict is not None and name in conflict.seen_by:
            conflict.resolved_at, conflict.resolved_by = at, name
            self._closed[key] = self._open.pop(key)
