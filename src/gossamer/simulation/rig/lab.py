"""Network namespaces on one bridge, and the faults of the network between them.

Each node has a namespace with one interface, `eth0`; its other end is a port of a bridge
in a namespace that is the switch.  All faults are rules of one nft table there, so no
node can tell.  A namespace lives as long as the process that holds it, and that reads a
pipe of ours: when we end, however that is, everything goes and nothing is left behind.

Root may do this; anybody may where user namespaces are allowed, for then the switch has
one in which we are root, and all others are made inside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import IO, Any

TOOLS = ("ip", "nft", "tc", "nsenter", "unshare")
SUBNET = "10.77"
NODES_MAX = 250 * 250
ENDS_WITHIN_S = 2.0

RULES = """
table bridge lab {
  set cut { type ifname . ifname; }
  set deaf { type ifname; }
  chain loss { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut drop
    iifname @deaf ip daddr 224.0.0.0/4 drop
    oifname @deaf ip daddr 224.0.0.0/4 drop
    jump loss
  }
}
"""


def available() -> str:
    """Return why there can be no rig here; "" if there can be."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"the rig needs {', '.join(missing)}: install iproute2, nftables and util-linux (Linux only)"
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return f"nobody may make a network namespace here: {tried.stderr.strip()}" if tried.returncode else ""


def _unshare() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]


class LabError(RuntimeError):
    """A command of the lab failed.  The message holds it and what it said."""


class Namespace:
    """A network namespace, held by a process that ends when we do."""

    def __init__(self, enter: Sequence[str] = ()) -> None:
        unshare = ["unshare", "--net"] if enter else _unshare()
        command = [*enter, *unshare, "sh", "-c", "echo up; exec cat"]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"up\n":
            raise LabError(f"no network namespace could be made: {available()}")
        self.enter = [*self._user(), f"--net=/proc/{self._holder.pid}/ns/net"]
        self.run("ip", "link", "set", "lo", "up")

    def _user(self) -> list[str]:
        user = [] if os.geteuid() == 0 else [f"--user=/proc/{self._holder.pid}/ns/user", "--preserve-credentials"]
        return ["nsenter", *user]

    @property
    def pid(self) -> int:
        """The process that holds it."""
        return self._holder.pid

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a command in it and return what it printed; raise LabError if it fails."""
        done = subprocess.run([*self.enter, *command], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def popen(self, argv: Sequence[str], env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[Any]:
        """Start a program in it, as `subprocess.Popen` does."""
        return subprocess.Popen([*self.enter, *argv], env={**os.environ, **(env or {})}, **more)

    def close(self) -> None:
        """Let it go, once no process is left in it."""
        stdin: IO[bytes] | None = self._holder.stdin
        assert stdin is not None
        stdin.close()
        try:
            self._holder.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()


class Lab:
    """A switch, and hosts on it.  A context manager."""

    def __init__(self) -> None:
        self.hosts: dict[str, Namespace] = {}
        self.addresses: dict[str, str] = {}
        self._ports: dict[str, str] = {}
        self._switch = Namespace()
        try:
            bridge = ("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
            self._switch.run(*bridge)
            self._switch.run("ip", "link", "set", "br0", "up")
            self._switch.run("nft", "-f", "-", text=RULES)
        except BaseException:
            self._switch.close()
            raise

    def add(self, name: str) -> Namespace:
        """Plug in a host; return its namespace."""
        number = len(self.hosts) + 1
        port, address = f"p{number}", f"{SUBNET}.{number // 250}.{number % 250 + 1}"
        # Rootless, a namespace must be made inside the switch's user namespace to be ruled from there.
        host = Namespace([] if os.geteuid() == 0 else self._switch.enter)
        switch = self._switch
        switch.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        switch.run("ip", "link", "set", port, "master", "br0", "up")
        host.enter = [*switch.enter[:-1], host.enter[-1]] if os.geteuid() else host.enter
        host.run("ip", "addr", "add", f"{address}/16", "brd", "+", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "dev", "eth0")
        self.hosts[name], self.addresses[name], self._ports[name] = host, address, port
        return host

    # -- faults ---------------------------------------------------------------------------------

    def cut(self, pairs: Iterable[tuple[str, str]]) -> None:
        """What the first of each pair sends does not reach the second any more."""
        self._elements("add", "cut", [f'"{self._ports[a]}" . "{self._ports[b]}"' for a, b in pairs])

    def mend(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Undo such cuts."""
        self._elements("delete", "cut", [f'"{self._ports[a]}" . "{self._ports[b]}"' for a, b in pairs])

    def partition(self, sides: Sequence[Sequence[str]]) -> None:
        """Hosts of different sides do not hear each other; other cuts are undone."""
        self.heal()
        self.cut((a, b) for one, other in permutations(sides, 2) for a in one for b in other)

    def heal(self) -> None:
        """Undo all cuts."""
        self._switch.run("nft", "flush", "set", "bridge", "lab", "cut")

    def lose(self, share: float) -> None:
        """Lose that share of datagrams (UDP) on their way to each host from now on."""
        self._switch.run("nft", "flush", "chain", "bridge", "lab", "loss")
        if share:
            rule = f"ether type ip ip protocol udp numgen random mod 10000 < {round(share * 10_000)} drop"
            self._switch.run("nft", f"add rule bridge lab loss {rule}")

    def deafen(self, names: Iterable[str]) -> None:
        """Let no multicast through to or from these hosts, and to and from all others."""
        self._switch.run("nft", "flush", "set", "bridge", "lab", "deaf")
        self._elements("add", "deaf", [f'"{self._ports[name]}"' for name in names])

    def limit(self, name: str, bits_per_s: float) -> None:
        """Let the link of a host carry so much, each way; 0 for no limit."""
        for namespace, device in ((self.hosts[name], "eth0"), (self._switch, self._ports[name])):
            if bits_per_s:
                tbf = ("tbf", "rate", f"{int(bits_per_s)}bit", "burst", "16kb", "latency", "50ms")
                namespace.run("tc", "qdisc", "replace", "dev", device, "root", *tbf)
            elif "tbf" in namespace.run("tc", "qdisc", "show", "dev", device):
                namespace.run("tc", "qdisc", "del", "dev", device, "root")

    def link(self, name: str, *, up: bool) -> None:
        """Pull the cable of a host, or put it back."""
        self._switch.run("ip", "link", "set", self._ports[name], "up" if up else "down")

    def _elements(self, verb: str, of: str, elements: Sequence[str]) -> None:
        for start in range(0, len(elements), 500):
            some = ", ".join(elements[start : start + 500])
            self._switch.run("nft", verb, "element", "bridge", "lab", of, f"{{ {some} }}")

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Let everything go.  Processes in the namespaces must have ended."""
        for host in self.hosts.values():
            host.close()
        self._switch.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
