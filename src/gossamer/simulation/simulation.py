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
from typing import Any

from ..crdt.writes import Key, expiry_meta, winner
from ..options import Options
from ..protocol.effects import Notice
from ..wire.values import decode_value, encode_value
from .checks import Checks
from .clock import WrongClock
from .engine import Engine
from .journal import Journal
from .links import Links
from .node import STREAM_PORT, Node
from .oracle import Wrong
from .traffic import Traffic

LOOK_S = 0.01
"""How often `settle` compares the nodes."""


class Simulation:
    """A simulated mesh.  The names of its nodes are yours."""

    def __init__(self, seed: object = 0, *, options: Options | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed} scenario")
        """For whatever the scenario leaves to chance."""
        self.options = options or Options()
        self.engine = Engine()
        self.journal = Journal()
        self.traffic = Traffic()
        self.checks = Checks()
        self.links = Links(self.engine, self.traffic, random.Random(f"{seed} links"))
        self.nodes: dict[str, Node] = self.links.nodes

    # -- who is there ---------------------------------------------------------------------------

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
        """Start a computer and a peer on it; `peers` are the names of those whose addresses it is given."""
        node = self._make(name, WrongClock(skew_ms, clock_rate), multicast, options or self.options)
        node.boot()
        self.hint(name, peers)
        return node

    def _make(self, name: str, clock: WrongClock, multicast: bool, options: Options) -> Node:
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
        )
        self.nodes[name] = node
        return node

    def hint(self, name: str, peers: Iterable[str]) -> None:
        """Give a node the static addresses of others."""
        node = self.nodes[name]
        for peer in peers:
            node.replica.hint((self.nodes[peer].host, STREAM_PORT), node.now, static=True)
            node.turn_soon()

    def kill(self, name: str) -> None:
        """The process dies at once, as by SIGKILL: no goodbye, but its kernel resets its streams."""
        self.nodes[name].kill()

    def crash(self, name: str) -> None:
        """The computer loses power: nothing is said by anybody."""
        self.nodes[name].crash()

    def stop(self, name: str) -> float:
        """The program closes its mesh in an orderly way; return how long that took."""
        began, node = self.engine.now, self.nodes[name]
        replica, ledger = node.replica, node.replica.ledger
        ledger.closed = True
        origin, head = ledger.origin, ledger.head()
        if origin is not None and head and replica.membership.alive():
            replica.ask_settled(origin, head, node.now)
            deadline = began + node.options.linger_s
            while self.engine.now < deadline:
                if any(m.confirmed.get(origin, 0) >= head for m in replica.membership.alive()):
                    break
                node.turn_soon()
                self.run(seconds=0.005)
        if node.process is not None:
            node.process.leave()
        self.run(seconds=0.1)
        node.kill()
        return self.engine.now - began - 0.1

    def restart(self, name: str) -> None:
        """A new process starts on that computer, and knows nothing."""
        if self.nodes[name].is_up:
            self.nodes[name].kill()
        self.nodes[name].boot()

    def pause(self, name: str) -> None:
        """The process stands still, as by SIGSTOP or a laptop that sleeps."""
        self.nodes[name].pause()

    def resume(self, name: str) -> None:
        """It goes on."""
        self.nodes[name].resume()

    def clone(self, name: str, twin: str) -> None:
        """Copy a running computer, memory and all: from now on two write under one origin."""
        self.checks.honest = False
        node = self.nodes[name]
        self._make(twin, copy.copy(node.clock), node.has_multicast, node.options).wake_as_copy_of(node)

    # -- what programs do -----------------------------------------------------------------------

    def write(self, name: str, key: Key, value: object, *, ttl_s: float | None = None) -> None:
        """A program on that node puts `value` under `key`."""
        node = self.nodes[name]
        meta = expiry_meta(0, node.wall_ms + int(ttl_s * 1000)) if ttl_s is not None else 0
        node.write(key, encode_value(value), meta)

    def delete(self, name: str, key: Key) -> None:
        """A program on that node deletes `key`, which must be there."""
        if key not in self.nodes[name].replica.ledger.state.live:
            raise KeyError(key)
        self.nodes[name].write(key, None)

    def batch(self, name: str, items: Mapping[Key, object], *, delete: Iterable[Key] = ()) -> None:
        """A program on that node writes all of this atomically."""
        rows = [(key, encode_value(value), 0) for key, value in items.items()]
        self.nodes[name].write_many([*rows, *((key, None, 0) for key in delete)])

    def read(self, name: str, key: Key) -> Any:
        """Return the visible value of `key` on that node, None if there is none."""
        node = self.nodes[name]
        write = winner(node.replica.ledger.state.live.get(key), node.corrected_ms)
        return None if write is None or write.value is None else decode_value(write.value)

    def state(self, name: str) -> dict[Key, Any]:
        """Return all that is visible on that node."""
        found = {key: self.read(name, key) for key in self.nodes[name].replica.ledger.state.live}
        return {key: value for key, value in found.items() if value is not None}

    # -- the network ----------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other."""
        self.journal.note(self.engine.now, "network", "splits")
        self.links.partition(*sides)

    def cut(self, sender: str, receiver: str) -> None:
        """What `sender` sends does not reach `receiver` any more; the other way is untouched."""
        self.journal.note(self.engine.now, "network", f"cuts {sender} to {receiver}")
        self.links.cut(sender, receiver)

    def heal(self) -> None:
        """Everyone hears everyone."""
        self.journal.note(self.engine.now, "network", "heals")
        self.links.heal()

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
