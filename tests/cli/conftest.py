"""The command line, run in this process: what it printed, and its exit code."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gossamer.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def gossamer(capsys: pytest.CaptureFixture[str], mesh_name: str, mesh_port: int, monkeypatch) -> Callable[..., Ran]:
    """Run a verb in this test's mesh."""
    monkeypatch.setenv("GOSSAMER_MESH", mesh_name)
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setattr("gossamer.cli.taking_part.SETTLE_S", 0.08)
    monkeypatch.setattr("gossamer.cli.peers.LISTEN_S", 0.2)

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        try:
            code = main(argv)
        except SystemExit as left:
            code = left.code
        captured = capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return run


@pytest.fixture
def spawn(mesh_name: str, mesh_port: int) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run `python -m gossamer` as a process of its own; what is still running at the end is killed."""
    running: list[subprocess.Popen[str]] = []
    environment = os.environ | {"GOSSAMER_MESH": mesh_name, "GOSSAMER_PORT": str(mesh_port)}

    def spawn(*argv: str, **more: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "gossamer", *argv],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        running.append(process)
        return process

    yield spawn
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def keep_writing() -> Iterator[Callable[[Any, str], None]]:
    """Let a mesh write a key again and again, from a thread, until the test ends."""
    end = threading.Event()
    threads: list[threading.Thread] = []

    def keep_writing(mesh: Any, key: str) -> None:
        def write() -> None:
            while not end.wait(0.02):
                mesh[key] = {"at_s": time.monotonic(), "salt": secrets.token_hex(2)}

        threads.append(threading.Thread(target=write))
        threads[-1].start()

    yield keep_writing
    end.set()
    for thread in threads:
        thread.join()
