"""A scenario: a story that is told to a world, which may be simulated or real.

A scenario file in `simulations/scenarios/` holds one story: nodes, weather, script, what
must hold, what is measured.  It says all that in the words of `World`, which the simulator
and the rig both understand, so one file runs on both; where a world lacks a fault, it
raises `NoSuchFault` and the runner says so.

    @scenario(nodes=6)
    def split_brain(world: World) -> None:
        \"\"\"Two halves write the same keys, and agree soon after they meet again.\"\"\"
        one, other = halves(world.start())
        world.partition(one, other)
        ...
        world.heal()
        world.measure("agreement_s", world.settle(within_s=10))
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..crdt.writes import Key
from ..errors import GossamerError
from .oracle import Wrong


class NoSuchFault(GossamerError, NotImplementedError):
    """This world cannot do what the story asks.  Run the story in another, or say `worlds=("simulated",)`."""


class World(Protocol):
    """What a story may do: to a mesh, to the computers it runs on, and to the network between them.

    Times are in seconds since the story began, virtual or real; names of nodes are the story's.
    Everything that chance decides is asked of `rng`, so that a story is a function of its seed.
    """

    rng: random.Random
    size: int
    """How many nodes the runner wants; a story whose cast is fixed may look away."""

    @property
    def now(self) -> float:
        """Seconds since the story began."""

    @property
    def names(self) -> list[str]:
        """The nodes, in the order in which they came."""

    # -- who is there ---------------------------------------------------------------------------

    def start(self, count: int | None = None, *, skew_ms: int = 500, meet: bool = True) -> list[str]:
        """Add `count` nodes (`size` by default), with clocks wrong by up to `skew_ms`, and let them meet; name them."""

    def add(
        self, name: str, *, skew_ms: int = 0, clock_rate: float = 1.0, multicast: bool = True, peers: Iterable[str] = ()
    ) -> object:
        """Start a computer and a peer on it; `peers` are those whose addresses it is given."""

    def kill(self, name: str) -> None:
        """The process dies at once, as by SIGKILL."""

    def crash(self, name: str) -> None:
        """The computer loses power: nothing is said by anybody."""

    def stop(self, name: str) -> float:
        """The program closes its mesh in an orderly way; return how long that took."""

    def restart(self, name: str) -> None:
        """A new process starts there, and knows nothing."""

    def pause(self, name: str) -> None:
        """The process stands still, as by SIGSTOP."""

    def resume(self, name: str) -> None:
        """It goes on."""

    def fork(self, name: str, child: str) -> None:
        """The process forks, as by `os.fork()`; `child` is a node too, on the same computer, and shares its fate."""

    def clone(self, name: str, twin: str) -> None:
        """Copy a running computer, memory and all."""

    def remember(self, name: str) -> None:
        """Take a snapshot of a virtual machine, memory and all."""

    def roll_back(self, name: str, by_s: float) -> None:
        """Put a virtual machine back to the latest snapshot that is at least `by_s` old."""

    def step_clock(self, name: str, by_ms: int) -> None:
        """Somebody sets the wall clock of a computer."""

    def fill_disk(self, name: str) -> None:
        """Leave no byte free on the disk of a computer."""

    def free_disk(self, name: str) -> None:
        """Make room again."""

    # -- what programs do -----------------------------------------------------------------------

    def write(self, name: str, key: Key, value: object, *, ttl_s: float | None = None) -> None:
        """A program on that node puts `value` under `key`; it is acknowledged when this returns."""

    def delete(self, name: str, key: Key) -> None:
        """A program on that node deletes `key`, which must be there."""

    def batch(self, name: str, items: Mapping[Key, object], *, delete: Iterable[Key] = ()) -> None:
        """A program on that node writes all of this atomically."""

    def read(self, name: str, key: Key) -> Any:
        """Return the visible value of `key` on that node, None if there is none."""

    def state(self, name: str) -> dict[Key, Any]:
        """Return all that is visible on that node."""

    def sees(self, name: str) -> set[str]:
        """Return the names of the peers that a node counts on."""

    def begin_watching(self, name: str, *, changes_max: int) -> None:
        """A program on that node watches all keys from now on, with a feed that folds changes beyond `changes_max`."""

    def take_changes(self, name: str, *, at_most: int | None = None) -> list[tuple[Key, Any, Any]]:
        """Let that program take what waits (the oldest `at_most`): key, old and new value of each change."""

    # -- the network ----------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other; those not named are one side more."""

    def cut(self, sender: str, receiver: str) -> None:
        """What `sender` sends does not reach `receiver` any more; the other way is untouched."""

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""

    def heal(self) -> None:
        """Everyone hears everyone."""

    def weather(self, **faults: Any) -> None:
        """Turn the faults of the network (the fields of `Weather`) from now on; those not named stay."""

    def sent_bytes(self, name: str | None = None) -> int:
        """Return how many bytes a node, or all together, have sent since the story began."""

    def flood(self, seconds: float) -> None:
        """A computer that has no secret begins to send what it likes, as fast as it can, and ends after so long."""

    def refused(self, name: str) -> int:
        """Return how many datagrams, messages and streams that node has refused since it started."""

    # -- time -----------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let time pass."""

    def settle(self, within_s: float = 30.0, *, among: Iterable[str] | None = None) -> float:
        """Let time pass until the living nodes agree; return how long that took.  Raise `Wrong` if it is longer."""

    # -- words ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Enter a line into the journal and the report."""

    def measure(self, figure: str, value: float) -> None:
        """Report a figure; its unit is the end of its name (`agreement_s`, `idle_bytes_per_s`)."""


