"""Processes that take part in a test's cache, as the workers of a server do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

PRELUDE = """
import json, os, sys, time
from gossamer import Options
LOCATION, FOR_HOST = {location!r}, {{"port": {port}, "options": {options!r}, "timeout": 20}}
def say(value):
    print(json.dumps(value), flush=True)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit()
"""


class Worker:
    """A program that says and hears JSON, a line each."""

    def __init__(self, prelude: str, program: str, environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", prelude + program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def says(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it has ended with {self._process.wait(10)}"
        return json.loads(line)

    def hears(self, value: Any) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def asked(self, value: Any) -> Any:
        """Say something, and return its answer."""
        self.hears(value)
        return self.says()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Workers:
    """Starts workers of one cache, and ends them."""

    def __init__(self, location: str, for_host: dict[str, Any]) -> None:
        self._prelude = PRELUDE.format(location=location, **for_host)
        self._started: list[Worker] = []

    def __call__(self, program: str, environment: dict[str, str] | None = None) -> Worker:
        """Start one that knows `LOCATION`, `FOR_HOST`, `say` and `hear`."""
        self._started.append(Worker(self._prelude, program, environment))
        return self._started[-1]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._started:
            worker.kill()


def forked(*functions: Callable[[], object]) -> list[int]:
    """Call each function in a forked child at one time; return their exit codes: 0 if it returned."""
    pids = []
    for function in functions:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                function()
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in pids]
