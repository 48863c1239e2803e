"""A process that does as its parent tells it: orders on stdin, answers on stdout, a line of JSON each.

The end of stdin is the end of the parent, and so of the process: in an orderly way if that
is quick, and else by force.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

END_S = 3.0
"""How long the process may take to leave once its parent is gone."""


def orders() -> Iterator[dict[str, Any]]:
    """Yield each order, until there is no parent any more.  Ctrl-C is from now on the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while line := lines.get():
        yield json.loads(line)


def answer(content: Any) -> None:
    """Answer an order.  Raises BrokenPipeError if the parent is gone."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def _read(lines: SimpleQueue[str]) -> None:
    """Pass on each line, and "" at the end: then the parent is gone, and whatever we are doing must end soon."""
    for line in sys.stdin:
        lines.put(line)
    lines.put("")
    time.sleep(END_S)
    os._exit(1)
