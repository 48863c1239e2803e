"""A dict that holds what its meshes hold: what is written into it goes into each, and what one says, into the others.

1. Reading is of the dict; writing is of the dict and of every mesh, under one lock.
2. What a mesh holds under a key that others have changed is true.  Where two networks have changed one key at once, all
   that bridge them choose alike: a value before a delete, then what was written later.
3. The changes of one batch are seen here together, as in the mesh.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...errors import GossamerError, InvalidKey, UnsendableValue, ValueTooLarge
from .changed import Changed, after, message_of
from .crossing import Crossing
from .forks import tell_of_forks
from .mesh_connector import Held, MeshConnector
from .reading import ReadByCopy
from .values import ABSENT, same, thawed, told

REFUSALS = (UnsendableValue, InvalidKey, ValueTooLarge)
"""What the program is told of a write, at the assignment."""
MOMENT_S = 0.001
"""Within which a mesh does not say when a value was written; of two in one such moment, the mesh's counts."""


class Bridge(ReadByCopy):
    """The part of a `NetworkMemory` that knows of meshes."""

    name: str

    def __init__(self, **initial: Any) -> None:
        super().__init__(**initial)
        self._connectors: list[Any] = []
        self._crossings: list[Crossing] = []
        self._has_slept = False
        tell_of_forks(self)

    def _meshes(self, but: Any = None) -> Iterator[MeshConnector]:
        return (each for each in self._connectors if isinstance(each, MeshConnector) and each is not but)

    def _meet(self, connector: MeshConnector, is_known: bool = False) -> None:
        """Take over what a mesh holds, and write into it what is newer here; if it `is_known`, it knows all of that."""
        theirs = connector.snapshot()
        adopted, newer = [], []
        for key in {**theirs, **dict(dict.items(self))}:
            held, mine, moment = connector.current(key), dict.get(self, key, ABSENT), self._moment(key) or 0.0
            written = held.written_at_s + MOMENT_S
            if same(mine, held.value):
                continue
            if is_known or mine is ABSENT or (held.value is not ABSENT and written > moment):
                adopted.append(Changed(key, mine, thawed(held.value), self._moment_of(key, held)))
            else:
                newer.append(Changed(key, held.value, mine, moment))
        if newer:  # this raises for what cannot travel, before anything is stored
            connector.send_message(message_of(self.name, newer))
        self._adopt(adopted, connector)

    def _of_mesh(self, connector: MeshConnector, msg: dict[str, Any]) -> None:
        """Take over what a mesh tells of; whether it still holds, only the mesh itself knows.  Under the lock."""
        steps: dict[Any, list[dict[str, Any]]] = {}
        for row in msg["changes"]:
            steps.setdefault(row["key"], []).append(row)
        changes, overruled = [], []
        for key, rows in steps.items():
            current = connector.current(key)
            if current.is_ours:
                continue
            held = dict.get(self, key, ABSENT)
            settled = self._settled(connector, key, held, current)
            changed = Changed(key, held, thawed(settled.value), self._moment_of(key, settled))
            if settled is not current:
                overruled.append(changed)
            if settled is current and _is_chain(held, rows, current.value):
                changes += _links(changed, rows)
            elif not same(held, settled.value):
                changes.append(changed)
        if overruled:
            self._send(connector, overruled)
        self._adopt(changes, connector)

    def _moment_of(self, key: Any, held: Held) -> float:
        """Return when a mesh's value was written, as connectors are told: later than what they know of the key."""
        last = self._moment(key)
        if held.value is ABSENT:
            return after(last)  # when something was deleted, a mesh does not tell
        return held.written_at_s if last is None or held.written_at_s > last else math.nextafter(last, math.inf)

    def _settled(self, source: MeshConnector, key: Any, held: Any, current: Held) -> Held:
        """Return which network is right about a key: `source`, unless another has changed it too and is before it."""
        rivals = [other.current(key) for other in self._meshes(but=source) if self._carries(source, other)]
        changed = [each for each in rivals if not same(each.value, held)]
        return max([current, *changed], key=lambda each: each.rank)

    def _adopt(self, changes: list[Changed], source: MeshConnector) -> None:
        """Store what a mesh changed, and write into the others what they do not have.  Under the lock."""
        last = {change.key: change for change in changes}
        for connector in filter(lambda each: self._carries(source, each), self._meshes(but=source)):
            unknown = [
                change
                for key, change in last.items()
                if same(change.old, change.new) or not same(connector.current(key).value, change.new)
            ]
            if unknown:
                try:
                    self._send(connector, unknown)
                except REFUSALS as error:  # what is too large for this network, its `options` say
                    self.connection_error(connector, error)
        for change in changes:
            self._store(change.key, change)
        self._record(changes)

    # -- between networks -------------------------------------------------------------------------

    def _cross_to(self, connector: MeshConnector) -> None:
        """Offer to carry between a mesh that was just connected and the others."""
        self._crossings += [Crossing(connector, other, self._take_over) for other in self._meshes(but=connector)]

    def _carries(self, one: MeshConnector, other: MeshConnector) -> bool:
        return all(crossing.is_ours for crossing in self._crossings if crossing.joins(one, other))

    def _take_over(self) -> None:
        """Who carried between our networks has gone: bring into each what we have heard in the other since."""
        with self._lock:
            for connector in self._meshes():
                theirs, ours = connector.snapshot(), dict(dict.items(self))
                changed = [
                    Changed(key, theirs.get(key, ABSENT), ours.get(key, ABSENT), self._now(key))
                    for key in {**theirs, **ours}
                    if not same(theirs.get(key, ABSENT), ours.get(key, ABSENT))
                ]
                if changed:
                    self._send(connector, changed)

    # -- what the program changes -----------------------------------------------------------------

    def _check(self, key: Any, value: Any) -> None:
        self._wake()
        for connector in self._meshes() if value is not ABSENT else ():
            with self._forgiving(connector):
                connector.check(key, value)

    def _is_unheard(self, key: Any, value: Any) -> bool:
        return self._block() is None and any(not same(each.current(key).value, value) for each in self._meshes())

    def _publish(self, changes: list[Changed]) -> None:
        self._wake()
        for connector in self._meshes():
            self._send(connector, changes)

    def _send(self, connector: MeshConnector, changes: list[Changed]) -> None:
        with self._forgiving(connector):
            connector.send_message(message_of(self.name, changes))

    @contextmanager
    def _forgiving(self, connector: MeshConnector) -> Iterator[None]:
        """Let only what is wrong with a write be raised: of a mesh that has ended, the writer need not know."""
        try:
            yield
        except REFUSALS:
            raise
        except GossamerError as error:
            self.connection_error(connector, error)

    def connection_error(self, connector: Any, exc: Any = None) -> None:
        """Log it."""
        self.log.warning("%s: an error of %r: %s", self.name, connector, exc)

    def _drop(self, connector: Any) -> None:
        with self._lock:
            self._connectors = [other for other in self._connectors if other is not connector]
            self._crossings = [each for each in self._crossings if connector not in each.ends]

    # -- fork -------------------------------------------------------------------------------------

    def fork_begins(self) -> None:
        """Let the child find the memory whole."""
        self._lock.acquire()

    def fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def fork_in_child(self) -> None:
        """Forget the parent's threads; join the meshes anew at first use."""
        self._lock = threading.RLock()
        self._has_slept = True

    def _wake(self) -> None:
        if not self._has_slept:
            return
        with self._lock:
            if not self._has_slept:
                return
            self._has_slept = False
            for connector in list(self._meshes()):
                try:
                    connector.resume()
                    self._meet(connector, is_known=True)
                except GossamerError as error:
                    self.connection_error(connector, error)
                    self._drop(connector)


def _is_chain(held: Any, rows: list[dict[str, Any]], value: Any) -> bool:
    """Whether changes lead, one after the other, from what is held to `value`, so that each can be told."""
    olds, news = [row["old_val"] for row in rows], [row["new_val"] for row in rows]
    return (
        same(told(held), olds[0])
        and same(told(value), news[-1])
        and all(map(same, olds[1:], news))
        and all(row["action"] == "update" for row in rows[:-1])
    )


def _links(changed: Changed, rows: list[dict[str, Any]]) -> list[Changed]:
    """Return the steps of a chain as changes."""
    between = [thawed(row["new_val"]) for row in rows[:-1]]
    olds, news = [changed.old, *between], [*between, changed.new]
    return [replace(changed, old=old, new=new) for old, new in zip(olds, news, strict=True)]
