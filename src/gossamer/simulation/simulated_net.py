"""The net of a test that is a plain function: peers on virtual time, which passes while somebody waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arguments import Arguments
from ..errors import ConfigurationError
from ..handle import MeshHandle
from ..surroundings import Surroundings
from .agreement import agree
from .mesh import SimulatedMesh
from .net import LOOK_S, Net, Who, name_of
from .simulation import Simulation


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
        return Surroundings(join=self.join)

    def place(self, who: Who) -> str:
        """Return the name of a peer's node, which is its nickname."""
        name = name_of(who)
        if name not in self.simulation.nodes:
            raise ValueError(f"{name!r} is no peer of this net: there are {', '.join(self.simulation.nodes) or 'none'}")
        return name

    def open(self, nickname: str | None = None, **arguments: Any) -> SimulatedMesh:
        """Let a peer join and return its mesh.  What else `gossamer.join` takes may be given."""
        return self.join(self.arguments(nickname, arguments))

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
        listed = list(meshes)
        began = self.now
        while not agree(listed):
            if self.now - began >= within:
                raise self.wrong(listed, within)
            self.run(LOOK_S)
        return self.now - began
