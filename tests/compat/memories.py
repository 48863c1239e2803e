"""Processes that open a shared memory, as the tests of `gossamer.compat.shared_memory_dict` need them.

Run as a program, it does what it is asked to, line by line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from gossamer.compat.shared_memory_dict import SharedMemoryDict

MANY = 1 << 20


def write_many(name: str, who: int, number: int) -> None:
    """Write `number` keys of one's own, and one that all write."""
    memory = SharedMemoryDict(name, MANY)
    for step in range(number):
        memory[f"{who}/{step}"] = [who, "x" * (step % 50)]
        memory["last"] = who


class Other:
    """Another process, which has nothing to do with this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def does(self, line: str) -> Any:
        """Return what `line` is worth there; None if it is a statement."""
        self.begins(line)
        return self.answers()

    def begins(self, line: str) -> None:
        """Let it do that, and go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answers(self) -> Any:
        """Wait for the answer."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        said = self._process.stdout.readline()
        assert said, self._process.stderr.read()
        return eval(said)

    def ends(self) -> tuple[int, str]:
        """Let it come to its end; return its exit code and what it complained of."""
        try:
            _, complaints = self._process.communicate(timeout=20)
        finally:
            self.kill()
        return self._process.returncode, complaints

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait(20)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def answer() -> None:
    """Do what each line says, and print what it is worth."""
    for line in sys.stdin:
        try:
            code = compile(line, "<asked>", "eval")
        except SyntaxError:
            exec(line, globals())
            print(None, flush=True)
        else:
            print(repr(eval(code, globals())), flush=True)


if __name__ == "__main__":
    answer()
