"""Programs in processes of their own, that take part in the test's mesh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gossamer.aio import AsyncioMesh, opened
from gossamer.handle import Arguments
from gossamer.net.faults import FaultyNetwork
from gossamer.options import Options

ASYNCIO_PATIENCE_S = 20.0

PRELUDE = """\
import os, signal, sys, threading, time
import gossamer
OPTIONS = gossamer.{options!r}
def join(nickname="script", options=OPTIONS, **more):
    return gossamer.join({name!r}, **{{"port": {port}, "options": options, "nickname": nickname, **more}})
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # in one piece: a forked child may be speaking too
"""


class Script:
    """A running program: what it says, and how it ends."""

    def __init__(self, source: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", source],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._hear, self._hear_errors)]
        for reader in self._readers:
            reader.start()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.rstrip("\n"))

    def _hear_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.append(self.process.stderr.read())

    def says(self, within_s: float = 10) -> str:
        """Return the next line that it prints."""
        try:
            return self._said.get(timeout=within_s)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"it said nothing within {within_s} s; stderr: {self.errors()}") from None

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def ends(self, within_s: float) -> int:
        """Return its exit status."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"it did not end within {within_s} s; stderr: {self.errors()}") from None

    def errors(self) -> str:
        """Return what it wrote to stderr; it must have ended."""
        self._readers[1].join(5)
        return "".join(self._errors)

    def kill(self) -> None:
        """End it and its children, if they have not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)
        for reader in self._readers:
            reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def script(mesh_name: str, mesh_port: int, options: Options, tmp_path: Path) -> Iterator[Callable[..., Script]]:
    """Start a program that may say `join()`; it is killed at the end of the test."""
    running: list[Script] = []

    def start(source: str) -> Script:
        prelude = PRELUDE.format(options=options, name=mesh_name, port=mesh_port)
        running.append(Script(prelude + dedent(source)))
        return running[-1]

    yield start
    for each in running:
        each.kill()


class Faults:
    """Networks of the test's peers that can be cut and made to lose."""

    def __init__(self) -> None:
        self.networks: list[FaultyNetwork] = []

    def __call__(self, network: Any) -> FaultyNetwork:
        self.networks.append(FaultyNetwork(network, seed=len(self.networks)))
        return self.networks[-1]

    def cut(self, *meshes: Any) -> None:
        """Cut all peers off from each other: neither datagrams nor streams pass."""
        for mesh in meshes:
            others = [other for other in meshes if other is not mesh]
            mesh.network.cut(
                peers=[bytes.fromhex(other.me.id) for other in others],
                addresses=[address for other in others for address in other.network.unicast_addresses],
            )

    def heal(self) -> None:
        for network in self.networks:
            network.heal()

    def deafen(self, mesh: Any, *others: Any) -> None:
        """Let nothing reach `mesh` or leave it."""
        mesh.network.loss = 1.0
        mesh.network.cut(peers=[bytes.fromhex(other.me.id) for other in others])


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    started = time.monotonic()
    return lambda: time.monotonic() - started


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine in a new event loop of each kind that is here."""
    make = None if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    def run(coroutine: Any) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(ASYNCIO_PATIENCE_S):
                return await coroutine

        with asyncio.Runner(loop_factory=make) as runner:
            return runner.run(limited())

    return run


@pytest.fixture
def enter(mesh_name: str, mesh_port: int, options: Any) -> Callable[..., AbstractAsyncContextManager[AsyncioMesh]]:
    """Open this test's mesh in the running asyncio loop."""

    def enter(nickname: str | None = None, **more: Any) -> AbstractAsyncContextManager[AsyncioMesh]:
        return opened(
            Arguments(**{"port": mesh_port, "options": options, "nickname": nickname, "name": mesh_name} | more)
        )

    return enter
