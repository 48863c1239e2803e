"""The end of a program that runs no `atexit`: what is open then is closed in order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def at_the_end_of_a_child(close_all: Callable[[], None]) -> None:
    """Let a child of `multiprocessing` end as any program: it runs no `atexit`, but finalizers of its own."""
    process = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, close_all, exitpriority=0)
