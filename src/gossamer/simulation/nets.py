"""The network of one test, and the peers on it: what a test does to both, and what it tells of itself when it fails.

`SimulatedNet` is for tests that are plain functions: virtual time, exactly repeatable.
`MemoryNet` runs real peers, in trio or in threads, over datagrams and streams in memory.
Both understand the words of `World` for faults; a peer is named by its mesh.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol

from ..arguments import Arguments
from ..errors import ConfigurationError
from ..handle import MeshHandle
from ..surroundings import Surroundings
from .agreement import agree, differences
from .mesh import SimulatedMesh
from .oracle import Wrong
from .simulation import Simulation

NAME = "test"
"""The mesh that a test's peers are of, if it names none."""
LOOK_S = 0.01
"""How often peers are compared while they are to agree."""
STORY_LINES_MAX = 30


class Faults(Protocol):
    """The part of `World` that lies between peers."""

    def partition(self, *sides: Iterable[str]) -> None:
        """Split."""

    def cut(self, sender: str, receiver: str) -> None:
        """Cut one way."""

    def mend(self, sender: str, receiver: str) -> None:
        """Undo a cut."""

    def heal(self) -> None:
        """Undo all splits and cuts."""

    def weather(self, **faults: Any) -> None:
        """Turn faults."""


class Net(ABC):
    """What lies between the peers of a test.  Sides and ends are meshes, or lists of them."""

    def __init__(self, seed: object, faults: Faults) -> None:
        self.seed = seed
        """What decides all that is left to chance."""
        self.meshes: list[MeshHandle] = []
        """Every mesh opened here so far, closed ones too."""
        self._faults = faults
        self._story: list[str] = []

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since the test began, virtual or real."""

    @property
    @abstractmethod
    def surroundings(self) -> Surroundings:
        """What a mesh that is opened during the test stands on; see `surrounded_by`."""

    @abstractmethod
    def _place(self, mesh: MeshHandle) -> str:
        """Return the name by which the faults know where a mesh runs."""

    # -- faults ---------------------------------------------------------------------------------

    def weather(self, **faults: Any) -> None:
        """Turn faults from now on; those not named stay.  `loss`, `doubling` and `disorder` are shares from 0 to 1.

        `delay_s` is the least and the greatest time on the way, `held_up_s` how long disorder
        holds up a datagram at most.  Raises ValueError for a fault out of range.  See `simulation.Weather`.
        """
        self._faults.weather(**faults)
        self.note("weather: " + ", ".join(f"{name}={value!r}" for name, value in faults.items()))

    def partition(self, *sides: MeshHandle | Iterable[MeshHandle]) -> Split:
        """Let those of different sides not hear each other; those not named are a side of their own.

        Until `heal`, or as a context manager until the end of the block.
        """
        listed = [list(_meshes(side)) for side in sides]
        self._faults.partition(*([self._place(mesh) for mesh in side] for side in listed))
        self.note("splits: " + " | ".join(_names(side) for side in listed))
        return Split(self)

    def cut(self, sender: MeshHandle, receiver: MeshHandle) -> None:
        """Let nothing that `sender` sends reach `receiver`; the other way is untouched."""
        self._faults.cut(self._place(sender), self._place(receiver))
        self.note(f"cuts {sender.me} to {receiver.me}")

    def mend(self, sender: MeshHandle, receiver: MeshHandle) -> None:
        """Undo a cut."""
        self._faults.mend(self._place(sender), self._place(receiver))
        self.note(f"mends {sender.me} to {receiver.me}")

    def heal(self) -> None:
        """Let everyone hear everyone.  The weather stays as it is."""
        self._faults.heal()
        self.note("heals")

    # -- what it tells --------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Enter a line into what is shown of a test that failed."""
        self._story.append(f"{self.now:9.3f} s  {text}")

    def report(self) -> str:
        """Return what happened on this net, and how each peer was doing in the end."""
        omitted = len(self._story) - STORY_LINES_MAX
        lines = [f"({omitted} lines before)"] if omitted > 0 else []
        lines += self._story[-STORY_LINES_MAX:]
        return "\n".join([*lines, f"{self.now:9.3f} s  the end", *map(_condition, self.meshes)])

    def disagreement(self, meshes: Iterable[MeshHandle]) -> str:
        """Return in words what keeps these from agreeing; nothing if they agree."""
        listed = list(meshes)
        return "\n".join(f"  {line}" for line in [*differences(listed), *map(_condition, listed)])

    def _wrong(self, meshes: list[MeshHandle], within: float) -> Wrong:
        last = self._story[-1].strip() if self._story else "nothing has happened to the net"
        return Wrong(
            f"{_names(meshes)} do not agree within {within:g} s:\n{self.disagreement(meshes)}\n  the net: {last}"
        )

    def _arguments(self, nickname: str | None, more: dict[str, Any]) -> Arguments:
        return Arguments(**{"name": NAME, "nickname": nickname, "surroundings": self.surroundings} | more)


