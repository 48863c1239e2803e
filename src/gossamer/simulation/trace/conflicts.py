"""Conflicts as a run shows them: a key under which nodes hold several live writes, until somebody writes over them.

While nodes catch up, they may hold writes that others know to be replaced.  A rival is
out once any node knows it and does not hold it; what stays is what all will see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...crdt.dots import Dot, Origin
from ...crdt.writes import Held, Key, Write, each

CONFLICTS_MAX = 1000
"""Conflicts that are kept; later ones are only counted."""


@dataclass(slots=True, eq=False)
class Conflict:
    """Several live writes of one key."""

    key: Key
    at: float
    """When a node first held more than one of them."""
    rivals: dict[Dot, Write] = field(default_factory=dict)
    """As long as it stands, those that nobody knows to be replaced; then, those that there were at its end."""
    seen_by: set[str] = field(default_factory=set)
    resolved_at: float | None = None
    resolved_by: str = ""
    """Who wrote over it having seen it; empty if that was found out from what nodes hold."""
    replaced: set[Dot] = field(default_factory=set)

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

    def look(self, key: Key, held: Held, heads: Mapping[Origin, int], name: str, at: float) -> None:
        """A node that knows `heads` holds this under a key.  O(live writes of the key)."""
        conflict, writes = self._open.get(key), each(held)
        if conflict is None and len(writes) > 1:
            conflict = self._new(key, writes, at)
        if conflict is None:
            return
        here = {write.dot: write for write in writes}
        conflict.replaced.update(
            dot for dot in conflict.rivals if dot not in here and heads.get(dot.origin, 0) >= dot.sequence
        )
        rivals = {dot: write for dot, write in (conflict.rivals | here).items() if dot not in conflict.replaced}
        if len(rivals) > 1:
            conflict.rivals = rivals
            conflict.seen_by.add(name)
        else:
            self._end(conflict, "", at)

    def wrote(self, key: Key, name: str, at: float) -> None:
        """A node wrote under a key: if it had seen the rivals, that ends the conflict."""
        conflict = self._open.get(key)
        if conflict is not None and name in conflict.seen_by:
            self._end(conflict, name, at)

    def _new(self, key: Key, writes: tuple[Write, ...], at: float) -> Conflict | None:
        before = self._closed.get(key)
        if before is not None and all(write.dot in before.rivals or write.dot in before.replaced for write in writes):
            return None  # this node has not heard yet that it is over
        if len(self.all) >= CONFLICTS_MAX:
            self.left_out += 1
            return None
        conflict = self._open[key] = Conflict(key, at)
        self.all.append(conflict)
        return conflict

    def _end(self, conflict: Conflict, name: str, at: float) -> None:
        conflict.resolved_at, conflict.resolved_by = at, name
        self._closed[conflict.key] = self._open.pop(conflict.key)
