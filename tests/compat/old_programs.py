"""Programs written for the older libraries, in processes of their own: nothing but their import lines is changed."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
PATIENCE_S = 20.0
WITH_UNDERSCORES = ("rpyc_mem", "shared_memory_dict")


def with_imports_changed(source: str, library: str) -> str:
    """Return a program that imports `gossamer.compat` where it imported the library."""
    source = re.sub(rf"^import {library}$", f"from gossamer.compat import {library}", source, flags=re.MULTILINE)
    settings = rf"(['\"]){library}(\.caches(?:\.\w+)+)\1"  # where a framework's settings name a class
    source = re.sub(settings, rf"\1gossamer.compat.{library}\2\1", source)
    return re.sub(
        rf"^from {library}((?:\.\w+)*) import", rf"from gossamer.compat.{library}\1 import", source, flags=re.MULTILINE
    )


class OldProgram:
    """A program that runs in `directory`, in the mesh's port of this test."""

    def __init__(self, directory: Path, port: int, name: str, *arguments: str, interactive: bool = False) -> None:
        directory.mkdir(exist_ok=True)
        path = directory / name
        library = next(filter(name.startswith, WITH_UNDERSCORES), name.partition("_")[0])
        changed = with_imports_changed((PROGRAMS / name).read_text(), library)
        path.write_text(changed)
        self._process = subprocess.Popen(
            [sys.executable, "-u", *(["-i"] if interactive else []), name, *arguments],
            cwd=directory,
            env=os.environ | {"GOSSAMER_PORT": str(port), "GOSSAMER_INTERFACE": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._hear, self._hear_errors)]
        for reader in self._readers:
            reader.start()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.rstrip("\n"))

    def _hear_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.append(self._process.stderr.read())

    def line(self) -> str:
        """Return the next line that it prints."""
        try:
            return self._said.get(timeout=PATIENCE_S)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"it said nothing; stderr: {''.join(self._errors)}") from None

    def line_with(self, text: str) -> str:
        """Return the next line that holds `text`."""
        while text not in (line := self.line()):
            pass
        return line

    def enter(self, line: str = "") -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def ends(self) -> tuple[int, str]:
        """Wait until it ends by itself; return its exit code and what it complained of."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(PATIENCE_S)
        self._readers[1].join(PATIENCE_S)
        return code, "".join(self._errors)

    def rest(self) -> list[str]:
        """Return what else it had printed when it ended."""
        self._readers[0].join(PATIENCE_S)
        return [self._said.get() for _ in range(self._said.qsize())]

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
