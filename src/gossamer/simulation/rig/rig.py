"""Real peers, each in a real process on a computer of its own, on a real network that can be broken.

    with Rig(seed=1) as rig:
        a, b, c = rig.start(3)
        rig.partition([a], [b, c])
        rig.write(a, "door", "open")
        rig.heal()
        rig.settle(within_s=3)

The "computers" are namespaces of this machine (see `namespaces`), so it all needs Linux; it is
gone, whatever happens, when the block or the program ends.  `Rig` is a `World`: stories
that are told to the simulator can be told to it, in real time.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...crdt.writes import Key
from ...options import Options
from ...wire.secret import new_token
from ..oracle import Wrong
from ..scenario import NoSuchFault
from .availability import available
from .child import Child
from .host import ANSWER_S, PACKAGE_HOME, Host, Role
from .network import RigNetwork
from .processes import RigError, Starter
from .record import Record
from .switch import Switch

if TYPE_CHECKING:
    from ..scenario import World

MEET_S = 15.0
"""Within this time peers have met, where nothing hinders them and the machine is not overwhelmed."""
LOOK_S = 0.25
"""How long, at most, a peer that does not agree lets `settle` wait before it looks at all again."""

STRANGER = "a stranger"
"""The computer from which the mesh is flooded."""


class Rig(RigNetwork):
    """A mesh of real processes.  Raises RigError, saying why, where `available()` is not empty."""

    def __init__(self, seed: object = 0, *, size: int = 5, options: Options | None = None) -> None:
        if reason := available():
            raise RigError(reason)
        self.seed, self.size = seed, size
        self.rng = random.Random(f"{seed} scenario")
        self.options = options or Options()
        self.record = Record()
        self.figures: dict[str, float] = {}
        self.said: list[tuple[float, str]] = []
        self.flooding: subprocess.Popen[str] | None = None
        """The latest program of a stranger; it prints how many datagrams and streams it sent."""
        self._lives: Counter[str] = Counter()
        self._secret = new_token(os.urandom)
        self._directory = tempfile.TemporaryDirectory(prefix="gossamer-rig-", ignore_cleanup_errors=True)
        self._starter = Starter()
        try:
            super().__init__(Switch(self._starter))
        except BaseException:
            self.close()
            raise
        self._began_s = time.monotonic()

    def close(self) -> None:
        """End every process, and with them the namespaces.  Again does nothing."""
        self._starter.close()
        self._directory.cleanup()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    # -- who is there ---------------------------------------------------------------------------

    def start(self, count: int | None = None, *, skew_ms: int = 500, meet: bool = True) -> list[str]:
        """Add `count` computers with a peer each, all at once, and wait until all see each other."""
        first = len(self.hosts)
        names = [f"n{number}" for number in range(first, first + (self.size if count is None else count))]
        for name in names:
            self.install(name, skew_ms=self.rng.randint(-skew_ms, skew_ms))
        self.boot(names)
        if meet:
            self.meet()
        return names

    def add(
        self, name: str, *, skew_ms: int = 0, clock_rate: float = 1.0, multicast: bool = True, peers: Iterable[str] = ()
    ) -> Host:
        """Add a computer and a peer on it; return once that has joined."""
        host = self.install(name, skew_ms=skew_ms, clock_rate=clock_rate, multicast=multicast, peers=peers)
        self.boot([name])
        return host

    def add_host(self, name: str) -> Host:
        """Add a computer on which no peer of ours runs, for programs of your own (see `popen`)."""
        if name in self.names:
            raise ValueError(f"there is a node {name!r} already")
        host = Host(name, len(self.hosts) + 1, self._starter, self.switch.namespace, Path(self._directory.name))
        self.plug(host)
        return host

    def popen(self, name: str, argv: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
        """Start any program on a computer.  `env` is added to ours; the rest is as of `subprocess.Popen`.

        `kill`, `pause` and all faults of the network are for it too, and it does not outlive the rig.
        """
        return self.host(name).popen(argv, **more)

    def install(
        self, name: str, *, skew_ms: int = 0, clock_rate: float = 1.0, multicast: bool = True, peers: Iterable[str] = ()
    ) -> Host:
        """Add a computer on which a peer can be started (see `boot`)."""
        host = self.add_host(name)
        addresses = [self.host(peer).address for peer in peers]
        host.role = Role("rig", self._secret, addresses, asdict(self.options), skew_ms, clock_rate)
        if not multicast:
            host.namespace.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/igmp_max_memberships")
        return host

    def boot(self, names: Sequence[str]) -> None:
        """Start a peer on each of these at once, with no memory; return when all have joined."""
        hosts = [self.host(name) for name in names]
        for host in hosts:
            if host.role is None:
                raise RigError(f"no peer of ours was on {host.name}: start your program again with popen()")
            if host.lost_power:
                host.lost_power = False
                self.plug_in(host.name)
            host.boot()
            self._lives[host.name] += 1
        for host in hosts:
            host.joined()

    def meet(self, within_s: float = MEET_S) -> bool:
        """Wait until all that are awake see each other; return whether they do in time."""
        awake = [host.name for host in self.alive()]
        return all(self.tell(awake, "meet", peers=len(awake) - 1, within_s=within_s).values())

    def kill(self, name: str) -> None:
        """Kill all processes there with SIGKILL."""
        self.host(name).kill()
        for one in (
            name,
            *(child.name for child in self.children.values() if child.namespace is self.host(name).namespace),
        ):
            self.record.ended(self._process(one))

    def crash(self, name: str) -> None:
        """The computer loses power: its cable goes dead first, so that its kernel cannot say anything for its dead."""
        self.unplug(name)
        self.host(name).lost_power = True
        self.kill(name)

    def stop(self, name: str) -> float:
        """The program closes its mesh in an orderly way; return how long that took."""
        took_s = float(self.host(name).tell("leave"))
        self.kill(name)
        return took_s

    def restart(self, name: str) -> None:
        """A new process starts there and knows nothing; return once it has joined."""
        self.kill(name)
        self.boot([name])

    def pause(self, name: str) -> None:
        """All processes there stand still (SIGSTOP)."""
        self.host(name).signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """They go on (SIGCONT)."""
        self.host(name).signal(signal.SIGCONT)

    def fork(self, name: str, child: str) -> None:
        """The process there calls `os.fork()`; `child` is a node on the same computer, and shares its fate."""
        if child in self.names:
            raise ValueError(f"there is a node {child!r} already")
        parent = self.host(name)
        if isinstance(parent, Child):
            raise NoSuchFault(f"{name} was forked itself; on the rig only the first process of a computer forks")
        parent.tell("fork", name=child)
        self.children[child] = Child(child, parent)
        self._lives[child] += 1

    def clone(self, name: str, twin: str) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault("the memory of a real process cannot be copied here; the simulator can")

    def remember(self, name: str) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault("no snapshot can be taken of a real process here; the simulator can")

    def roll_back(self, name: str, by_s: float) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault("a real process cannot be put back to a snapshot here; the simulator can")

    def step_clock(self, name: str, by_ms: int) -> None:
        """Set the wall clock of a computer: its peer reads a clock of its own, which lives on when it is restarted."""
        host = self.host(name)
        if host.role is None:
            raise NoSuchFault(f"only peers of ours have clocks of their own; {name} runs another program")
        host.role.skew_ms += by_ms
        if host.is_up:
            host.tell("step_clock", by_ms=by_ms)

    def fill_disk(self, name: str) -> None:
        """Leave no byte free on the disk of a computer (a small tmpfs, on which its peer keeps what it keeps)."""
        self.host(name).fill_disk()

    def free_disk(self, name: str) -> None:
        """Make room again."""
        self.host(name).free_disk()

    # -- strangers ------------------------------------------------------------------------------

    def flood(self, seconds: float) -> None:
        """On a computer of its own a program begins that has no secret and sends what it likes (see `flood`)."""
        if STRANGER not in self.hosts:
            self.add_host(STRANGER)
        addresses = [host.address for host in self.alive() if not isinstance(host, Child)]
        path = os.pathsep.join(filter(None, (PACKAGE_HOME, os.environ.get("PYTHONPATH"))))
        argv = [
            sys.executable,
            "-m",
            f"{__package__}.flood",
            str(seconds),
            str(self.seed),
            self.host(STRANGER).address,
            *addresses,
        ]
        self.flooding = self.popen(STRANGER, argv, env={"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)

    def refused(self, name: str) -> int:
        """Return how many datagrams and streams that peer has refused since it started."""
        counts = self.host(name).tell("counts")
        return sum(n for what, n in counts.items() if what.startswith("refused: ") or what == "malformed messages")

    # -- what programs do -----------------------------------------------------------------------

    def write(self, name: str, key: Key, value: object, *, ttl_s: float | None = None) -> None:
        """The peer there puts `value` (as JSON can say it) under `key`."""
        if ttl_s is not None:
            self.record.expires(str(key))
        self._acknowledge(name, self.host(name).tell("write", key=key, value=value, ttl_s=ttl_s))

    def delete(self, name: str, key: Key) -> None:
        """The peer there deletes `key`; raise KeyError if it sees none."""
        self._acknowledge(name, self.host(name).tell("delete", key=key))

    def batch(self, name: str, items: Mapping[Key, object], *, delete: Iterable[Key] = ()) -> None:
        """The peer there writes all of this atomically."""
        self._acknowledge(name, self.host(name).tell("batch", items=list(items.items()), delete=list(delete)))

    def _acknowledge(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.record.acknowledged(self._process(name), rows)

    def confirm(self, name: str, within_s: float = 2.0) -> bool:
        """Wait until another peer holds all that this one wrote; return whether one does in time.

        From then on the record takes none of it for lost with its author, as long as that other process lives.
        """
        by = self.host(name).tell("confirm", within_s=within_s)
        if by is not None:
            self.record.confirmed(self._process(name), self._process(by))
        return by is not None

    def _process(self, name: str) -> tuple[str, int]:
        return name, self._lives[name]

    def read(self, name: str, key: Key) -> Any:
        """Return the visible value of `key` there, None if there is none."""
        return self.host(name).tell("read", key=key)

    def state(self, name: str) -> dict[Key, Any]:
        """Return all that is visible there."""
        return dict(self.host(name).tell("state"))

    def sees(self, name: str) -> set[str]:
        """Return the names of the peers that are there for this one."""
        return set(self.host(name).tell("sees"))

    def begin_watching(self, name: str, *, changes_max: int) -> None:
        """The peer there watches all keys from now on, with a feed that folds changes beyond `changes_max`."""
        self.host(name).tell("begin_watching", changes_max=changes_max)

    def take_changes(self, name: str, *, at_most: int | None = None) -> list[tuple[Key, Any, Any]]:
        """Let it take what waits (the oldest `at_most`): key, old and new value of each change."""
        return [(key, old, new) for key, old, new in self.host(name).tell("take_changes", at_most=at_most)]

    # -- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the rig was built."""
        return time.monotonic() - self._began_s

    def run(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def settle(self, within_s: float = 30.0, *, among: Iterable[str] | None = None) -> float:
        """Wait until all that are awake hold and know the same; return how long that took.  Check the record then.

        Those that do not agree with most are asked to answer when they change, so nobody spins.
        Raises `Wrong` if they do not agree in time, or if an acknowledged write was lost.
        """
        began = self.now
        names = [host.name for host in self.alive(among)]
        digests = self.tell(names, "digest", unlike="")
        while len(set(digests.values())) > 1:
            if self.now - began >= within_s:
                raise Wrong(f"no agreement within {within_s} s: {Counter(digests.values()).most_common()}")
            most = Counter(digests.values()).most_common(1)[0][0]
            behind = [name for name in names if digests[name] != most]
            for name in behind:
                self.host(name).order("digest", unlike=digests[name], within_s=LOOK_S)
            for name in behind:
                self.host(name).answer(LOOK_S + ANSWER_S)
            digests = self.tell(names, "digest", unlike="")
        took_s = self.now - began
        for name, held in self.tell(names, "live").items():
            self.record.check(name, held["live"], held["known"])
            self.record.agreed(held["known"], [self._process(name)])
        return took_s

    # -- words ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Keep a line, with its time, in `said`."""
        self.said.append((self.now, text))

    def measure(self, figure: str, value: float) -> None:
        """Keep a figure in `figures`; its unit is the end of its name."""
        self.figures[figure] = value


if TYPE_CHECKING:
    _conforms: type[World] = Rig
