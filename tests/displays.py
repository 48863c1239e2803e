"""A display to draw on that nobody sees: Xvfb, one for each process of a run of tests."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def a_display() -> Iterator[str]:
    """Give the name of this process's display.

    It outlives whoever asks: Tk keeps its connection when its windows are gone, and ends the whole process,
    without a word, once that breaks.
    """
    yield _started()


@cache
def _started() -> str:
    """Start Xvfb on a free display; it says itself which is free, once it listens."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    atexit.register(_end, server, os.getpid())
    with open(reading, encoding="ascii") as said:
        return ":" + said.readline().strip()


def _end(server: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:  # and no fork of it
        server.terminate()
        server.wait(10)


def why_not() -> str:
    """Return why no window of tkinter can be opened here, or nothing."""
    try:
        import tkinter  # noqa: F401
    except ImportError:
        return "this Python was built without tkinter"
    return "" if shutil.which("Xvfb") else "there is no Xvfb here: apt-get install xvfb"
