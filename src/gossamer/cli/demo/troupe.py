"""The processes of the demo, as the parent has them: it starts them, tells them what to do, and ends them.

However the parent ends, no actor outlives it: those it can still end are killed and waited
for, and the others see their stdin end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

ANSWER_S = 30.0
"""An actor that does not answer for so long has died or hangs, even on a machine that is very busy."""
STDERR_BYTES_MAX = 4096


class ActorFailed(Exception):
    """A process of the demo ended, or hangs."""


@dataclass(slots=True, eq=False)
class Player:
    """One actor, as the parent has it."""

    name: str
    side: str
    process: trio.Process
    id: str = ""
    addresses: list[list[Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    """Its latest; empty before the first."""
    dead: bool = False
    complaints: bytes = b""
    """The end of its stderr."""
    _turn: trio.Lock = field(default_factory=trio.Lock)
    _unread: bytearray = field(default_factory=bytearray)

    async def tell(self, do: str, **more: Any) -> dict[str, Any]:
        """Give an order and return the answer.  One order at a time."""
        async with self._turn:
            return await self.exchange({"do": do, **more})

    async def exchange(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send a line and return the line that answers it."""
        assert self.process.stdin is not None
        try:
            with trio.fail_after(ANSWER_S):
                await self.process.stdin.send_all(json.dumps(order).encode() + b"\n")
                return dict(json.loads(await self._line()))
        except trio.TooSlowError:
            raise ActorFailed(f"peer {self.name} did not answer within {ANSWER_S:g} s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ActorFailed(f"the process of peer {self.name} ended{self._last_words()}") from None

    async def _line(self) -> bytes:
        assert self.process.stdout is not None
        while (end := self._unread.find(b"\n")) < 0:
            received = await self.process.stdout.receive_some()
            if not received:
                raise trio.BrokenResourceError
            self._unread += received
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    async def listen_to_complaints(self) -> None:
        """Keep the end of its stderr, and let it never wait for us to read."""
        assert self.process.stderr is not None
        async for text in self.process.stderr:
            self.complaints = (self.complaints + text)[-STDERR_BYTES_MAX:]

    def _last_words(self) -> str:
        text = self.complaints.decode(errors="replace").strip()
        return f", saying:\n{text}" if text else ""


class Troupe:
    """All actors of one demo: on a mesh, a port and directories of their own, so that two demos never meet."""

    def __init__(self, nursery: trio.Nursery, directory: Path, port: int, seed: int, loss: float) -> None:
        self.players: list[Player] = []
        self._nursery = nursery
        self._directory = directory
        self._port = port
        self._seed = seed
        self._loss = loss

    @property
    def alive(self) -> list[Player]:
        """Those not killed."""
        return [player for player in self.players if not player.dead]

    async def start(self, name: str, side: str, part: int, parts: int) -> Player:
        """Start a process and return once its peer has joined."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", f"{__package__}.actor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            cwd=self._directory,  # where no file of the audience's shadows a module
        )
        player = Player(name, side, process)
        self.players.append(player)
        self._nursery.start_soon(player.listen_to_complaints)
        role = {
            "name": name,
            "mesh": f"demo {self._directory.name}",
            "port": self._port,
            "directory": str(self._directory),
            "part": part,
            "parts": parts,
            "seed": self._seed + part,
            "loss": self._loss,
        }
        who = await player.exchange(role)
        player.id, player.addresses = who["id"], who["addresses"]
        return player

    async def tell(self, players: Iterable[Player], do: str, **more: Any) -> dict[str, dict[str, Any]]:
        """Give several the same order at once; return their answers by name."""
        answers: dict[str, dict[str, Any]] = {}

        async def tell(player: Player) -> None:
            answers[player.name] = await player.tell(do, **more)

        async with trio.open_nursery() as nursery:
            for player in players:
                nursery.start_soon(tell, player)
        return answers

    async def look(self) -> None:
        """Ask everybody for a report and keep it; one that is killed meanwhile has none."""

        async def look(player: Player) -> None:
            try:
                player.report = await player.tell("report")
            except ActorFailed:
                if not player.dead:
                    raise

        async with trio.open_nursery() as nursery:
            for player in self.alive:
                if player.id:
                    nursery.start_soon(look, player)

    async def cut(self, one: list[Player], other: list[Player]) -> None:
        """Let neither of two groups hear the other."""

        async def cut(here: list[Player], there: list[Player]) -> None:
            addresses = [address for player in there for address in player.addresses]
            await self.tell(here, "cut", peers=[player.id for player in there], addresses=addresses)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut, one, other)
            nursery.start_soon(cut, other, one)

    def kill(self, player: Player) -> None:
        """End one at once, as the kernel does when memory is short: no goodbye, no flush."""
        player.dead = True
        player.process.kill()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GOSSAMER_")}
        package_home = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (package_home, kept.get("PYTHONPATH"))))
        own = str(self._directory)
        return kept | {"PYTHONPATH": path, "GOSSAMER_RUNTIME_DIR": own, "GOSSAMER_STATE_DIR": own}


@asynccontextmanager
async def open_troupe(port: int, seed: int, loss: float) -> AsyncIterator[Troupe]:
    """Have a troupe while the block runs; afterwards no process of it is left."""
    with tempfile.TemporaryDirectory(prefix="gossamer-demo-", ignore_cleanup_errors=True) as directory:
        async with trio.open_nursery() as nursery:
            troupe = Troupe(nursery, Path(directory), port, seed, loss)
            try:
                yield troupe
            finally:
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await _end(troupe.players)


async def _end(players: list[Player]) -> None:
    for player in players:
        player.process.kill()
    for player in players:
        await player.process.wait()
        for pipe in (player.process.stdin, player.process.stdout, player.process.stderr):
            if pipe is not None:
                await pipe.aclose()
