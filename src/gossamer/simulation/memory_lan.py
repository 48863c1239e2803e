"""What lies between networks in memory: addresses, loss, delay, disorder, splits; and whose time it is.

Everything may be turned at any time, from any thread.  Chance is asked of one source, so with one
loop and one order of events a seed decides all; trio runs its tasks in an order of its own.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import trio

from ..net.certificates import Identity
from ..net.clocks import Clock
from ..net.sockets import DEFAULT_PORT
from ..net.transport import Address
from ..options import Options
from .clock import EPOCH_MS
from .memory_transport import MemoryNetwork
from .scenario import NoSuchFault, Weather

CALM = Weather(delay_s=(0.0002, 0.0002))
"""At first, each datagram arrives after the same short time, so in order."""
HEADERS_BYTES = 28
"""What UDP and IP add to a datagram."""
NOT_HERE = frozenset({"burst_loss", "burst_s", "bandwidth_bits_per_s"})
"""Faults of the simulator's links that nothing in memory has."""


class MemoryLan:
    """Joins networks in memory.  `open_network` takes the place of `net.sockets.open_network`."""

    def __init__(self, seed: object = 0, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        """The time in which delays are counted: that of the loops on this LAN."""
        self.lock = threading.RLock()
        """Held for a few instructions whenever anything here or in its networks changes."""
        self.networks: dict[str, MemoryNetwork] = {}
        """By host; closed ones too."""
        self._weather = CALM
        self._rng = random.Random(f"{seed} lan")
        self._side: dict[str, int] = {}
        self._cut: set[tuple[str, str]] = set()

    def open_network(
        self,
        *,
        identity: Identity,
        host_only: bool = True,
        interfaces: object = None,
        port: int | None = None,
        options: Options | None = None,
    ) -> MemoryNetwork:
        """Open the network of one more host.  The LAN has one interface, so `interfaces` is not looked at."""
        with self.lock:
            number = len(self.networks) + 1
            host = f"10.77.{number >> 8}.{number & 255}"
            network = MemoryNetwork(self, host, port or DEFAULT_PORT, identity, options or Options())
            self.networks[host] = network
            return network

    # -- faults, in the words of `World` ----------------------------------------------------------

    def weather(self, **faults: Any) -> None:
        """Turn faults from now on; those not named stay.  Raise ValueError or NoSuchFault, and turn nothing."""
        if missing := NOT_HERE & faults.keys():
            raise NoSuchFault(f"networks in memory have no {', '.join(sorted(missing))}: use the simulator")
        turned = replace(self._weather, **faults)
        turned.check()
        self._weather = turned

    def partition(self, *sides: Iterable[str]) -> None:
        """Let hosts of different sides not hear each other; those not named are a side of their own, together."""
        self._side = {host: number for number, side in enumerate(sides, 1) for host in side}

    def cut(self, sender: str, receiver: str) -> None:
        """Let what `sender` sends not reach `receiver`; the other way is untouched."""
        self._cut = {*self._cut, (sender, receiver)}

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""
        self._cut = self._cut - {(sender, receiver)}
        self._look_again()

    def heal(self) -> None:
        """Let everyone hear everyone: streams that stood still go on."""
        self._side, self._cut = {}, set()
        self._look_again()

    def _look_again(self) -> None:
        for network in list(self.networks.values()):
            network.look_again()

    def reaches(self, sender: str, receiver: str) -> bool:
        """Return whether anything that `sender` sends can reach `receiver`."""
        return self._side.get(sender, 0) == self._side.get(receiver, 0) and (sender, receiver) not in self._cut

    # -- what becomes of what is sent ---------------------------------------------------------------

    @property
    def multicasts(self) -> bool:
        """Whether the LAN carries multicast at all."""
        return self._weather.multicast

    def delay_s(self) -> float:
        """Return how long something takes on the way."""
        return self._rng.uniform(*self._weather.delay_s)

    def carry(self, sender: MemoryNetwork, datagram: bytes, group: int | None = None, to: Address = ("", 0)) -> None:
        """Let a datagram meet its fate on the way to all of a group, or to one address."""
        with self.lock:
            if group is None:
                receivers = [network for network in [self.networks.get(to[0])] if network and network.is_at(to)]
            else:
                receivers = [n for n in self.networks.values() if n is not sender and n.is_in(group)]
            for receiver in receivers:
                for arrives_at in self._arrivals(sender.host, receiver.host, len(datagram)):
                    receiver.arrive(arrives_at, datagram, sender.unicast_address, group is not None)

    def _arrivals(self, sender: str, receiver: str, size_bytes: int) -> list[float]:
        weather, rng, now = self._weather, self._rng, self.clock.monotonic()
        if not self.reaches(sender, receiver) or size_bytes + HEADERS_BYTES > weather.mtu_bytes:
            return []
        arrivals = []
        for _ in range(2 if weather.doubling and rng.random() < weather.doubling else 1):
            if not (weather.loss and rng.random() < weather.loss):
                held_up_s = rng.uniform(0, weather.held_up_s) if rng.random() < weather.disorder else 0.0
                arrivals.append(now + self.delay_s() + held_up_s)
        return arrivals


class LoopClock:
    """The time of the trio loop that asks first: virtual time if that has a `MockClock`.

    Once it has been asked there, any thread may ask.
    """

    def __init__(self) -> None:
        self._clock: trio.abc.Clock | None = None
        self._began = 0.0

    def clock(self) -> Clock:
        """Return this as what a peer reads."""
        return Clock(self.monotonic, self.wall_ms)

    def monotonic(self) -> float:
        """Return the loop's time, in seconds since any moment."""
        if self._clock is None:
            self._clock = trio.lowlevel.current_clock()
            self._began = self._clock.current_time()
        return self._clock.current_time()

    def elapsed_s(self) -> float:
        """Return how long ago it was asked first; 0 if it was not."""
        return 0.0 if self._clock is None else self._clock.current_time() - self._began

    def wall_ms(self) -> int:
        """Return the wall clock, the same on every host."""
        self.monotonic()
        return EPOCH_MS + int(self.elapsed_s() * 1000)
