"""What must hold of events in every run: order, at most one start, nothing before its state, no silent loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..crdt.dots import Origin
from ..protocol.emissions import RawEvent
from .oracle import Wrong
from .promises import Check

if TYPE_CHECKING:
    from .node import Node
    from .simulation import Simulation


@dataclass(frozen=True, slots=True)
class _Said:
    name: str
    payload: bytes
    needs: tuple[Origin, int] | None


class EventPromises(Check):
    """Fed with all events of a run, at those who emit and at those who hear."""

    def __init__(self) -> None:
        self._said: dict[tuple[bytes, int], _Said] = {}
        self._last: dict[tuple[bytes, bytes], int] = {}
        self._heard: Counter[tuple[bytes, bytes]] = Counter()
        self._missed: Counter[tuple[bytes, bytes]] = Counter()
        self._before: dict[tuple[bytes, bytes], int] = {}

    def happened(self, node: Node, events: Sequence[RawEvent]) -> None:
        """Compare each event with what was emitted and with what came before it."""
        mine = node.replica.identity.boot
        for event in events:
            if event.boot == mine:
                self._emitted(node, event)
            elif not event.replayed:
                self._arrived(node, mine, event)

    def _emitted(self, node: Node, event: RawEvent) -> None:
        ledger = node.replica.ledger
        needs = (ledger.origin, ledger.head()) if ledger.origin is not None and ledger.head() else None
        self._said[event.boot, event.number] = _Said(event.name, event.payload, needs)

    def _arrived(self, node: Node, mine: bytes, event: RawEvent) -> None:
        said, way = self._said.get((event.boot, event.number)), (mine, event.boot)
        if said is None or (said.name, said.payload) != (event.name, event.payload):
            raise Wrong(f"{node.name} heard event {event.number}, {event.name!r}, which nobody emitted")
        if said.needs is not None and node.replica.ledger.state.known.sequence(said.needs[0]) < said.needs[1]:
            raise Wrong(f"{node.name} heard event {event.number} before the state that its sender had written")
        last = self._last.get(way)
        if last is None:
            self._before[way] = event.number - event.missed - 1
        elif event.number != last + event.missed + 1:
            raise Wrong(f"{node.name} heard event {event.number}, {event.missed} missed, after {last}")
        self._last[way] = event.number
        self._heard[way] += 1
        self._missed[way] += event.missed

    def agreed(self, simulation: Simulation) -> None:
        """Count: heard and missed make up what was emitted since two met."""
        for node in simulation.alive():
            mine = node.replica.identity.boot
            for other in simulation.alive():
                boot = other.replica.identity.boot
                stream = node.replica.emissions.streams.get(boot)
                if other is node or stream is None or (mine, boot) not in self._last:
                    continue
                way = mine, boot
                heard, missed = self._heard[way], self._missed[way] + stream.missed
                if heard + missed != stream.next - 1 - self._before[way]:
                    raise Wrong(f"{node.name} heard {heard} and missed {missed} of {stream.next - 1} of {other.name}")
