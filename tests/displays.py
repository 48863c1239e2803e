"""A display to draw on that nobody sees: Xvfb, one for a run of tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def a_display() -> Iterator[str]:
    """Start Xvfb on a free display and give its name; it says itself which is free, once it listens."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with open(reading, encoding="ascii") as said:
            yield ":" + said.readline().strip()
    finally:
        server.terminate()
        server.wait(10)


def why_not() -> str:
    """Return why no window of tkinter can be opened here, or nothing."""
    try:
        import tkinter  # noqa: F401
    except ImportError:
        return "this Python was built without tkinter"
    return "" if shutil.which("Xvfb") else "there is no Xvfb here: apt-get install xvfb"
