"""The network of one test, and the peers on it: what a test does to both, and what it tells of itself when it fails.

`SimulatedNet` is for tests that are plain functions: virtual time, exactly repeatable.
`TrioNet` and `ThreadsNet` run real peers over datagrams and streams in memory.
All understand the words of `World` for faults; a peer is named by its mesh.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from ..arguments import Arguments
from ..handle import MeshHandle, Peer
from ..settings import arguments_of, setting
from ..surroundings import Surroundings
from .agreement import differences
from .oracle import Wrong

NAME = "test"
"""The mesh that a test's peers are of, if neither it nor a setting names one."""
LOOK_S = 0.01
"""How often peers are compared while they are to agree."""
STORY_LINES_MAX = 30


Who: TypeAlias = MeshHandle | Peer | str


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
    """What lies between the peers of a test.  A peer is named by its mesh, its `Peer` or its nickname."""

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
    def place(self, who: Who) -> str:
        """Return the name by which the faults know where a peer runs; raise ValueError if it is none of this net."""

    def close(self) -> None:
        """The test is over: let go of its meshes."""
        self.meshes.clear()

    # -- faults ---------------------------------------------------------------------------------

    def weather(self, **faults: Any) -> None:
        """Turn faults from now on; those not named stay.  `loss`, `doubling` and `disorder` are shares from 0 to 1.

        `delay_s` is the least and the greatest time on the way, `held_up_s` how long disorder
        holds up a datagram at most.  Raises ValueError for a fault out of range.  See `simulation.Weather`.
        """
        self._faults.weather(**faults)
        self.note("weather: " + ", ".join(f"{name}={value!r}" for name, value in faults.items()))

    def partition(self, *sides: Who | Iterable[Who]) -> Split:
        """Let those of different sides not hear each other; those not named are a side of their own.

        Until `heal`, or as a context manager until the end of the block.
        """
        listed = [[side] if isinstance(side, MeshHandle | Peer | str) else list(side) for side in sides]
        self._faults.partition(*([self.place(who) for who in side] for side in listed))
        self.note("splits: " + " | ".join(_names(side) for side in listed))
        return Split(self)

    def cut(self, sender: Who, receiver: Who) -> None:
        """Let nothing that `sender` sends reach `receiver`; the other way is untouched."""
        self._faults.cut(self.place(sender), self.place(receiver))
        self.note(f"cuts {name_of(sender)} to {name_of(receiver)}")

    def mend(self, sender: Who, receiver: Who) -> None:
        """Undo a cut."""
        self._faults.mend(self.place(sender), self.place(receiver))
        self.note(f"mends {name_of(sender)} to {name_of(receiver)}")

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

    def wrong(self, meshes: Iterable[MeshHandle], within: float) -> Wrong:
        """Return an error that says why these do not agree."""
        last = self._story[-1].strip() if self._story else "nothing has happened to the net"
        return Wrong(
            f"{_names(meshes)} do not agree within {within:g} s:\n{self.disagreement(meshes)}\n  the net: {last}"
        )

    def arguments(self, nickname: str | None, more: dict[str, Any]) -> Arguments:
        """Return what a peer of this net is opened with: what is given, and what the program's settings say."""
        given: dict[str, Any] = dict.fromkeys(("secret", "interfaces", "port", "options"))
        given |= {"name": setting("mesh").value or NAME, "peers": (), "insecure_lan": False} | more
        return replace(arguments_of(**given, nickname=nickname), surroundings=self.surroundings)


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


def name_of(who: Who) -> str:
    """Return the nickname of a peer, however it was named."""
    match who:
        case str():
            return who
        case Peer():
            return who.name
        case _:
            return who.me.name


def _names(peers: Iterable[Who]) -> str:
    return ", ".join(map(name_of, peers))


def _condition(mesh: MeshHandle) -> str:
    return f"at {mesh.me}: {len(mesh)} {'key' if len(mesh) == 1 else 'keys'}; {mesh.status().why}"
