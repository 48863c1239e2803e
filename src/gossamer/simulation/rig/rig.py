"""The world of the rig: what a story asks of a `World`, done to real processes in real namespaces."""

from __future__ import annotations

import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...crdt.writes import Key
from ..oracle import Wrong
from ..scenario import NoSuchFault, Weather
from .account import Account
from .cast import Player
from .lab import Lab, LabError, available

if TYPE_CHECKING:
    from ..scenario import World

LOOK_S = 0.05
"""How long an actor waits for its state to change before it is asked again."""
MEET_WITHIN_S = 15.0
CAN = {"loss", "bandwidth_bits_per_s", "multicast"}
"""The faults of `Weather` that exist here; the others need a clock or a queue that nobody but a simulator has."""


class Rig:
    """Real peers.  Conforms to `scenario.World`.  A context manager: everything is gone at its end."""

    def __init__(
        self, seed: object = 0, *, size: int = 5, options: Mapping[str, Any] | None = None, mesh: str | None = None
    ) -> None:
        """Make an empty network; raise NoSuchFault, with the reason, where that cannot be done."""
        reason = available()
        if reason:
            raise NoSuchFault(reason)
        self.seed = seed
        self.rng = random.Random(f"{seed} scenario")
        self.size = size
        self.account = Account()
        self.figures: dict[str, float] = {}
        self.log: list[str] = []
        """What was done, and when."""
        self._options = dict(options or {})
        self._mesh, self._secret = mesh or f"rig-{secrets.token_hex(4)}", secrets.token_hex(16)
        self._folder = tempfile.TemporaryDirectory(prefix="gossamer-rig-")
        self._lab = Lab()
        self._players: dict[str, Player] = {}
        self._roles: dict[str, dict[str, Any]] = {}
        self._weather = Weather()
        self._deaf: set[str] = set()
        self._sent_before: dict[str, int] = {}
        self._began = time.monotonic()

    # -- the whole ------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the rig was made."""
        return time.monotonic() - self._began

    @property
    def names(self) -> list[str]:
        """The nodes, in the order in which they came."""
        return list(self._lab.hosts)

    def close(self) -> None:
        """End every process and every namespace."""
        try:
            for player in self._players.values():
                player.kill()
        finally:
            self._players.clear()
            self._lab.close()
            self._folder.cleanup()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    # -- who is there ---------------------------------------------------------------------------

    def start(self, count: int | None = None, *, skew_ms: int = 500, meet: bool = True) -> list[str]:
        """Start so many peers at once, with clocks wrong by up to `skew_ms`, and let them meet; name them."""
        first = len(self._lab.hosts)
        names = [f"n{number}" for number in range(first, first + (self.size if count is None else count))]
        for name in names:
            self._prepare(name, self.rng.randint(-skew_ms, skew_ms), multicast=True, peers=())
        for name in names:
            self._launch(name)
        for name in names:
            self._players[name].ready()
        if meet:
            self._await(lambda: all(self.sees(name) >= set(names) - {name} for name in names), MEET_WITHIN_S, "meet")
        return names

    def add(
        self, name: str, *, skew_ms: int = 0, clock_rate: float = 1.0, multicast: bool = True, peers: Iterable[str] = ()
    ) -> None:
        """Start a peer on a host of its own, and return once it has joined."""
        if clock_rate != 1.0:
            raise NoSuchFault("a real clock runs as it runs: clock_rate is for the simulator")
        self._prepare(name, skew_ms, multicast, peers)
        self._launch(name)
        self._players[name].ready()

    def _prepare(self, name: str, skew_ms: int, multicast: bool, peers: Iterable[str]) -> None:
        if name in self._lab.hosts:
            raise ValueError(f"there is a node {name!r} already")
        addresses = [self._lab.addresses[peer] for peer in peers]
        self._lab.add(name)
        self._roles[name] = {
            "name": name,
            "mesh": self._mesh,
            "secret": self._secret,
            "skew_ms": skew_ms,
            "peers": addresses,
            "options": self._options,
        }
        if not multicast:
            self._deaf.add(name)
        if self._deaf or not self._weather.multicast:
            self._apply_deafness()
        if self._weather.bandwidth_bits_per_s != Weather().bandwidth_bits_per_s:
            self._lab.limit(name, self._weather.bandwidth_bits_per_s)

    def _launch(self, name: str) -> None:
        folder = Path(self._folder.name) / name
        folder.mkdir(exist_ok=True)
        env = {f"GOSSAMER_{what}_DIR": str(folder / what.lower()) for what in ("RUNTIME", "STATE")}
        env |= {"XDG_CONFIG_HOME": str(folder / "config"), "PYTHONPATH": ":".join(filter(None, sys.path))}
        complaints = (folder / "stderr").open("a+b")
        player = self._players[name] = Player(name, self._lab.hosts[name], env, complaints)
        self._note(name, "starts")
        player.begin(self._roles[name])

    def _player(self, name: str) -> Player:
        if name not in self._players:
            known = ", ".join(self._players) or "none"
            raise ValueError(f"no process runs on {name!r}; there are {known}")
        return self._players[name]

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._note(name, "is killed")
        self.account.died(name)
        self._end(name)

    def crash(self, name: str) -> None:
        """The computer loses power: its cable falls silent before its process ends."""
        self._note(name, "loses power")
        self._lab.link(name, up=False)
        self.account.died(name)
        self._end(name)
        self._lab.link(name, up=True)

    def stop(self, name: str) -> float:
        """The program closes its mesh; return how long that took."""
        self._note(name, "stops")
        took_s = float(self._player(name).tell("stop")["took_s"])
        self._end(name)
        return took_s

    def _end(self, name: str) -> None:
        self._player(name).kill()
        del self._players[name]

    def restart(self, name: str) -> None:
        """Start a new process on that host; it knows nothing."""
        if name in self._players:
            self.kill(name)
        self._launch(name)
        self._players[name].ready()

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self._note(name, "is stopped")
        self._player(name).pause()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._note(name, "goes on")
        self._player(name).resume()

    def clone(self, name: str, twin: str) -> None:
        """Not here."""
        raise NoSuchFault("a process cannot be copied while it runs: clone is for the simulator")

    def remember(self, name: str) -> None:
        """Not here."""
        raise NoSuchFault("a process has no snapshots: remember is for the simulator")

    def roll_back(self, name: str, by_s: float) -> None:
        """Not here."""
        raise NoSuchFault("a process has no snapshots: roll_back is for the simulator")

    def step_clock(self, name: str, by_ms: int) -> None:
        """Set the wall clock of a process."""
        self._note(name, f"sets its clock by {by_ms} ms")
        self._roles[name]["skew_ms"] += by_ms
        self._player(name).tell("clock", skew_ms=self._roles[name]["skew_ms"])

    def popen(self, name: str, argv: list[str], env: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Start a program of your own on a host (added if it is new), as `subprocess.Popen` does; end it yourself."""
        host = self._lab.hosts.get(name) or self._lab.add(name)
        return host.popen(argv, env, **more)

    # -- what programs do -----------------------------------------------------------------------

    def write(self, name: str, key: Key, value: object, *, ttl_s: float | None = None) -> None:
        """A program there puts `value` (of what JSON knows) under `key`, a str."""
        answer = self._player(name).tell("write", key=key, value=value, ttl_s=ttl_s)
        self.account.wrote(name, str(key), value, answer["at_s"], expires=ttl_s is not None)

    def delete(self, name: str, key: Key) -> None:
        """A program there deletes `key`, which must be there."""
        answer = self._player(name).tell("delete", key=key)
        if not answer["deleted"]:
            raise KeyError(key)
        self.account.deleted(name, str(key))

    def batch(self, name: str, items: Mapping[Key, object], *, delete: Iterable[Key] = ()) -> None:
        """A program there writes all of this atomically."""
        gone = list(delete)
        answer = self._player(name).tell("batch", items=dict(items), delete=gone)
        for key, value in items.items():
            self.account.wrote(name, str(key), value, answer["at_s"])
        for key in gone:
            self.account.deleted(name, str(key))

    def read(self, name: str, key: Key) -> Any:
        """Return the visible value of `key` there, None if there is none."""
        return self._player(name).tell("read", key=key)["value"]

    def state(self, name: str) -> dict[Key, Any]:
        """Return all that is visible there."""
        return dict(self._player(name).tell("state")["state"])

    def sees(self, name: str) -> set[str]:
        """Return the names of the peers that a node counts on."""
        return set(self._player(name).tell("sees")["sees"])

    # -- the network ----------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Hosts of different sides do not hear each other; those not named are one side more."""
        listed = [list(side) for side in sides]
        named = {name for side in listed for name in side}
        rest = [name for name in self.names if name not in named]
        self._note("network", "splits: " + " | ".join(map(" ".join, listed)))
        self._lab.partition([*listed, rest] if rest else listed)

    def cut(self, sender: str, receiver: str) -> None:
        """What one sends does not reach the other."""
        self._note("network", f"cuts {sender} to {receiver}")
        if sender != receiver:
            self._lab.cut([(sender, receiver)])

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut; do nothing if there is none."""
        self._note("network", f"mends {sender} to {receiver}")
        try:
            self._lab.mend([(sender, receiver)])
        except LabError:
            self._note("network", "which was not cut")

    def heal(self) -> None:
        """Everyone hears everyone."""
        self._note("network", "heals")
        self._lab.heal()

    def weather(self, **faults: Any) -> None:
        """Turn loss, bandwidth and multicast; raise NoSuchFault for what no real network does on demand."""
        weather = Weather(**faults)
        weather.check()
        calm = Weather()
        for name in faults:
            if name not in CAN and getattr(weather, name) != getattr(calm, name):
                raise NoSuchFault(f"the rig cannot do {name}: it is for the simulator")
        self._note("network", "weather: " + ", ".join(f"{name} {value}" for name, value in faults.items()))
        if "loss" in faults:
            self._lab.lose(weather.loss)
        if "bandwidth_bits_per_s" in faults:
            rate = 0.0 if weather.bandwidth_bits_per_s >= calm.bandwidth_bits_per_s else weather.bandwidth_bits_per_s
            for host in self.names:
                self._lab.limit(host, rate)
        self._weather = Weather(
            loss=weather.loss if "loss" in faults else self._weather.loss,
            bandwidth_bits_per_s=(weather if "bandwidth_bits_per_s" in faults else self._weather).bandwidth_bits_per_s,
            multicast=weather.multicast if "multicast" in faults else self._weather.multicast,
        )
        if "multicast" in faults:
            self._apply_deafness()

    def _apply_deafness(self) -> None:
        self._lab.deafen(self.names if not self._weather.multicast else self._deaf)

    def sent_bytes(self, name: str | None = None) -> int:
        """Return how many bytes the processes that run now, or one of them, have sent since they started."""
        players = [self._player(name)] if name is not None else [p for p in self._players.values() if not p.is_paused]
        return sum(int(player.tell("sent")["bytes"]) for player in players)

    # -- time -----------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let real time pass."""
        time.sleep(seconds)

    def settle(self, within_s: float = 30.0, *, among: Iterable[str] | None = None) -> float:
        """Wait until the living nodes agree; return how long that took.  Raise `Wrong` if it is longer.

        If all living nodes were meant, what they hold is then held against every acknowledged write.
        """
        began = self.now
        names = list(self._players if among is None else among)
        players = [self._players[name] for name in names if name in self._players]
        players = [player for player in players if not player.is_paused]
        unlike: dict[str, str] = {}
        while True:
            for player in players:
                more = {"unlike": unlike[player.name], "within_s": LOOK_S} if unlike else {}
                player.ask("digest", **more)
            digests = {player.name: player.answer()["digest"] for player in players}
            if len(set(digests.values())) <= 1:
                break
            if self.now - began > within_s:
                raise Wrong(f"no agreement within {within_s} s: {self._differences(players)}")
            unlike = digests
        took_s = self.now - began
        if among is None and players:
            self.account.agreed({str(key): value for key, value in self.state(players[0].name).items()})
        return took_s

    def _differences(self, players: list[Player]) -> str:
        states = {player.name: self.state(player.name) for player in players}
        keys = {key for state in states.values() for key in state}
        differing = [key for key in keys if len({repr(state.get(key)) for state in states.values()}) > 1][:5]
        told = {key: {name: state.get(key) for name, state in states.items()} for key in differing}
        return f"they differ in {told!r}" if told else "they differ in conflicts alone"

    def _await(self, condition: Any, within_s: float, what: str) -> None:
        began = self.now
        while not condition():
            if self.now - began > within_s:
                raise Wrong(f"the nodes did not {what} within {within_s:g} s")
            time.sleep(LOOK_S)

    # -- words ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Enter a line into the log."""
        self._note("story", text)

    def measure(self, figure: str, value: float) -> None:
        """Report a figure."""
        self.figures[figure] = value

    def _note(self, who: str, what: str) -> None:
        self.log.append(f"{self.now:9.3f} {who} {what}")


if TYPE_CHECKING:
    _conforms: type[World] = Rig
