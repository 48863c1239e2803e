"""The half of a rig that is cables: who hears whom, and how well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..scenario import NoSuchFault, Weather
from .host import ANSWER_S, Host
from .switch import Switch

SIMULATED_ONLY = ("burst_loss", "burst_s", "delay_s", "doubling", "disorder", "held_up_s")
"""Fields of `Weather` that need a kernel with netem, which is not everywhere."""


class RigNetwork:
    """Computers on a switch."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.hosts: dict[str, Host] = {}
        self.children: dict[str, Host] = {}
        """Processes that others forked, on the computers of those."""
        self._weather = Weather()
        self._sides: list[set[str]] = []
        self._cuts: set[tuple[str, str]] = set()

    @property
    def names(self) -> list[str]:
        """The computers, in the order in which they came."""
        return [*self.hosts, *self.children]

    def host(self, name: str) -> Host:
        """Return the computer of a name; raise ValueError, naming those there are, if there is none."""
        host = self.hosts.get(name) or self.children.get(name)
        if host is None:
            raise ValueError(f"there is no node {name!r}: there are {', '.join(self.names) or 'none'}")
        return host

    def alive(self, among: Iterable[str] | None = None) -> list[Host]:
        """Return the computers whose peers run and are not paused."""
        return [host for host in map(self.host, self.names if among is None else among) if host.is_awake]

    def tell(self, names: Iterable[str], do: str, **more: Any) -> dict[str, Any]:
        """Give several peers the same order at once; return their answers by name."""
        hosts = [self.host(name) for name in names]
        for host in hosts:
            host.order(do, **more)
        return {host.name: host.answer(more.get("within_s", 0.0) + ANSWER_S) for host in hosts}

    # -- cables ---------------------------------------------------------------------------------

    def plug(self, host: Host) -> None:
        """Connect a new computer, under the faults there are."""
        self.hosts[host.name] = host
        self.switch.plug(host.number, host.namespace, f"{host.address}/16")
        self._limit([host])
        self._cut()

    def unplug(self, name: str) -> None:
        """Pull the cable out of a computer: its card has no carrier."""
        self.switch.link(self.host(name).number, up=False)

    def plug_in(self, name: str) -> None:
        """Put the cable in again."""
        self.switch.link(self.host(name).number, up=True)

    # -- who hears whom -------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other; those not named are one side more."""
        self._sides = [set(side) for side in sides]
        self._cut()

    def cut(self, sender: str, receiver: str) -> None:
        """What `sender` sends does not reach `receiver` any more; the other way is untouched."""
        self._cuts.add((self.host(sender).name, self.host(receiver).name))
        self._cut()

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""
        self._cuts.discard((sender, receiver))
        self._cut()

    def heal(self) -> None:
        """Everyone hears everyone, as far as cables and weather allow."""
        self._sides, self._cuts = [], set()
        self._cut()

    def _cut(self) -> None:
        side = {name: number for number, names in enumerate(self._sides, 1) for name in names}
        apart = {(a, b) for a in self.hosts for b in self.hosts if a != b and side.get(a, 0) != side.get(b, 0)}
        self.switch.cut({(self.host(a).number, self.host(b).number) for a, b in apart | self._cuts})

    # -- how well -------------------------------------------------------------------------------

    def weather(self, **faults: Any) -> None:
        """Turn the faults of the network (the fields of `Weather`) from now on; those not named stay.

        `loss` is of every packet, those of streams included, as on a real network.
        Raises NoSuchFault for what only the simulator has.
        """
        weather = replace(self._weather, **faults)
        weather.check()
        usual = Weather()
        for name in SIMULATED_ONLY:
            if getattr(weather, name) != getattr(usual, name):
                raise NoSuchFault(f"{name} is not to be had on the rig, which needs no netem; the simulator has it")
        slower = weather.bandwidth_bits_per_s != self._weather.bandwidth_bits_per_s
        self._weather = weather
        if slower:
            self._limit(self.hosts.values())
        self.lose(weather.loss)
        state = self.switch.faults
        state.multicast = weather.multicast
        state.udp_bytes_max = None if weather.mtu_bytes >= usual.mtu_bytes else weather.mtu_bytes
        self.switch.turn()

    def lose(
        self, share: float, *, sender: str | None = None, receiver: str | None = None, udp_only: bool = False
    ) -> None:
        """Drop this share of packets (of datagrams alone, if `udp_only`), from one, to one, or between all."""
        if not 0 <= share <= 1:
            raise ValueError(f"{share!r} is no share: give a number from 0 to 1")
        ends = [None if name is None else self.host(name).number for name in (sender, receiver)]
        way = (ends[0], ends[1])
        loss = self.switch.faults.loss
        loss.pop((*way, True), None)
        loss.pop((*way, False), None)
        if share:
            loss[(*way, udp_only)] = share
        self.switch.turn()

    def _limit(self, hosts: Iterable[Host]) -> None:
        wanted = self._weather.bandwidth_bits_per_s
        unlimited = wanted >= Weather().bandwidth_bits_per_s
        for host in hosts:
            self.switch.bandwidth(host.number, host.namespace, None if unlimited else wanted)

    def sent_bytes(self, name: str | None = None) -> int:
        """Return how many bytes a computer, or all together, have sent, headers of all layers included."""
        sent = self.switch.sent_bytes()
        return sum(sent.values()) if name is None else sent[self.host(name).number]
