"""The switch that all computers of a rig are plugged into, in a namespace of its own.

All faults of the network are here, in one nft table of the bridge, so the computers cannot
tell them from those of a real network.  Each change is one transaction of nft.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .namespaces import Namespace
from .processes import Starter

TABLE = """
table bridge rig {
  set cut { type ifname . ifname; }
  chain weather { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut drop
    jump weather
  }
}
"""
BURST_BYTES = 16_000
"""What a slow link lets through at once; tbf needs at least what passes in one tick of the kernel (1/250 s)."""
QUEUE_MS = 200
"""How long a slow link holds up what it cannot send yet; what is more is dropped, as in a router."""


@dataclass(slots=True)
class Faults:
    """What a network does to everyone who is plugged in."""

    loss: dict[tuple[int | None, int | None, bool], float] = field(default_factory=dict)
    """(sender, receiver, datagrams only) -> share; None is any port."""
    udp_bytes_max: int | None = None
    multicast: bool = True

    def rules(self) -> list[str]:
        """Return these as rules of nft."""
        found = [] if self.multicast else ["meta pkttype multicast drop"]
        if self.udp_bytes_max is not None:
            found.append(f"ether type ip ip protocol udp ip length > {self.udp_bytes_max} drop")
        for (sender, receiver, udp_only), share in self.loss.items():
            parts = [] if sender is None else [f'iifname "p{sender}"']
            parts += [] if receiver is None else [f'oifname "p{receiver}"']
            parts += ["ether type ip ip protocol udp"] if udp_only else []
            found.append(" ".join([*parts, f"numgen random mod 10000 < {round(share * 10000)} drop"]))
        return found


class Switch:
    """A bridge; a computer's number is the number of its port."""

    def __init__(self, starter: Starter) -> None:
        self.namespace = Namespace(starter)
        self.faults = Faults()
        self.namespace.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
        self.namespace.run("ip", "link", "set", "br0", "up")
        self.namespace.run("nft", "-f", "-", text=TABLE)

    def plug(self, number: int, computer: Namespace, address: str) -> None:
        """Give a computer a network card `eth0` with an address ("10.77.0.1/16"), and a cable to us."""
        port = f"p{number}"
        self.namespace.run("ip", "link", "add", port, "type", "veth", "peer", "eth0", "netns", str(computer.pid))
        self.namespace.run("ip", "link", "set", port, "master", "br0", "up")
        computer.run("ip", "address", "add", address, "brd", "+", "dev", "eth0")
        computer.run("ip", "link", "set", "eth0", "up")

    def cut(self, ways: set[tuple[int, int]]) -> None:
        """Let nothing pass from sender to receiver for these, and everything for all others."""
        elements = ", ".join(f'"p{sender}" . "p{receiver}"' for sender, receiver in sorted(ways))
        added = f"add element bridge rig cut {{ {elements} }}\n" if elements else ""
        self.namespace.run("nft", "-f", "-", text=f"flush set bridge rig cut\n{added}")

    def turn(self) -> None:
        """Let the weather be as `faults` says."""
        rules = "".join(f"add rule bridge rig weather {rule}\n" for rule in self.faults.rules())
        self.namespace.run("nft", "-f", "-", text=f"flush chain bridge rig weather\n{rules}")

    def link(self, number: int, up: bool) -> None:
        """Plug a cable in, or pull it out: the computer notices, unlike a cut."""
        self.namespace.run("ip", "link", "set", f"p{number}", "up" if up else "down")

    def bandwidth(self, number: int, computer: Namespace, bits_per_s: float | None) -> None:
        """Let a computer send and receive so many bits a second, or as many as it can (None)."""
        for where, device in ((computer, "eth0"), (self.namespace, f"p{number}")):
            if bits_per_s is None:
                if "tbf" in where.run("tc", "qdisc", "show", "dev", device):
                    where.run("tc", "qdisc", "del", "dev", device, "root")
                continue
            burst = max(BURST_BYTES, int(bits_per_s / 8 / 250))
            rate, limit = f"rate {bits_per_s:.0f}bit burst {burst}b", f"latency {QUEUE_MS}ms"
            where.run("tc", "qdisc", "replace", "dev", device, "root", "tbf", *rate.split(), *limit.split())

    def sent_bytes(self) -> dict[int, int]:
        """Return how many bytes each computer has sent, headers and all, as its port counted them."""
        links = json.loads(self.namespace.run("ip", "-json", "-statistics", "link", "show", "type", "veth"))
        return {int(link["ifname"][1:]): link["stats64"]["rx"]["bytes"] for link in links}

    def close(self) -> None:
        """Let go of it."""
        self.namespace.close()
