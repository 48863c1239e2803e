"""Runs what a document shows, from top to bottom, and holds what happens against what it says.

    ```python               runs here; the blocks of a document share their names
    ```pycon                runs here too, as doctest does
    ```python terminal=1    a program of its own, which goes on running in that terminal
    ```console              each line after `$ ` is a command; what follows it is what it prints
    ```console terminal=2   as above, but the (one) command goes on running
    ```text terminal=1      what that terminal prints next: awaited, not slept for
    ```text output          what the Python block before prints, or a thread of its
    ```python needs=NAME    runs where the module NAME is installed (and, for tkinter, where there is a display)
    ```toml                 must be TOML

Others (`text`, `mermaid`, `sh`) are only to be read.  In what is printed, `...` stands for anything.
Commands are `gossamer`, `python FILE` and `export NAME=VALUE`; a `python file=FILE` block is written to FILE.
"""

from __future__ import annotations

import doctest
import importlib.util
import io
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

from markdown_blocks import Block

PATIENCE_S = 20.0


class DocumentRunner:
    """One document's names, directory, environment and terminals."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self.names: dict[str, Any] = {"__name__": "__document__"}
        self._stdout = io.StringIO()
        self._printed_before = 0
        self.terminals: dict[str, Terminal] = {}
        self._closing = ExitStack()
        self._lacking = False

    def run(self, blocks: Iterable[Block]) -> None:
        """Run all of them, and close what they leave open."""
        with self._closing, redirect_stdout(self._stdout):
            for block in blocks:
                self._run(block)

    def _run(self, block: Block) -> None:
        if block.language != "text":
            self._lacking = lacking(_asked(block, "needs"))
        if self._lacking:  # neither it nor what it would print
            return
        match block.language:
            case "python" if block.terminal:
                path = self._file(f"terminal_{block.terminal}.py", block.text)
                self._start(block.terminal, [sys.executable, "-u", str(path)], block)
            case "python" if file := _asked(block, "file"):
                self._file(file, block.text)
            case "python":
                self._execute(block)
            case "pycon":
                self._converse(block)
            case "console" if block.terminal:
                (command,) = re.findall(r"^\$ (.*)$", block.text, re.MULTILINE)
                self._start(block.terminal, self._argv(command), block)
            case "console":
                self._command(block)
            case "text" if block.terminal:
                self.terminals[block.terminal].expect(block)
            case "text" if "output" in block.asks:
                self._await_output(block)
            case "toml":
                tomllib.loads(block.text)
            case _:
                pass

    def _file(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return path

    def _execute(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, str(block.path), "exec", dont_inherit=True)
        self._printed_before = len(self._stdout.getvalue())
        exec(code, self.names)

    def _await_output(self, block: Block) -> None:
        """Wait until the last block, or a thread that it started, has printed this."""
        deadline = time.monotonic() + PATIENCE_S
        while not matches(block.text, printed := self._stdout.getvalue()[self._printed_before :]):
            assert time.monotonic() < deadline, f"{block.where}: it printed\n{printed}"
            time.sleep(0.002)

    def _converse(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, block.where, str(block.path), block.line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
        report = io.StringIO()
        runner.run(test, out=report.write, clear_globs=False)
        self.names.update(test.globs)
        assert not runner.failures, f"{block.where}:\n{report.getvalue()}"

    def _command(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, wanted = part.partition("\n")
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                self.environment[name] = value
                continue
            ended = subprocess.run(
                self._argv(command),
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            printed = ended.stderr + ended.stdout
            assert matches(wanted, printed), f"{block.where}: $ {command}\n{printed}(exit {ended.returncode})"

    def _argv(self, command: str) -> list[str]:
        word, *words = shlex.split(command, comments=True)
        if word == "gossamer":
            return [sys.executable, "-m", "gossamer", *words]
        assert word == "python", f"only gossamer and python are run, not {command!r}"
        return [sys.executable, "-u", *words]

    def _start(self, name: str, argv: list[str], block: Block) -> None:
        if name in self.terminals:
            self.terminals[name].end()
        self.terminals[name] = terminal = Terminal(argv, self.directory, self.environment, block)
        self._closing.callback(terminal.end)


def lacking(module: str | None) -> bool:
    """Whether what a block asks for is not here."""
    if module is None:
        return False
    return importlib.util.find_spec(module) is None or (module == "tkinter" and not os.environ.get("DISPLAY"))


class Terminal:
    """A program that goes on running while the document goes on."""

    def __init__(self, argv: list[str], directory: Path, environment: dict[str, str], block: Block) -> None:
        self._block = block
        self._unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._process = subprocess.Popen(
            argv,
            cwd=directory,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._err, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._unread.put(line)
        self._unread.put(None)

    def _err(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    def expect(self, block: Block) -> None:
        """Wait until it prints what `block` shows."""
        printed, deadline = "", time.monotonic() + PATIENCE_S
        for wanted in block.text.splitlines():
            line: str | None = ""
            while not matches(wanted, line or ""):
                try:
                    line = self._unread.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    line = None
                errors = "".join(self._errors)
                assert line is not None, f"{block.where}: waited for {wanted!r}; it printed\n{printed}{errors}"
                printed += line

    def end(self) -> None:
        """Press Ctrl-C, unless it has ended; it must end soon, and without a complaint."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        errors = "".join(self._errors)
        interrupted = code in (130, -signal.SIGINT) or "KeyboardInterrupt" in errors
        assert interrupted or code == 0, f"{self._block.where}: it ended with {code}:\n{errors}"


def matches(wanted: str, found: str) -> bool:
    """Return whether `found` is what was wanted, where `...` stands for anything, and columns may be wider."""
    pattern = re.escape(_narrow(wanted)).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, _narrow(found), re.DOTALL) is not None


def _narrow(text: str) -> str:
    return re.sub(r"(?<=\S) {2,}", "  ", text.strip())


def _asked(block: Block, name: str) -> str | None:
    return next((word.partition("=")[2] for word in block.asks if word.startswith(f"{name}=")), None)


def environment_of(port: int) -> dict[str, str]:
    """Return the environment of a document: this process's, a port that is nobody else's, and nothing but loopback."""
    own = {"GOSSAMER_PORT": str(port), "GOSSAMER_INTERFACE": "127.0.0.1", "COLUMNS": "100", "NO_COLOR": "1"}
    return os.environ | own
