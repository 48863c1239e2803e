"""A mesh on free time: computers, the network between them, and what a test does to both.

    mesh = Simulation(seed)
    for name in "abc":
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500))
    mesh.links.loss = 0.2
    mesh.partition({"a"}, {"b", "c"})
    mesh.write("a", "door", "open")
    mesh.run(seconds=5)
    mesh.heal()
    assert mesh.settle(within_s=10) < 3

A run is a pure function of its seed and of what is done to it.  Every step of it is
checked (see `checks`); what a check finds raises `Wrong`.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..crdt.writes import Key, expiry_meta, winner
from ..options import Options
from ..protocol.effects import Notice
from ..protocol.emissions import EVENTS_LATELY_S
from ..views.mapping import too_large
from ..wire.values import decode_value, encode_value
from .checks import Checks
from .clock import WrongClock
from .engine import Engine
from .journal import Journal
from .links import Links
from .node import Memory, Node
from .observer import SimulationObserver
from .oracle import Wrong
from .scenario import NoSuchFault
from .stranger import Stranger
from .traffic import Traffic
from .watching import Taken, WatchingProgram

if TYPE_CHECKING:
    from .scenario import World

MEET_S = 3.0
"""Within this time nodes have met, where nothing hinders them."""
LOOK_S = 0.01
"""How often `settle` compares the nodes."""


class Simulation:
    """A simulated mesh.  The names of its nodes are yours."""

    def __init__(self, seed: object = 0, *, size: int = 5, options: Options | None = None) -> None:
        self.seed = seed
        self.size = size
        self.figures: dict[str, float] = {}
        """What the story measured."""
        self.rng = random.Random(f"{seed} scenario")
        """For whatever the scenario leaves to chance."""
        self.options = options or Options()
        self.engine = Engine()
        self.journal = Journal()
        self.traffic = Traffic()
        self.checks = Checks()
        self.links = Links(self.engine, self.traffic, random.Random(f"{seed} links"))
        self.nodes: dict[str, Node] = self.links.nodes
        self._remembered: dict[str, list[tuple[float, Memory]]] = {}

    def watch(self, observer: SimulationObserver) -> None:
        """Tell `observer` of everything from now on."""
        self.links.observers = (*self.links.observers, observer)

    # -- who is there ---------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The nodes, in the order in which they came."""
        return list(self.nodes)

    def start(self, count: int | None = None, *, skew_ms: int = 500, meet: bool = True) -> list[str]:
        """Add `count` nodes (`size` by default), with clocks wrong by up to `skew_ms`, and let them meet; name them."""
        first = len(self.nodes)
        names = [f"n{number}" for number in range(first, first + (self.size if count is None else count))]
        for name in names:
            self.add(name, skew_ms=self.rng.randint(-skew_ms, skew_ms))
        if meet:
            self.run(MEET_S)
        return names

    def add(
        self,
        name: str,
        *,
        skew_ms: int = 0,
        clock_rate: float = 1.0,
        multicast: bool = True,
        peers: Iterable[str] = (),
        options: Options | None = None,
    ) -> Node:
        """Start a computer and a peer on it; `peers` are the names of those whose addresses it is given.

        `clock_rate` is what both its clocks, wall and monotonic, make of a second.
        """
        node = self._make(name, WrongClock(skew_ms, clock_rate), multicast, options or self.options)
        node.boot()
        self.hint(name, peers)
        return node

    def _make(
        self, name: str, clock: WrongClock, multicast: bool, options: Options, parent: Node | None = None
    ) -> Node:
        if name in self.nodes:
            raise ValueError(f"there is a node {name!r} already")
        node = Node(
            name,
            len(self.nodes) + 1,
            engine=self.engine,
            links=self.links,
            journal=self.journal,
            checks=self.checks,
            rng=random.Random(f"{self.seed} {name}"),
            clock=clock,
            options=options,
            multicast=multicast,
            parent=parent,
        )
        self.nodes[name] = node
        self.links.hosts.setdefault(node.host, []).append(node)
        return node

    def hint(self, name: str, peers: Iterable[str]) -> None:
        """Give a node the static addresses of others."""
        node = self._node(name)
        for peer in peers:
            node.replica.hint((self._node(peer).host, self._node(peer).stream_port), node.now, static=True)
            node.turn_soon()

    def kill(self, name: str) -> None:
        """The process dies at once, as by SIGKILL: no goodbye, but its kernel resets its streams."""
        self._node(name).kill()

    def crash(self, name: str) -> None:
        """The computer loses power: nothing is said by anybody."""
        for node in self.links.hosts[self._node(name).host]:
            node.crash()

    def stop(self, name: str, *, linger_s: float | None = None) -> float:
        """The program closes its mesh in an orderly way; return how long that took."""
        began, node = self.engine.now, self._node(name)
        replica, ledger = node.replica, node.replica.ledger
        ledger.closed = True
        origin, head = ledger.origin, ledger.head()
        if origin is not None and head and replica.membership.alive():
            replica.ask_settled(origin, head, node.now)
            deadline = began + (node.options.linger_s if linger_s is None else linger_s)
            while self.engine.now < deadline:
                if any(m.confirmed.get(origin, 0) >= head for m in replica.membership.alive()):
                    break
                node.turn_soon()
                self.run(seconds=0.005)
        deadline = began + (node.options.linger_s if linger_s is None else linger_s)
        self._events_had(node, deadline)
        self._talk_heard(node, deadline)
        if node.process is not None:
            node.process.leave()
        self.run(seconds=0.1)
        node.kill()
        return self.engine.now - began - 0.1

    def _events_had(self, node: Node, deadline: float) -> None:
        """Wait until everybody has had what was emitted lately, as `net.driver` does."""
        emissions = node.replica.emissions
        latest = emissions.latest()
        if latest is None or node.now - latest[1] > EVENTS_LATELY_S:
            return
        question = emissions.question(latest[0])
        emissions.ask_confirmed(question, node.now)
        while self.engine.now < deadline and emissions.unconfirmed(question):
            node.turn_soon()
            self.run(seconds=0.005)
        emissions.forget_question(question)

    def _talk_heard(self, node: Node, deadline: float) -> None:
        """Wait until what was said by streams has been heard, as `net.driver` does."""
        asked = node.replica.ask_heard(node.now, node.wall_ms)
        while self.engine.now < deadline and node.replica.unheard(asked):
            node.turn_soon()
            self.run(seconds=0.005)

    def restart(self, name: str) -> None:
        """A new process starts on that computer, and knows nothing."""
        if self._node(name).is_up:
            self.nodes[name].kill()
        self.nodes[name].boot()

    def pause(self, name: str) -> None:
        """The process stands still, as by SIGSTOP or a laptop that sleeps."""
        self._node(name).pause()

    def resume(self, name: str) -> None:
        """It goes on."""
        self._node(name).resume()

    def fork(self, name: str, child: str) -> None:
        """The process there forks; `child` is a node on the same computer, which holds the same and is a new peer."""
        node = self._node(name)
        if not node.is_awake:
            raise ValueError(f"no process of {name!r} goes on: it cannot fork")
        forked = self._make(child, node.clock, node.has_multicast, node.options, node)
        self.links.computers[child] = self.links.computers.get(name, name)
        forked.begin_as_child_of(node)

    def clone(self, name: str, twin: str) -> None:
        """Copy a running computer, memory and all: from now on two write under one origin."""
        self.checks.honest = False
        node = self._node(name)
        self._make(twin, copy.copy(node.clock), node.has_multicast, node.options).wake_as_copy_of(node)

    def remember(self, name: str) -> None:
        """Take a snapshot of a virtual machine, memory and all, to which `roll_back` may put it."""
        self._remembered.setdefault(name, []).append((self.engine.now, self._node(name).memory()))

    def roll_back(self, name: str, by_s: float) -> None:
        """Put a virtual machine back to the latest snapshot that is `by_s` old or older, else to its oldest.

        Without any (see `remember`), raise ValueError: copying every machine all the time would cost too much.
        """
        snapshots = self._remembered.get(name)
        if not snapshots:
            raise ValueError(f"there is no snapshot of {name!r} to go back to: call remember({name!r}) before")
        old = [memory for at, memory in snapshots if at <= self.engine.now - by_s]
        self.checks.honest = False
        self._node(name).go_back_to(old[-1] if old else snapshots[0][1])

    def step_clock(self, name: str, by_ms: int) -> None:
        """Somebody sets the wall clock of a computer."""
        node = self._node(name)
        node.note(f"sets its clock by {by_ms} ms")
        node.clock.step(by_ms)

    def fill_disk(self, name: str) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault("a simulated computer has no disk; those of the rig have")

    def free_disk(self, name: str) -> None:
        """Raise NoSuchFault."""
        self.fill_disk(name)

    def _node(self, name: str) -> Node:
        if name not in self.nodes:
            raise ValueError(f"there is no node {name!r}: there are {', '.join(self.nodes) or 'none'}")
        return self.nodes[name]

    # -- what programs do -----------------------------------------------------------------------

    def write(self, name: str, key: Key, value: object, *, ttl_s: float | None = None) -> None:
        """A program on that node puts `value` under `key`; raise ValueTooLarge for one above its options' limit."""
        node = self._node(name)
        meta = expiry_meta(0, node.wall_ms + int(ttl_s * 1000)) if ttl_s is not None else 0
        node.write(key, _encoded(node, key, value), meta)

    def delete(self, name: str, key: Key) -> None:
        """A program on that node deletes `key`, which must be there."""
        if key not in self._node(name).replica.ledger.state.live:
            raise KeyError(key)
        self.nodes[name].write(key, None)

    def batch(self, name: str, items: Mapping[Key, object], *, delete: Iterable[Key] = ()) -> None:
        """A program on that node writes all of this atomically."""
        node = self._node(name)
        rows = [(key, _encoded(node, key, value), 0) for key, value in items.items()]
        node.write_many([*rows, *((key, None, 0) for key in delete)])

    def read(self, name: str, key: Key) -> Any:
        """Return the visible value of `key` on that node, None if there is none."""
        node = self._node(name)
        write = winner(node.replica.ledger.state.live.get(key), node.corrected_ms)
        return None if write is None or write.value is None else decode_value(write.value)

    def state(self, name: str) -> dict[Key, Any]:
        """Return all that is visible on that node."""
        found = {key: self.read(name, key) for key in self._node(name).replica.ledger.state.live}
        return {key: value for key, value in found.items() if value is not None}

    def begin_watching(self, name: str, *, changes_max: int) -> None:
        """A program on that node watches all keys from now on, with a feed that folds changes beyond `changes_max`."""
        process = self._node(name).process
        if process is None or process.program is not None:
            raise ValueError(f"no process of {name!r} runs that has no program yet: nothing can watch there")
        process.program = WatchingProgram(self.nodes[name], changes_max)

    def take_changes(self, name: str, *, at_most: int | None = None) -> list[Taken]:
        """Let that program take what waits (the oldest `at_most`): key, old and new value of each change."""
        process = self._node(name).process
        if process is None or not isinstance(process.program, WatchingProgram):
            raise ValueError(f"nobody watches on {name!r}: call begin_watching({name!r}) before")
        return process.program.watching.take(at_most)

    def emit(self, name: str, event: str, *args: object) -> None:
        """A program on that node emits an event."""
        node = self._node(name)
        node.emit(event, encode_value([name, list(args), {}]))

    def heard(self, name: str, sender: str) -> int:
        """Return how many events of `sender`'s the programs on a node have heard."""
        boot = self._node(sender).replica.identity.boot
        return sum(event.boot == boot for event in self._node(name).events)

    def missed(self, name: str) -> int:
        """Return how many events a node has given up."""
        return self._node(name).lost_events.total()

    # -- the network ----------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other."""
        listed = [sorted(side) for side in sides]
        self._network("splits: " + " | ".join(map(" ".join, listed)))
        self.links.partition(*listed)

    def cut(self, sender: str, receiver: str) -> None:
        """What `sender` sends does not reach `receiver` any more; the other way is untouched."""
        self._network(f"cuts {sender} to {receiver}")
        self.links.cut(sender, receiver)

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""
        self._network(f"mends {sender} to {receiver}")
        self.links.mend(sender, receiver)

    def heal(self) -> None:
        """Everyone hears everyone."""
        self._network("heals")
        self.links.heal()

    def weather(self, **faults: Any) -> None:
        """Turn the faults of the network (the fields of `Weather`) from now on; those not named stay."""
        self._network("weather: " + ", ".join(f"{name} {value}" for name, value in faults.items()))
        self.links.turn(**faults)

    def flood(self, seconds: float) -> None:
        """A computer that has no secret begins to send what it likes, and ends after so long (see `stranger`)."""
        self._network(f"is flooded by a stranger for {seconds:g} s")
        Stranger(self.engine, self.links, random.Random(f"{self.seed} stranger"), seconds).begin()

    def refused(self, name: str) -> int:
        """Return how many datagrams, messages and streams that node has refused since it started."""
        process = self._node(name).process
        return 0 if process is None else process.refused.total() + process.replica.counts["malformed messages"]

    def _network(self, text: str) -> None:
        self.journal.note(self.engine.now, "network", text)
        for observer in self.links.observers:
            observer.network(self.engine.now, text)

    def sent_bytes(self, name: str | None = None) -> int:
        """Return how many bytes of messages a node, or all together, have sent since the story began."""
        return self.traffic.size_bytes(node=name)

    # -- words ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Enter a line into the journal and the report."""
        self.journal.note(self.engine.now, "story", text)
        for observer in self.links.observers:
            observer.said(self.engine.now, text)

    def measure(self, figure: str, value: float) -> None:
        """Report a figure; its unit is the end of its name (`agreement_s`, `idle_bytes_per_s`)."""
        self.figures[figure] = value

    # -- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the simulation began."""
        return self.engine.now

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.engine.run_until(self.engine.now + seconds)

    def settle(self, within_s: float = 30.0, *, among: Iterable[str] | None = None) -> float:
        """Let time pass until all living nodes agree; return how long that took.  Raise `Wrong` if it is longer.

        They agree when their vectors, digests and lasting states are equal.  Then every key of each is checked.
        """
        began = self.engine.now
        while difference := self.difference(among):
            if self.engine.now - began >= within_s:
                raise Wrong(f"no agreement within {within_s} s: {difference}")
            self.run(LOOK_S)
        if among is None:
            self.checks.agreed(self)
        else:
            for node in self.alive(among):
                self.checks.all_of(node)
        return self.engine.now - began

    def difference(self, among: Iterable[str] | None = None) -> str:
        """Return in words what keeps the living nodes from agreeing; nothing if they agree."""
        return self.checks.difference(self.alive(among))

    def alive(self, among: Iterable[str] | None = None) -> list[Node]:
        """Return the nodes that run and are not paused."""
        names = self.nodes if among is None else among
        return [self.nodes[name] for name in names if self.nodes[name].is_awake]

    def notices(self, name: str, kind: type[Notice], since: float = 0.0) -> list[Any]:
        """Return what a node told of one kind since a moment."""
        return [notice for at, notice in self.nodes[name].notices if isinstance(notice, kind) and at >= since]

    def sees(self, name: str) -> set[str]:
        """Return the names of the peers that a node counts on."""
        return {m.name for m in self.nodes[name].replica.membership.alive() if m.announced}


def _encoded(node: Node, key: Key, value: object) -> bytes:
    data = encode_value(value)
    if len(data) > node.options.value_bytes_max:
        raise too_large(key, data, node.options.value_bytes_max)
    return data


if TYPE_CHECKING:
    _conforms: type[World] = Simulation
