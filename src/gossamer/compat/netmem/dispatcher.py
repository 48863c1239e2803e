"""The one place where the listeners of a memory, and connectors of the program's own, are called.

1. They are called one at a time, in the order of the changes, in one thread; or, once the memory is
   connected in an asyncio loop, in that loop, while it lives.
2. Whoever changes the memory never waits for them.
3. A program that ends has its listeners told of everything first.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

IDLE_S = 5.0
"""How long the thread waits for more; a memory that nobody changes keeps no thread."""
LAST_WORDS_S = 1.0
"""How long the end of the program may be held up."""

logger = logging.getLogger("gossamer.compat.netmem")


class Dispatcher:
    """Calls what is put into it, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_busy = False
        self.runs_in: Any = None
        """The loop to call in, if it lives."""
        _dispatchers.add(self)
        _finish_with_program()

    def put(self, job: Callable[[], object]) -> None:
        """Run `job` soon, after those before it."""
        with self._changed:
            self._jobs.append(job)
            if self._thread is not None:
                self._changed.notify_all()
            elif self._loop is None or self._loop.is_closed():
                self._start()

    def _start(self) -> None:
        self._loop = self._asked_in(self.runs_in)
        if self._loop is None:
            self._thread = threading.Thread(target=self._live, name=self._name, daemon=True)
            self._thread.start()

    def _asked_in(self, loop: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop | None:
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._run_in_loop)
        except RuntimeError:  # it was closed
            return None
        return loop

    def _run_in_loop(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._loop = None
                    return
            self._run_next()

    def _live(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._jobs, IDLE_S):
                    self._thread = None
                    return
            self._run_next()

    def _run_next(self) -> None:
        with self._changed:
            job, self._is_busy = self._jobs.popleft(), True
        try:
            job()
        except Exception:  # listeners and connectors are guarded where they are called, so this is ours
            logger.exception("something failed while listeners were told; please report it")
        finally:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()

    def finish(self, timeout: float) -> bool:
        """Wait until nothing is left to call, at most `timeout` seconds; return whether that is so."""
        with self._changed:
            if self._thread is None or self._thread is threading.current_thread():
                return not self._jobs
            return self._changed.wait_for(lambda: not self._jobs and not self._is_busy, timeout)


_dispatchers: weakref.WeakSet[Dispatcher] = weakref.WeakSet()


def _finish_all() -> None:
    """Let what waits be told before the program ends."""
    deadline = time.monotonic() + LAST_WORDS_S
    for dispatcher in list(_dispatchers):
        dispatcher.finish(max(0.0, deadline - time.monotonic()))


def _finish_with_program() -> None:
    """Do so before the meshes are closed, which asked for that before: in a child of `multiprocessing` too."""
    atexit.unregister(_finish_all)
    atexit.register(_finish_all)
    process = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _finish_all, exitpriority=1)
