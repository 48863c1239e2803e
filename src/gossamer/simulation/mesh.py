"""A mesh on virtual time, for a program that is used to `gossamer.join`: the same door, over a simulated node.

Nothing is done twice: mapping, listeners, waiting and status are those of `BlockingMesh`.
Only its thread, its loop and its sockets are replaced by a node's process, and whoever
waits lets virtual time pass, for all nodes.  So several of these in one test are several
peers, and what they do is a function of the simulation's seed.

Listeners run by themselves whenever time passes, as soon as the step that changed something has ended.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from ..arguments import Arguments
from ..blocking import BlockingMesh
from ..crdt.writes import Held, Key, Replaced, each
from ..errors import ConfigurationError, MeshTimeout, WrongThread
from ..net.clocks import Clock
from ..net.transport import NetworkStatistics
from ..protocol.effects import Notice, Requested
from ..protocol.emissions import RawEvent
from ..protocol.ledger import Ledger
from ..surroundings import Surroundings
from ..views.services import Service
from .node import Node
from .process import Process
from .simulation import Simulation

logger = logging.getLogger("gossamer.mesh")

T = TypeVar("T")

FOREVER_S = 600.0
"""Who waits without a deadline waits so long; a real program would wait for ever."""
LOOK_S = 0.005
"""How often who joins looks whether it has caught up."""


class SimulatedMesh(BlockingMesh):
    """A mesh in a simulation: a dict, whose `wait`, `settled`, `changes` and `close` let virtual time pass.

    Belongs to one thread.  The others' listeners, and its own, run while it waits.
    """

    def __init__(self, simulation: Simulation, arguments: Arguments) -> None:
        """Start a peer on the node `arguments.nickname` and return once it has caught up, as `gossamer.join` does."""
        self._simulation = simulation
        self._thread = threading.get_ident()
        self._delivering = False
        self._node = node = _node_for(simulation, arguments)
        self._process = cast(Process, node.process)
        clock = Clock(lambda: node.now, lambda: node.wall_ms)
        super().__init__(replace(arguments, nickname=node.name, surroundings=Surroundings(clock=clock)))

    def _assemble(self, ledger: Ledger | None) -> None:
        process = self._process
        self.replica = process.replica
        self.driver = cast(Any, _NodeDriver(process))
        self.network = cast(Any, _NodeNetwork(self._simulation, self._node))
        self.mesh_tag = self.discovery_tag = b""
        self._ledger = self._watchers.ledger = process.replica.ledger
        self._directory.follow(process.replica)
        process.program = _Program(self)

    def _run(self) -> None:
        self._watchers.await_change(_nothing)  # so that the checks are told of local writes though nobody waits
        simulation, options = self._simulation, self.options
        began = simulation.now
        while simulation.now - began < options.join_timeout_s:
            if simulation.now - began >= options.settle_s and not self.replica.catching_up(self.clock.monotonic()):
                return
            simulation.run(LOOK_S)
        logger.warning("joined %r without having caught up: %s", self.name, self.status().why)

    @property
    def node(self) -> str:
        """The name of the node on which this peer runs: its nickname."""
        return self._node.name

    # -- the end ----------------------------------------------------------------------------------

    def _begin_end(self, linger_s: float) -> None:
        self.linger_s = linger_s

    def _finish_end(self) -> None:
        if self._process.is_there:
            self.take_leave()
            self.retire()
            took_s = self._simulation.stop(self.node, linger_s=self.linger_s)
            if took_s >= self.linger_s and self.replica.membership.alive():
                logger.warning("closed %r before any peer confirmed its last writes", self.name)
        self.retire()

    def die(self) -> None:
        """End as by SIGKILL: nothing more is said, and whoever uses this is told that it is closed."""
        if self._process.is_there:
            self._node.kill()
        self._feed.clear()
        self.retire()

    # -- time -------------------------------------------------------------------------------------

    def _check_thread(self, what: str) -> None:
        if threading.get_ident() != self._thread:
            raise WrongThread(
                f"{what}() was called in another thread than that which opened the mesh, but virtual time passes "
                "there alone; a test with threads needs real time: @pytest.mark.gossamer(real_time=True)"
            )
        if self._simulation.engine.is_running:
            raise WrongThread(f"{what}() was called from a listener, which it would wait for")

    def _rest(self, event: threading.Event, seconds: float | None = None) -> None:
        engine = self._simulation.engine
        until = engine.now + (FOREVER_S if seconds is None else seconds)
        while not event.is_set():
            if not engine.run_next(until):
                break
        if seconds is None and not event.is_set():
            raise MeshTimeout(f"nothing came within {FOREVER_S:.0f} s of virtual time; {self.status().why}")

    def _until(self, name: str, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        return super()._until(name, ready, FOREVER_S if timeout is None else timeout, what)

    # -- listening --------------------------------------------------------------------------------

    def _start_listening(self) -> None:
        self._watchers.watch(self._feed)

    def _start_handling(self) -> None:
        """Nothing has to run: handlers are called while time passes."""

    def _wake_listeners(self) -> None:
        if not self._delivering:
            self._delivering = True
            self._simulation.engine.after(0, self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        super()._deliver()

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        self._simulation.engine.after(0, self._listeners.call, fn)

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler as the next step; it cannot wait, for time passes only when it has ended."""
        self._simulation.engine.after(0, self._handle, request, handler)

    def _handle(self, request: Requested, handler: Service) -> None:
        if not self._closed:
            self._calling.finished(request, *handler.run(request.arguments, self.options.value_bytes_max))

    # -- fork -------------------------------------------------------------------------------------

    def fork_begins(self) -> None:
        """Do nothing: a simulation is copied whole, and each copy goes on by itself."""

    fork_in_parent = fork_in_child = fork_begins


