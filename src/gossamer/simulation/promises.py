"""Checks beside the oracle: small promises, each an object that a run feeds.

`checks.Checks` holds every node against causality after every step: nothing invented,
nothing lost, no resurrection, no torn batch, vectors that only grow, watchers that see
what is there.  The checks here look at single nodes (`stepped`, `wrote`), or at the whole
mesh once all agree (`agreed`).  Make your own and give it to `Simulation.checks.add`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..crdt.writes import Key, Write, each, winner
from ..protocol.emissions import RawEvent
from ..protocol.outbox import BATCH_ROWS_MAX
from .oracle import Wrong

if TYPE_CHECKING:
    from .node import Node
    from .simulation import Simulation

SPARE_ROWS = 64
"""A batch is about full before its last row."""


class Check:
    """Fed by a run; raises `Wrong` when a promise is broken.  Override what you need."""

    def wrote(self, node: Node, writes: Iterable[tuple[Key, Write]]) -> None:
        """A program on this node has just written."""

    def stepped(self, node: Node) -> None:
        """Something has happened to this node.  Called very often: be quick."""

    def happened(self, node: Node, events: Sequence[RawEvent]) -> None:
        """These events have just been handed to the program on this node."""

    def agreed(self, simulation: Simulation) -> None:
        """All living nodes agree."""


class ReadYourWrites(Check):
    """What a program has written, it sees at once, whatever the network does."""

    def wrote(self, node: Node, writes: Iterable[tuple[Key, Write]]) -> None:
        """Look for each write where it should be seen."""
        live = node.replica.ledger.state.live
        for key, write in writes:
            held = live.get(key)
            if write.value is None:
                if held is not None and any(w.origin == write.origin for w in each(held)):
                    raise Wrong(f"{node.name} deleted {key!r} and still holds {held}")
                continue
            seen = winner(held, 0)
            if seen is None or seen.dot != write.dot:
                raise Wrong(f"{node.name} wrote {write} under {key!r} and sees {seen}")


class OriginOrder(Check):
    """What a node holds of one origin came in the order in which it was written."""

    def agreed(self, simulation: Simulation) -> None:
        """Look at every log: sequences rise, and none is beyond what is known.  O(writes held)."""
        for node in simulation.alive():
            state = node.replica.ledger.state
            for origin, log in state.logs.items():
                head = state.known.heads.get(origin, 0)
                if log.sequences != sorted(set(log.sequences)) or (log.sequences and log.sequences[-1] > head):
                    raise Wrong(f"{node.name} applied {log.sequences[-5:]} of {origin.hex()}, of which it knows {head}")


class MemoryBounds(Check):
    """What a node keeps to be sent, repaired or applied later stays within its options."""

    def stepped(self, node: Node) -> None:
        """Compare, in O(1)."""
        ledger, options = node.replica.ledger, node.options
        if ledger.waiting.size_bytes > options.held_batches_bytes:
            raise Wrong(f"{node.name} holds {ledger.waiting.size_bytes} bytes of batches that cannot be applied yet")
        outbox = ledger.outbox
        if outbox is None:
            return
        if outbox.ring_bytes > options.batch_ring_bytes and len(outbox.ring) > 1:
            raise Wrong(f"{node.name} keeps {outbox.ring_bytes} bytes of batches to be sent again")
        if outbox.open.size_bytes and len(outbox.open) > BATCH_ROWS_MAX + SPARE_ROWS:
            raise Wrong(f"{node.name} has {len(outbox.open)} rows in its open batch")

    def agreed(self, simulation: Simulation) -> None:
        """Look whether anybody who has gone is remembered with all that it knew.  O(members)."""
        for node in simulation.alive():
            for member in node.replica.membership.members.values():
                if not member.alive and (member.heard_base or member.sent_base) is not None:
                    raise Wrong(f"{node.name} keeps the vector of {member.name}, which has gone")


class Silence(Check):
    """Once all agree, nothing is sent but beacons, and of these no more than a quiet mesh may.

    A beacon goes to all by multicast, and once more to each peer that multicast does not
    reach: `bytes_per_way_per_s` is what each of these ways may take.  After heavy loss it
    takes some twenty datagrams until multicast is trusted again, which is two minutes where
    bandwidth is scarce.  Not fed by the run: `judge` lets time pass and looks.
    """

    def __init__(self, *, within_s: float = 120.0, looks_s: float = 10.0, bytes_per_way_per_s: float = 200.0) -> None:
        self.within_s = within_s
        self.looks_s = looks_s
        self.bytes_per_way_per_s = bytes_per_way_per_s

    def judge(self, simulation: Simulation) -> None:
        """Raise `Wrong`, naming who speaks or is not seen, if the mesh is not at rest within `within_s`."""
        began, why = simulation.now, ""
        while simulation.now - began < self.within_s:
            simulation.traffic.clear()
            simulation.run(self.looks_s)
            why = self._unrest(simulation)
            if not why:
                return
        raise Wrong(why)

    def _unrest(self, simulation: Simulation) -> str:
        traffic, awake = simulation.traffic, {node.name for node in simulation.alive()}
        kinds = traffic.kinds() - {"beacon"}
        if kinds:
            return f"not silent {self.within_s:g} s after all agreed: {', '.join(sorted(kinds))}"
        for name in sorted(awake):
            if simulation.sees(name) != awake - {name}:
                return f"{name} sees {sorted(simulation.sees(name))}, there are {sorted(awake)}"
            rate, most = traffic.size_bytes(node=name) / self.looks_s, self._most(simulation, name)
            if rate > most:
                return f"{name} sends {rate:.0f} bytes a second though nothing happens, {most:.0f} are plenty"
        return ""

    def _most(self, simulation: Simulation, name: str) -> float:
        hear = simulation.links.multicast and simulation.nodes[name].has_multicast
        deaf = sum(not (hear and other.has_multicast) for other in simulation.alive() if other.name != name)
        return self.bytes_per_way_per_s * (hear + deaf)
