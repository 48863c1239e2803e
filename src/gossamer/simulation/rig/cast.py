"""The processes of the rig, as their parent has them: started in their namespaces, told what to do, ended."""

from __future__ import annotations

import contextlib
import json
import selectors
import signal
import subprocess
import sys
from typing import IO, Any

from .lab import Namespace

ANSWER_S = 30.0
STDERR_BYTES_MAX = 8192


class ActorDied(RuntimeError):
    """A process of the rig ended by itself, or hangs.  The message holds its last words."""


class Player:
    """One actor's process."""

    def __init__(self, name: str, host: Namespace, env: dict[str, str], complaints: IO[bytes]) -> None:
        self.name = name
        self.is_paused = False
        self._complaints = complaints
        argv = [sys.executable, "-m", "gossamer.simulation.rig.actor"]
        self._process = host.popen(argv, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints)

    def begin(self, role: dict[str, Any]) -> None:
        """Tell it who it is; `ready` waits until it has joined."""
        self._send(role)

    def ready(self) -> None:
        """Return once it has joined."""
        self._receive()

    def tell(self, do: str, **more: Any) -> dict[str, Any]:
        """Give an order and return the answer.  Raises ActorDied if there is none within half a minute."""
        self.ask(do, **more)
        return self._receive()

    def ask(self, do: str, **more: Any) -> None:
        """Give an order whose answer `answer` will fetch: so several work at once."""
        self._send({"do": do, **more})

    def answer(self) -> dict[str, Any]:
        """Return the answer to the oldest order that has none."""
        return self._receive()

    def _send(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ActorDied(f"{self.name} has ended: {self._last_words()}") from None

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            # Answers come one by one, so nothing waits unseen in the buffered reader.
            if not ready.select(ANSWER_S):
                raise ActorDied(f"{self.name} did not answer within {ANSWER_S:g} s: {self._last_words()}")
        line = self._process.stdout.readline()
        if not line:
            raise ActorDied(f"{self.name} has ended: {self._last_words()}")
        return dict(json.loads(line))

    def _last_words(self) -> str:
        self._complaints.seek(0, 2)
        self._complaints.seek(max(0, self._complaints.tell() - STDERR_BYTES_MAX))
        return self._complaints.read().decode(errors="replace").strip() or "it said nothing"

    # -- signals --------------------------------------------------------------------------------

    def pause(self) -> None:
        """SIGSTOP."""
        self.is_paused = True
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.is_paused = False
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; nothing is left of it when this returns."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._complaints.close()