class _Program:
    """Passes what a process is told on to the mesh in it, and tells the checks what the mesh wrote."""

    def __init__(self, mesh: SimulatedMesh) -> None:
        self._mesh = mesh

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        mesh, node = self._mesh, self._mesh._node
        if local and replaced:
            made = [
                (key, node.made(key, b"" if after is not None else None), tuple(write.dot for write in each(before)))
                for key, before, after in replaced
            ]
            node.wrote(made, atomic=len(made) > 1)
        mesh._watchers.replaced(replaced, local)

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        self._mesh._watchers.lapsed(lapsed)

    def noticed(self, notice: Notice) -> None:
        self._mesh._notice(notice)

    def turned(self) -> None:
        self._mesh._tick()

    def happened(self, events: Sequence[RawEvent]) -> None:
        self._mesh._emitter.happened(events)

    def lost(self, boot: bytes, count: int) -> None:
        self._mesh._emitter.lost(boot, count)


class _NodeDriver:
    """What a handle asks of `net.driver.Driver`, done by a simulated process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.refused: Counter[str] = Counter()
        self.foreign: Counter[tuple[str, str]] = Counter()

    def wrote(self) -> None:
        """Do nothing: the process has been told, as the ledger's observer."""

    def emitted(self) -> None:
        """Let the process send events as its next step."""
        self._process.replica.emissions.ring.attended = True
        self._process.turn_soon()

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Run `fn` as the next step."""
        self._process.node.engine.after(0, fn)

    def perform(self) -> None:
        """Let the process do what its replica asks."""
        self._process.turn_soon()


class _NodeNetwork:
    """What a handle asks of `net.transport.Network`."""

    def __init__(self, simulation: Simulation, node: Node) -> None:
        self._simulation, self._node = simulation, node

    @property
    def has_multicast(self) -> bool:
        """Whether the node could join the group."""
        return self._node.has_multicast

    @property
    def statistics(self) -> NetworkStatistics:
        """What a simulation counts: bytes of messages."""
        name, traffic = self._node.name, self._simulation.traffic
        datagram_bytes = sum(traffic.size_bytes(node=name, way=way) for way in ("multicast", "unicast"))
        stream_bytes = traffic.size_bytes(node=name, way="stream")
        return NetworkStatistics(datagram_bytes_sent=datagram_bytes, stream_bytes_sent=stream_bytes)


def _node_for(simulation: Simulation, arguments: Arguments) -> Node:
    """Return a computer on which a process has just started: a new one, or one whose last process has ended."""
    nodes = simulation.nodes
    name = arguments.nickname or next(n for i in range(1, len(nodes) + 2) if (n := f"peer-{i}") not in nodes)
    if name not in nodes:
        simulation.add(name, options=arguments.options)
    elif nodes[name].is_up:
        raise ConfigurationError(f"a peer {name!r} is open already; in one test each needs a nickname of its own")
    else:
        nodes[name].boot()
    hosts = [arguments.static_address(text)[0] for text in arguments.peers]
    simulation.hint(name, (host for host in hosts if host in nodes and host != name))
    return nodes[name]


def _nothing() -> None:
    """Wait for nothing."""