def expect(holds: object, what: str) -> None:
    """Raise `Wrong`, saying `what` should hold, unless it does."""
    if not holds:
        raise Wrong(f"expected that {what}")


@dataclass(frozen=True, slots=True)
class Weather:
    """The faults of a network.  Shares are from 0 to 1."""

    loss: float = 0.0
    """Share that never arrives: in the simulator of datagrams, streams being spared; on the rig of all packets, so that
    streams must send again too (`Rig.lose(..., udp_only=True)` spares them there)."""
    burst_loss: float = 0.0
    """Share of time that a link spends in bursts in which nothing arrives (Gilbert and Elliott's model)."""
    burst_s: float = 0.2
    """How long such a burst lasts on average."""
    delay_s: tuple[float, float] = (0.0002, 0.002)
    """Least and greatest time on the way."""
    doubling: float = 0.0
    """Share of datagrams that arrive twice."""
    disorder: float = 0.0
    """Share of datagrams that are held up for up to `held_up_s`."""
    held_up_s: float = 0.25
    bandwidth_bits_per_s: float = 400e6
    """Speed of a link, each way."""
    mtu_bytes: int = 1500
    """Datagrams of more bytes, headers of 28 included, never arrive."""
    multicast: bool = True
    """Whether the network carries multicast at all."""

    def check(self) -> None:
        """Raise ValueError, naming the fault, if one is out of range."""
        for name in ("loss", "burst_loss", "doubling", "disorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} is no share: give a number from 0 to 1")
        for name in ("burst_s", "bandwidth_bits_per_s", "mtu_bytes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be above 0")
        if not 0 <= self.delay_s[0] <= self.delay_s[1] or self.held_up_s < 0:
            raise ValueError(f"delay_s={self.delay_s!r}, held_up_s={self.held_up_s!r}: no time is below 0")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story and what the runner must know of it."""

    name: str
    story: str
    """Its docstring."""
    play: Callable[..., None]
    """Called with the world, and with the arguments of the variant."""
    nodes: int
    variants: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: {"": {}})
    """Name -> arguments of `play`, where one story is told in several strengths."""
    worlds: Sequence[str] = ("simulated", "real")
    """Where it can be told: "simulated", "real"."""
    seconds: float = 60.0
    """About how much time passes in it; the rig allows three times as much."""
    slow: bool = False
    """Whether one run of it takes more than some seconds of CPU in the simulator."""


def scenario(
    *,
    nodes: int,
    variants: Mapping[str, Mapping[str, object]] | None = None,
    worlds: Sequence[str] = ("simulated", "real"),
    seconds: float = 60.0,
    slow: bool = False,
) -> Callable[[Callable[..., None]], Scenario]:
    """Make a function that takes a world a scenario, named after it, with hyphens."""

    def made(play: Callable[..., None]) -> Scenario:
        name = play.__name__.replace("_", "-")
        if not play.__doc__:
            raise ValueError(f"the scenario {name} tells no story: give it a docstring")
        return Scenario(name, play.__doc__, play, nodes, variants or {"": {}}, worlds, seconds, slow)

    return made
