"""Processes that never outlive the program that started them, however it ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ...errors import GossamerError

END_S = 5.0
"""How long a process may take to end after SIGKILL: the kernel may be busy, but not for so long."""
UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'
"""Whoever lost its parent before it had asked for the signal is never sent one: it ends by itself."""


class RigError(GossamerError, RuntimeError):
    """A tool of the system, or a process on the rig, failed.  The message holds its last words."""


class Starter:
    """Starts processes that the kernel kills with us (PR_SET_PDEATHSIG), even those that are stopped.

    For the kernel, "us" is the thread that started them, so all are started in one thread that stays.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "gossamer rig")
        self._started: list[subprocess.Popen[Any]] = []

    def start(self, enter: Sequence[str], argv: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
        """Start `argv` where `enter` (a prefix such as nsenter's) leads.

        The signal is asked for after entering, which changes credentials and so would clear it.
        """
        command = [*enter, "setpriv", "--pdeathsig", "KILL", "sh", "-c", UNLESS_ORPHANED, str(os.getpid()), *argv]
        process = self._thread.submit(lambda: subprocess.Popen(command, start_new_session=True, **more)).result()
        self._started = [*(one for one in self._started if one.poll() is None), process]
        return process

    def close(self) -> None:
        """Kill whatever still runs, and what that started in its session."""
        for process in self._started:
            kill(process)
        self._thread.shutdown()


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process and its group at once, and wait for it."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, 9)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait(END_S)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):  # an order that was never read
                pipe.close()


def run(argv: Sequence[str], text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Run a tool to its end, with `text` on stdin, and return what it printed; raise RigError if it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RigError(f"{' '.join(argv)}: {done.stderr.strip() or f'exit {done.returncode}'}")
    return done.stdout
