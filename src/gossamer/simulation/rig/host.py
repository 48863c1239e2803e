"""A computer on the rig: namespaces, a network card, a disk, a clock, and the processes on it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .namespaces import Namespace
from .processes import RigError, Starter, kill

ANSWER_S = 60.0
"""An actor that does not answer for so long beyond what it was told to wait hangs, even on a very busy machine."""
DISK_BYTES = 4 << 20
LAST_WORDS_BYTES = 4096
BALLAST = "ballast"
"""The file that fills a disk."""
PACKAGE_HOME = str(Path(__file__).parents[3])


@dataclass(slots=True)
class Role:
    """How the peer of a computer joins, each time it starts."""

    mesh: str
    secret: str
    peers: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    skew_ms: int = 0
    clock_rate: float = 1.0


class Host:
    """One computer.  Its disk is a small tmpfs, seen by its own processes alone."""

    def __init__(self, name: str, number: int, starter: Starter, inside: Namespace, directory: Path) -> None:
        self.name = name
        self.number = number
        self.address = f"10.77.{number >> 8}.{number & 255}"
        self.namespace = Namespace(starter, inside)
        self.disk = directory / f"disk-{number}"
        self.disk.mkdir()
        self.namespace.run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(self.disk))
        self.role: Role | None = None
        self.peer: subprocess.Popen[bytes] | None = None
        self.processes: list[subprocess.Popen[Any]] = []
        self.is_paused = False
        self.lost_power = False
        """Whether its cable is dead until it is started again."""
        self._log = directory / f"{number}.log"
        self._unread = b""

    # -- processes ----------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether its peer runs."""
        return self.peer is not None and self.peer.poll() is None

    @property
    def is_awake(self) -> bool:
        """Whether its peer runs and is not stopped."""
        return self.is_up and not self.is_paused

    def popen(self, argv: Sequence[str], env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[Any]:
        """Start any program on this computer; it finds its disk in its working directory and its environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GOSSAMER_")}
        own = {
            "GOSSAMER_RUNTIME_DIR": str(self.disk),
            "GOSSAMER_STATE_DIR": str(self.disk),
            "HOME": str(self.disk),
            "TMPDIR": str(self.disk),
        }
        process = self.namespace.popen(argv, cwd=str(self.disk), env={**kept, **own, **(env or {})}, **more)
        self.processes.append(process)
        return process

    def boot(self) -> None:
        """Start the peer; `joined` returns once it has."""
        assert self.role is not None
        path = os.pathsep.join(filter(None, (PACKAGE_HOME, os.environ.get("PYTHONPATH"))))
        argv = [sys.executable, "-m", f"{__package__}.actor"]
        with self._log.open("ab") as log:
            self.peer = self.popen(
                argv, {"PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self._unread = b""
        fields = {name: getattr(self.role, name) for name in Role.__slots__}
        self._send({"name": self.name, **fields})

    def joined(self, within_s: float = ANSWER_S) -> None:
        """Wait until the peer has joined."""
        self.answer(within_s)

    def kill(self) -> None:
        """End all its processes at once, as SIGKILL does."""
        for process in self.processes:
            kill(process)
        self.processes.clear()
        self.is_paused = False

    def signal(self, number: signal.Signals) -> None:
        """Stop all its processes (SIGSTOP) or let them go on (SIGCONT); return once they do."""
        done = os.WSTOPPED if number == signal.SIGSTOP else os.WCONTINUED
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, number)
                os.waitid(os.P_PID, process.pid, done | os.WEXITED | os.WNOWAIT)
        self.is_paused = number == signal.SIGSTOP

    def fill_disk(self) -> None:
        """Leave no byte free on its disk."""
        self.namespace.run("sh", "-c", f"cat /dev/zero > '{self.disk}/{BALLAST}' 2>/dev/null; true")

    def free_disk(self) -> None:
        """Make room again."""
        self.namespace.run("rm", "-f", f"{self.disk}/{BALLAST}")

    # -- orders to the peer -------------------------------------------------------------------------

    def tell(self, do: str, **more: Any) -> Any:
        """Give the peer an order and return its answer."""
        self.order(do, **more)
        return self.answer(more.get("within_s", 0.0) + ANSWER_S)

    def order(self, do: str, **more: Any) -> None:
        """Give the peer an order; `answer` must be asked for before the next."""
        if not self.is_awake:
            raise RigError(f"{self.name} {'stands still' if self.is_up else 'is not up'}: it cannot {do}")
        self._send({"do": do, **more})

    def answer(self, within_s: float) -> Any:
        """Return the answer to the last order; raise what the peer raised, or RigError if it ended or hangs."""
        return self.content(json.loads(self._line(time.monotonic() + within_s)))

    def content(self, found: dict[str, Any]) -> Any:
        """Return what an answer holds, or raise it."""
        match found.get("error"):
            case None:
                return found["answer"]
            case "KeyError":
                raise KeyError(found["why"])
            case error:
                raise RigError(f"{self.name}: {error}: {found['why']}")

    def _send(self, order: dict[str, Any]) -> None:
        assert self.peer is not None
        assert self.peer.stdin is not None
        try:
            self.peer.stdin.write(json.dumps(order).encode() + b"\n")
            self.peer.stdin.flush()
        except BrokenPipeError:
            raise RigError(f"the peer of {self.name} ended{self._last_words()}") from None

    def _line(self, deadline: float) -> bytes:
        assert self.peer is not None
        assert self.peer.stdout is not None
        descriptor = self.peer.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise RigError(f"the peer of {self.name} does not answer{self._last_words()}")
            received = os.read(descriptor, 1 << 20)
            if not received:
                raise RigError(f"the peer of {self.name} ended{self._last_words()}")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _last_words(self) -> str:
        text = self._log.read_bytes()[-LAST_WORDS_BYTES:].decode(errors="replace").strip()
        return f", saying:\n{text}" if text else ""
