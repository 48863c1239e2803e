"""What lies between simulated nodes: loss, delay, doubles, disorder, partitions, one-way links.

Datagrams may meet any fate.  Streams (see `pipes`) are ordered and reliable while both
ways are open, wait while one is not, and break when they waited too long.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..net.transport import Address
from .engine import Engine
from .pipes import Pipe
from .traffic import Traffic

if TYPE_CHECKING:
    from .node import Node
    from .process import Process

ROUND_TRIPS_TO_OPEN = 3
"""One-way trips that TCP and TLS take before a stream is of use."""
KNOCK_AGAIN_S = 0.2


class Links:
    """The network of a simulation.  Its attributes may be turned at any time."""

    def __init__(self, engine: Engine, traffic: Traffic, rng: random.Random) -> None:
        self.loss = 0.0
        """Share of datagrams that never arrive."""
        self.losses: dict[str, float] = {}
        """The same for what is sent to single nodes, instead of `loss`."""
        self.doubling = 0.0
        """Share of datagrams that arrive twice."""
        self.disorder = 0.0
        """Share of datagrams that are held up for up to `held_up_s`."""
        self.held_up_s = 0.25
        self.delay_s = (0.0002, 0.002)
        """Least and greatest time on the way."""
        self.bytes_per_s = 50e6
        """Speed of a stream, each way."""
        self.multicast = True
        """Whether the network carries multicast at all."""
        self.nodes: dict[str, Node] = {}
        self._engine = engine
        self._traffic = traffic
        self._rng = rng
        self._cut: set[tuple[str, str]] = set()
        self._side: dict[str, int] = {}
        self._break_after: dict[tuple[str, str], int] = {}
        self._breaking: list[Pipe] = []

    # -- faults ---------------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other; those not named are a side of their own, together."""
        self._side = {name: number for number, side in enumerate(sides, 1) for name in side}

    def cut(self, sender: str, receiver: str) -> None:
        """What `sender` sends does not reach `receiver`; the other way is untouched."""
        self._cut.add((sender, receiver))

    def heal(self) -> None:
        """Everyone hears everyone, and no stream is to break."""
        self._side.clear()
        self._cut.clear()
        self._break_after.clear()
        for pipe in self._breaking:
            pipe.spare()
        self._breaking.clear()

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""
        self._cut.discard((sender, receiver))

    def break_stream_after(self, sender: str, receiver: str, size_bytes: int) -> None:
        """Break the next stream between the two once so many bytes have come from `sender` to `receiver`."""
        self._break_after[sender, receiver] = size_bytes

    def reaches(self, sender: str, receiver: str) -> bool:
        """Return whether anything that `sender` sends can reach `receiver`."""
        if sender == receiver:
            return True
        return self._side.get(sender, 0) == self._side.get(receiver, 0) and (sender, receiver) not in self._cut

    def open_both_ways(self, one: str, other: str) -> bool:
        """Return whether a stream between the two can make headway."""
        return self.reaches(one, other) and self.reaches(other, one)

    # -- datagrams ------------------------------------------------------------------------------

    def multicast_from(self, sender: Process, data: bytes, messages: Iterable[bytes]) -> None:
        """Carry a datagram to everyone in reach."""
        node = sender.node
        self._traffic.sent(node.name, "multicast", messages)
        if self.multicast and node.has_multicast:
            for other in self.nodes.values():
                if other is not node and other.has_multicast:
                    self._carry(sender, other, other.unicast_address, data, True)

    def unicast_from(self, sender: Process, data: bytes, messages: Iterable[bytes], to: Address) -> None:
        """Carry a datagram to one address."""
        self._traffic.sent(sender.node.name, "unicast", messages)
        node = self._at_host(to[0])
        if node is not None:
            self._carry(sender, node, to, data, False)

    def _carry(self, sender: Process, to: Node, address: Address, data: bytes, multicast: bool) -> None:
        rng, boot = self._rng, sender.replica.identity.boot
        for _ in range(2 if self.doubling and rng.random() < self.doubling else 1):
            loss = self.losses.get(to.name, self.loss)
            if not self.reaches(sender.node.name, to.name) or (loss and rng.random() < loss):
                continue
            delay_s = rng.uniform(*self.delay_s)
            if self.disorder and rng.random() < self.disorder:
                delay_s += rng.uniform(0, self.held_up_s)
            self._engine.after(delay_s, to.datagram, boot, sender.unicast_address, address, multicast, data)

    # -- streams --------------------------------------------------------------------------------

    def connect(self, caller: Process, to: Address) -> None:
        """Try to open a stream; the caller is told how that ended."""
        trip_s = ROUND_TRIPS_TO_OPEN * self._rng.uniform(*self.delay_s)
        deadline = self._engine.now + caller.node.options.handshake_timeout_s
        self._engine.after(trip_s, self._knock, caller, to, deadline)

    def _knock(self, caller: Process, to: Address, deadline: float) -> None:
        callee = self._at_host(to[0])
        if not caller.is_there:
            return
        if callee is None or self._is_refused(caller.node, callee, to):
            caller.connect_failed(to)
        elif callee.is_awake and self.open_both_ways(caller.node.name, callee.name):
            assert callee.process is not None
            self._open(caller, callee.process, to)
        elif self._engine.now + KNOCK_AGAIN_S < deadline:
            self._engine.after(KNOCK_AGAIN_S, self._knock, caller, to, deadline)
        else:
            self._engine.at(deadline, self._give_up, caller, to)

    def _is_refused(self, caller: Node, callee: Node, to: Address) -> bool:
        """Whether the kernel there says that nobody listens."""
        return callee.host_is_up and not callee.listens_at(to) and self.open_both_ways(caller.name, callee.name)

    def _give_up(self, caller: Process, to: Address) -> None:
        if caller.is_there:
            caller.connect_failed(to)

    def _open(self, caller: Process, callee: Process, to: Address) -> None:
        ways = (caller.node.name, callee.node.name), (callee.node.name, caller.node.name)
        breaks = {way: self._break_after.pop(way) for way in ways if way in self._break_after}
        pipe = Pipe(caller, callee, to, self, self._engine, self._rng, breaks)
        if breaks:
            self._breaking.append(pipe)
        pipe.open()

    def sent_on_stream(self, sender: Process, messages: Iterable[bytes]) -> None:
        """Count what a stream carries."""
        self._traffic.sent(sender.node.name, "stream", messages)

    def _at_host(self, host: str) -> Node | None:
        return next((node for node in self.nodes.values() if node.host == host), None)
