"""The nets of tests whose peers are real: in one trio loop, or in threads, over a LAN in memory.

Nothing leaves the process: no socket is opened, nothing is looked for on disk, no key is kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import trio

from ..arguments import Arguments
from ..blocking import BlockingMesh
from ..handle import MeshHandle
from ..mesh import Mesh, opened
from ..net.clocks import Clock
from ..surroundings import Surroundings
from .agreement import agree
from .memory_lan import LoopClock, MemoryLan
from .net import LOOK_S, Net, Who, name_of


class MemoryNet(Net):
    """What both have in common: the LAN."""

    def __init__(self, seed: object, clock: Clock, join: Callable[[Arguments], BlockingMesh] | None = None) -> None:
        self.lan = MemoryLan(seed, clock)
        """What carries datagrams and streams."""
        self._surroundings = Surroundings(self.lan.open_network, clock, _no_host_key, looks_around=False, join=join)
        super().__init__(seed, self.lan)

    @property
    def surroundings(self) -> Surroundings:
        """Let whatever is opened stand on the LAN."""
        return self._surroundings

    def place(self, who: Who) -> str:
        """Return the host of a peer; one whose mesh the program keeps to itself is known from those who have met it."""
        if isinstance(who, MeshHandle):
            return who.network.unicast_addresses[0][0]
        name, hosts = name_of(who), {mesh.me.name: self.place(mesh) for mesh in self.meshes}
        hosts |= {peer.name: peer.host for mesh in self.meshes for peer in mesh.peers}
        if name not in hosts:
            raise ValueError(
                f"{name!r} is no peer of this net that anybody has met: there are {', '.join(hosts) or 'none'}"
            )
        return hosts[name]


class TrioNet(MemoryNet):
    """The net of an async test: on the loop's time, which is virtual if the loop has a `MockClock`."""

    def __init__(self, seed: object) -> None:
        self._clock = LoopClock()
        super().__init__(seed, self._clock.clock())

    @property
    def now(self) -> float:
        """The loop's time since a peer first asked for it."""
        return self._clock.elapsed_s()

    @asynccontextmanager
    async def open(self, nickname: str | None = None, **arguments: Any) -> AsyncIterator[Mesh]:
        """Take part for as long as the block runs.  What else `gossamer.open_mesh` takes may be given."""
        async with opened(self.arguments(nickname, arguments)) as mesh:
            self.meshes.append(mesh)
            self.note(f"{mesh.me} has joined")
            yield mesh

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        await trio.sleep(seconds)

    async def converged(self, meshes: Iterable[MeshHandle], within: float = 10.0) -> float:
        """Wait until these hold the same; return how long that took.  Raise `Wrong` after `within` seconds."""
        listed = list(meshes)
        began = trio.current_time()
        while not agree(listed):
            if trio.current_time() - began >= within:
                raise self.wrong(listed, within)
            await trio.sleep(LOOK_S)
        return trio.current_time() - began


class ThreadsNet(MemoryNet):
    """The net of a test with threads: real peers as `gossamer.join` makes them, on real time."""

    def __init__(self, seed: object) -> None:
        self._began = time.monotonic()
        super().__init__(seed, Clock(), self.join)

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self._began

    def open(self, nickname: str | None = None, **arguments: Any) -> BlockingMesh:
        """Let a peer join and return its mesh.  What else `gossamer.join` takes may be given."""
        return self.join(self.arguments(nickname, arguments))

    def join(self, arguments: Arguments) -> BlockingMesh:
        """Open a peer, from any thread."""
        mesh = BlockingMesh(arguments)
        self.meshes.append(mesh)
        self.note(f"{mesh.me} has joined")
        return mesh

    def run(self, seconds: float) -> None:
        """Let real time pass."""
        time.sleep(seconds)

    def converged(self, meshes: Iterable[MeshHandle], within: float = 10.0) -> float:
        """Wait until these hold the same; return how long that took.  Raise `Wrong` after `within` seconds."""
        listed = list(meshes)
        began = self.now
        while not agree(listed):
            if self.now - began >= within:
                raise self.wrong(listed, within)
            time.sleep(LOOK_S)
        return self.now - began

    def close(self) -> None:
        """Close every mesh that the test left open, without lingering."""
        for mesh in self.meshes:
            if isinstance(mesh, BlockingMesh):
                mesh.close(linger_s=0)
        super().close()


def _no_host_key() -> bytes:
    """Return what stands for the key of this host: nobody else is on the LAN."""
    return bytes(32)
