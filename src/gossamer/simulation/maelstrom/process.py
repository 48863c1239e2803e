"""A node as a process: standard input, standard output, and the clocks of this machine."""

from __future__ import annotations

import queue
import random
import sys
import threading
import time
from typing import TextIO

from .node import MaelstromNode


def serve(service: str, source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> None:
    """Be a node until standard input ends.  What is no message is told on standard error."""
    node = MaelstromNode(service, random.Random(random.SystemRandom().getrandbits(128)))
    inbox: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(source, inbox), daemon=True).start()
    due = time.monotonic()
    while True:
        try:
            line = inbox.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            pass
        else:
            if line is None:
                return
            try:
                node.hear(line, time.monotonic(), _wall_ms())
            except (ValueError, KeyError) as error:
                sys.stderr.write(f"{error}\n")
        due = node.tick(time.monotonic(), _wall_ms())
        if node.lines:
            sink.write("".join(f"{line}\n" for line in node.lines))
            sink.flush()
            node.lines.clear()


def _read(source: TextIO, inbox: queue.Queue[str | None]) -> None:
    for line in source:
        if line.strip():
            inbox.put(line)
    inbox.put(None)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
