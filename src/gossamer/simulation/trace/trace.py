"""What a report shows of one run, recorded while it goes on, in bounded memory.

    mesh = Simulation(seed)
    trace = Trace(mesh, "two halves")
    ...
    write_report("report.html", [], [trace])

Law: watching changes nothing.  The journal's hash of a run is the same with a trace and
without one; only the engine counts the moments at which the trace looked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...crdt.dots import Origin
from ...crdt.writes import Key
from .conflicts import Conflicts
from .reachability import Cut, rift_of
from .records import Datagram, Life, Mark, Sample
from .staleness import Followed, Staleness
from .thinning import Thinned

if TYPE_CHECKING:
    from ..node import Node
    from ..simulation import Simulation

LANES_MAX = 40
"""Nodes whose messages are kept; of more, an even share is."""
DATAGRAMS_MAX = 1500
"""Datagrams kept of each kind."""
MARKS_MAX = 2000
SAMPLES_MAX = 1000
CUTS_MAX = 500

BRINGS_WRITES = {"batch", "repair", "delta", "delta end", "roster"}
"""Kinds after whose arrival a node may know more."""


class Trace:
    """Watches a simulation.  Attach it before the nodes are added; it looks every `every_s` of virtual time."""

    def __init__(self, simulation: Simulation, title: str = "", *, every_s: float = 0.05) -> None:
        self.title = title or f"seed {simulation.seed}"
        self.began = simulation.engine.now
        self.lanes: Thinned[str] = Thinned(LANES_MAX)
        self.datagrams: dict[tuple[str, ...], Thinned[Datagram]] = {}
        """By kinds; of each, an even share."""
        self.samples: list[Sample] = []
        self.marks: Thinned[Mark] = Thinned(MARKS_MAX)
        self.lives: list[Life] = []
        self.cuts: Thinned[Cut] = Thinned(CUTS_MAX)
        self.bytes: Counter[tuple[str, str]] = Counter()
        """By (node, kind)."""
        self.staleness = Staleness()
        self.conflicts = Conflicts()
        self.writes = 0
        self.writers: dict[Origin, str] = {}
        self._simulation = simulation
        self._every_s = every_s
        self._drawn: set[str] = set()
        self._current: Datagram | None = None
        self._writing: Followed | None = None
        self._cut: Cut | None = None
        self._state: dict[str, str] = {}
        self._counted: Counter[tuple[str, str, str]] = Counter()
        simulation.watch(self)
        for name in simulation.nodes:
            self._met(name)
        self._network_now()
        self._sample()

    @property
    def now(self) -> float:
        """When the run is."""
        return self._simulation.engine.now

    # -- what the simulation tells ---------------------------------------------------------------

    def sent(
        self,
        at: float,
        sender: str,
        receiver: str,
        way: str,
        kinds: Iterable[str],
        size_bytes: int,
        arrives_at: float | None,
    ) -> None:
        """Something is on its way, or was lost (`arrives_at` is None).  O(1)."""
        kinds = tuple(dict.fromkeys(kinds))
        if arrives_at is not None and not BRINGS_WRITES.isdisjoint(kinds):
            self._simulation.engine.at(math.nextafter(arrives_at, math.inf), self._look, receiver)
        if sender not in self._drawn or receiver not in self._drawn:
            return
        last = self._current
        if last is None or (last.at, last.sender, last.way, last.kinds) != (at, sender, way, kinds):
            last = self._current = Datagram(at, sender, way, kinds, size_bytes)
            if kinds not in self.datagrams:
                self.datagrams[kinds] = Thinned(DATAGRAMS_MAX)
            self.datagrams[kinds].append(last)
        last.fates.append((receiver, arrives_at))

    def network(self, at: float, text: str) -> None:
        """Something was done to the network; what it is like now is looked up once this moment goes on."""
        self.marks.append(Mark(at, "network", "", text))
        self._simulation.engine.at(at, self._network_now)

    def node(self, at: float, name: str, text: str) -> None:
        """Something happened to a node, likewise."""
        self._met(name)
        self.marks.append(Mark(at, "node", name, text))
        if text.startswith("boots"):
            self.staleness.born(name, at)
        self._simulation.engine.at(at, self._life_now, name)

    def wrote(self, at: float, name: str, key: Key, origin: Origin, sequence: int) -> None:
        """A program on a node wrote under this key.  What it writes at one moment is followed as one."""
        self.writes += 1
        self.conflicts.wrote(key, name, at)
        last = self._writing
        if last is not None and (last.at, last.origin, last.until + 1) == (at, origin, sequence):
            last.extend(key, sequence)
            return
        self.writers[origin] = name
        self._writing = Followed(at, name, origin, sequence, [key])
        self.staleness.wrote(self._writing)

    def said(self, at: float, text: str) -> None:
        """The story said something."""
        self.marks.append(Mark(at, "said", "", text))

    # -- looking ---------------------------------------------------------------------------------

    def finish(self) -> None:
        """Look a last time, at every key.  A report does that; it may be done again after the run went on."""
        self._network_now()
        for name in self._state:
            self._life_now(name)
        for node in self._awake():
            self._look(node.name)
            state = node.replica.ledger.state
            for key, held in state.live.items():
                self.conflicts.look(key, held, state.known.heads, node.name, self.now)
        if self.samples and self.samples[-1].at == self.now:
            self.samples.pop()
        self.samples.append(self._sampled())

    def names(self) -> list[str]:
        """Return the names of all nodes that ever were."""
        return list(self._state)

    def awake(self) -> list[str]:
        """Return the names of the nodes that run and are not paused."""
        return [node.name for node in self._awake()]

    def _awake(self) -> Iterator[Node]:
        return (node for node in self._simulation.nodes.values() if node.is_awake)

    def _met(self, name: str) -> None:
        if name not in self._state:
            self._state[name] = ""
            self.lanes.append(name)
            self._drawn = set(self.lanes)
            self._life_now(name)
            if self._cut is not None:  # whoever comes while the network is split stands on some side, too
                self._simulation.engine.at(self.now, self._network_now)

    def _life_now(self, name: str) -> None:
        node = self._simulation.nodes.get(name)
        state = "down" if node is None or not node.is_up else "paused" if node.is_paused else "up"
        if self._state[name] != state:
            self._state[name] = state
            self.lives.append(Life(self.now, name, state))
            if state == "down":
                self.staleness.died(name)

    def _network_now(self) -> None:
        rift = rift_of(list(self._simulation.nodes), self._simulation.links.reaches)
        if self._cut is not None and self._cut.rift != rift:
            self._cut.until, self._cut = self.now, None
        if rift and self._cut is None:
            self._cut = Cut(rift, self.now)
            self.cuts.append(self._cut)

    def _look(self, name: str) -> None:
        """Note which followed writes a node knows by now."""
        node = self._simulation.nodes[name]
        if not node.is_up:
            return
        state = node.replica.ledger.state
        for write in self.staleness.look(name, self.now, state.known.heads, state.known.digest()):
            for key in write.keys:
                self.conflicts.look(key, state.live.get(key), state.known.heads, name, self.now)

    def _sample(self) -> None:
        for node in self._awake():
            self._look(node.name)
        self.samples.append(self._sampled())
        if len(self.samples) > SAMPLES_MAX:
            del self.samples[1::2]
            self._every_s *= 2
        self._simulation.engine.after(self._every_s, self._sample)

    def _sampled(self) -> Sample:
        self._count_bytes()
        digests = Counter(node.replica.ledger.state.known.digest() for node in self._awake())
        largest = max(digests.values(), default=0)
        return Sample(self.now, digests.total(), len(digests), largest, self.bytes.total())

    def _count_bytes(self) -> None:
        """Add what was sent since; where a count fell, the story has begun to count anew meanwhile."""
        counted, before = Counter(self._simulation.traffic.bytes), self._counted
        if any(counted[named] < size for named, size in before.items()):
            before = Counter()
        for (name, way, kind), size in counted.items():
            self.bytes[name, kind] += size - before[name, way, kind]
        self._counted = counted
