"""What lies between simulated nodes: loss, delay, doubles, disorder, partitions, one-way links.

Datagrams may meet any fate.  Streams (see `pipes`) are ordered and reliable while both
ways are open, wait while one is not, and break when they waited too long.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..net.transport import Address
from ..wire.codec import decode_batch, decode_message
from ..wire.framing import messages_in
from .bursts import Bursts
from .engine import Engine
from .observer import SimulationObserver
from .pipes import Pipe
from .scenario import Weather
from .traffic import Traffic, kind_of

if TYPE_CHECKING:
    from .node import Node
    from .process import Process

ROUND_TRIPS_TO_OPEN = 3
"""One-way trips that TCP and TLS take before a stream is of use."""
KNOCK_AGAIN_S = 0.2
OVERHEAD_BYTES = 59 + 28
"""What sealing, UDP and IP add to the body of a datagram."""
DECODED_MAX = 4096
"""Messages kept decoded: more than are on their way at any moment."""
QUEUE_S = 0.25
"""A computer keeps so much, in the time that it takes to send it; what comes then is lost."""


@dataclass(slots=True, eq=False)
class Datagram:
    """A datagram on its way to one node or many."""

    sender: str
    boot: bytes
    source: Address
    data: bytes
    messages: tuple[bytes, ...]
    multicast: bool
    leaves_at: float | None
    """When the last of it has left its computer; None if it never does."""
    _opened: list[bytes] | None = None

    def opened(self) -> list[bytes]:
        """Return the messages in `data`; taken apart once, however many hear it."""
        if self._opened is None:
            self._opened = messages_in(self.data)
        return self._opened


class Links:
    """The network of a simulation.  Its attributes may be turned at any time."""

    def __init__(self, engine: Engine, traffic: Traffic, rng: random.Random) -> None:
        self.loss = 0.0
        """Share of datagrams that never arrive."""
        self.bursts = Bursts(rng)
        """When a link loses everything, for a while."""
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
        self.mtu_bytes = 1500
        """Datagrams of more bytes, headers and seal included, never arrive."""
        self.multicast = True
        """Whether the network carries multicast at all."""
        self.decode = lru_cache(DECODED_MAX)(decode_message)
        self.decode_batch = lru_cache(DECODED_MAX)(decode_batch)
        """Each datagram is decoded once by the real codec, not once by each of a thousand who hear it.

        What multicast carries is immutable once decoded; streams, whose messages are not, do without.
        """
        self.observers: tuple[SimulationObserver, ...] = ()
        self.overheard: deque[bytes] | None = None
        """What a stranger in the same network kept of what was multicast; None while there is none."""
        self._free_at: dict[str, float] = {}
        self.nodes: dict[str, Node] = {}
        self.hosts: dict[str, list[Node]] = {}
        """The same nodes, by their addresses: a process and its forks share one."""
        self.computers: dict[str, str] = {}
        """Of the children of forks: on whose computer they run."""
        self._engine = engine
        self._traffic = traffic
        self._rng = rng
        self._cut: set[tuple[str, str]] = set()
        self._side: dict[str, int] = {}
        self._break_after: dict[tuple[str, str], int] = {}
        self._breaking: list[Pipe] = []

    # -- faults ---------------------------------------------------------------------------------

    def turn(self, **faults: Any) -> None:
        """Set faults by the names that `Weather` has for them; raise ValueError for one that is out of range."""
        weather = Weather(**faults)  # it refuses what it does not know
        weather.check()
        for name in faults:
            match name:
                case "bandwidth_bits_per_s":
                    self.bytes_per_s = weather.bandwidth_bits_per_s / 8
                case "burst_loss":
                    self.bursts.share = weather.burst_loss
                case "burst_s":
                    self.bursts.mean_s = weather.burst_s
                case _:
                    setattr(self, name, getattr(weather, name))

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
        if self.computers:
            sender, receiver = self.computers.get(sender, sender), self.computers.get(receiver, receiver)
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
            if self.overheard is not None:
                self.overheard.append(data)
            datagram = self._datagram(sender, data, messages, multicast=True)
            for other in self.nodes.values():
                if other is not node and other.has_multicast:
                    self._carry(datagram, other, other.unicast_address)

    def unicast_from(self, sender: Process, data: bytes, messages: Iterable[bytes], to: Address) -> None:
        """Carry a datagram to one address."""
        self._traffic.sent(sender.node.name, "unicast", messages)
        node = self._at(to)
        if node is not None:
            self._carry(self._datagram(sender, data, messages, multicast=False), node, to)

    def _datagram(self, sender: Process, data: bytes, messages: Iterable[bytes], *, multicast: bool) -> Datagram:
        boot, leaves_at = sender.replica.identity.boot, self._leaves_at(sender.node, len(data))
        return Datagram(sender.node.name, boot, sender.unicast_address, data, tuple(messages), multicast, leaves_at)

    def _carry(self, datagram: Datagram, to: Node, address: Address) -> None:
        """Let a datagram meet its fate on the way to one node.  The hottest place of a simulation."""
        rng = self._rng
        for _ in range(2 if self.doubling and rng.random() < self.doubling else 1):
            arrives_at = None
            if datagram.leaves_at is not None and not self._loses(datagram.sender, to.name):
                least, greatest = self.delay_s
                arrives_at = datagram.leaves_at + least + (greatest - least) * rng.random()
                if self.disorder and rng.random() < self.disorder:
                    arrives_at += rng.uniform(0, self.held_up_s)
                self._engine.at(arrives_at, to.datagram, datagram, address)
            if self.observers:
                way = "multicast" if datagram.multicast else "unicast"
                self.tell(datagram.sender, to.name, way, datagram.messages, len(datagram.data), arrives_at)

    def _loses(self, sender: str, receiver: str) -> bool:
        if (self._side or self._cut) and not self.reaches(sender, receiver):
            return True
        loss = self.losses.get(receiver, self.loss) if self.losses else self.loss
        if loss and self._rng.random() < loss:
            return True
        return bool(self.bursts.share) and self.bursts.loses(sender, receiver, self._engine.now)

    def _leaves_at(self, sender: Node, size_bytes: int) -> float | None:
        """Return when a datagram has left its computer, which sends one after the other; None if it never does."""
        size_bytes += OVERHEAD_BYTES
        if size_bytes > self.mtu_bytes:
            return None
        now = self._engine.now
        free_at = max(now, self._free_at.get(sender.name, now))
        if free_at > now + QUEUE_S:
            return None
        self._free_at[sender.name] = free_at = free_at + size_bytes / self.bytes_per_s
        return free_at

    def tell(
        self,
        sender: str,
        receiver: str,
        way: str,
        messages: Iterable[bytes],
        size_bytes: int,
        arrives_at: float | None,
        left_at: float | None = None,
    ) -> None:
        """Let those who watch know what is on its way (since now, or `left_at`), or lost.  Free while nobody does."""
        if self.observers:
            kinds = tuple(map(kind_of, messages))
            at = self._engine.now if left_at is None else left_at
            for observer in self.observers:
                observer.sent(at, sender, receiver, way, kinds, size_bytes, arrives_at)

    # -- streams --------------------------------------------------------------------------------

    def connect(self, caller: Process, to: Address) -> None:
        """Try to open a stream; the caller is told how that ended."""
        trip_s = ROUND_TRIPS_TO_OPEN * self._rng.uniform(*self.delay_s)
        deadline = self._engine.now + caller.node.options.handshake_timeout_s
        self._engine.after(trip_s, self._knock, caller, to, deadline)

    def _knock(self, caller: Process, to: Address, deadline: float) -> None:
        callee = self._at(to)
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

    def _at(self, address: Address) -> Node | None:
        """Return who has this address, or else who is first on that computer, whose kernel will say that none has."""
        there = self.hosts.get(address[0], ())
        for node in there:
            if node.unicast_address == address or node.listens_at(address):
                return node
        return there[0] if there else None