class Split:
    """A partition; as a context manager, it heals at the end of its block."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def heal(self) -> None:
        """Let everyone hear everyone."""
        self._net.heal()

    def __enter__(self) -> Split:
        return self

    def __exit__(self, *args: object) -> None:
        self.heal()


class SimulatedNet(Net):
    """The net of a test that is a plain function: virtual time, which passes while somebody waits."""

    def __init__(self, seed: object) -> None:
        self.simulation = Simulation(seed)
        """What all runs on, for what this class has no word for, such as `step_clock`."""
        self._identity: tuple[object, ...] | None = None
        super().__init__(seed, self.simulation)

    @property
    def now(self) -> float:
        """Virtual seconds since the test began."""
        return self.simulation.now

    @property
    def surroundings(self) -> Surroundings:
        """Let `gossamer.join` open peers of this simulation."""
        return Surroundings(join=self.join, host_key=bytes)

    def _place(self, mesh: MeshHandle) -> str:
        if not isinstance(mesh, SimulatedMesh) or mesh not in self.meshes:
            raise ValueError(f"{mesh.me} is no peer of this net")
        return mesh.node

    def open(self, nickname: str | None = None, **arguments: Any) -> SimulatedMesh:
        """Let a peer join and return its mesh.  What else `gossamer.join` takes may be given."""
        return self.join(self._arguments(nickname, arguments))

    def join(self, arguments: Arguments) -> SimulatedMesh:
        """Open a peer; all of one net must be of one mesh."""
        identity = (arguments.name, arguments.secret, arguments.insecure_lan)
        if self._identity not in (None, identity):
            raise ConfigurationError(
                f"the mesh {arguments.name!r} differs in name or secret from that of the test's other peers, so they "
                "would never meet; the simulated net carries one mesh"
            )
        self._identity = identity
        mesh = SimulatedMesh(self.simulation, arguments)
        self.meshes.append(mesh)
        self.note(f"{mesh.me} has joined")
        return mesh

    def kill(self, mesh: SimulatedMesh) -> None:
        """Let a peer die as by SIGKILL: nothing more is sent, and its mesh is closed."""
        self.note(f"{mesh.me} dies")
        mesh.die()

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        if self.simulation.engine.is_running:
            raise RuntimeError("a listener cannot let time pass: it is called while time passes")
        self.simulation.run(seconds)

    def converged(self, meshes: Iterable[MeshHandle], within: float = 10.0) -> float:
        """Let time pass until these hold the same; return how long that took.

        Raise `Wrong`, an AssertionError that names keys, values and whose writes are missing, after `within` seconds.
        """
        listed = list(_meshes(meshes))
        began = self.now
        while not agree(listed):
            if self.now - began >= within:
                raise self._wrong(listed, within)
            self.run(LOOK_S)
        return self.now - began


def _meshes(side: MeshHandle | Iterable[MeshHandle]) -> Iterable[MeshHandle]:
    """Return the meshes of a side; a mesh, which is iterable too, is a side by itself."""
    return [side] if isinstance(side, MeshHandle) else side


def _names(meshes: Iterable[MeshHandle]) -> str:
    return ", ".join(mesh.me.name for mesh in meshes)


def _condition(mesh: MeshHandle) -> str:
    return f"{mesh.me}, with {len(mesh)} keys, is {mesh.status().why}"
