"""Functions that are called with signals, in the thread that asks for it.

A thread for each name takes its next signal and holds it until its function has ended: only
then is it used up, so that what a program that dies had not handled goes to another.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gossamer

from ...errors import MeshClosed

logger = logging.getLogger("gossamer.compat.share")

LONGEST_WAIT_S = 0.25 if os.name == "nt" else threading.TIMEOUT_MAX
"""On Windows, Ctrl-C does not interrupt a thread that waits, so it looks up from time to time."""

GIVES_BACK_WITHIN_S = 1.0


class Watches:
    """The functions of one `Share`, and the signals that wait for them."""

    def __init__(self, channel_of: Callable[[str], gossamer.BlockingChannel]) -> None:
        self._channel_of = channel_of
        self._lock = threading.Lock()
        self._idle: list[tuple[str, Callable[..., Any]]] = []
        self._ready: queue.SimpleQueue[Taken | None] = queue.SimpleQueue()
        self._pullers: list[Puller] = []
        self._loops = 0
        self._stopped = False

    def add(self, name: str, fn: Callable[..., Any]) -> None:
        """Call `fn` with the signals of a name, once a loop runs."""
        if not callable(fn):
            raise TypeError(f"{fn!r} cannot be called with the signal {name!r}")
        with self._lock:
            self._idle.append((name, fn))
            self._pull()

    def loop(self, timeout: float | None) -> None:
        """Call functions in this thread."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            if self._stopped:
                return
            self._loops += 1
            self._pull()
        try:
            while (taken := self._next(until)) is not None and taken.begin():
                taken.handle()
        finally:
            with self._lock:
                self._loops -= 1

    def stop(self) -> None:
        """End all loops.  What was taken goes back, but for what a function that calls this is being called with."""
        with self._lock:
            self._stopped = True
            pullers, self._pullers = self._pullers, []
            for _ in range(self._loops):
                self._ready.put(None)
        for puller in pullers:
            puller.stop()

    def _next(self, until: float | None) -> Taken | None:
        while True:
            left = LONGEST_WAIT_S if until is None else min(LONGEST_WAIT_S, max(0.0, until - time.monotonic()))
            try:
                return self._ready.get(timeout=left)
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    return None

    def _pull(self) -> None:
        """Let threads take signals for functions that have none, if a loop runs.  Under the lock."""
        if not self._loops:
            return
        for name, fn in self._idle:
            self._pullers.append(Puller(self._channel_of, name, fn, self._ready.put))
        self._idle.clear()


class Puller:
    """Takes the signals of one name, one at a time, in a thread of its own."""

    def __init__(
        self,
        channel_of: Callable[[str], gossamer.BlockingChannel],
        name: str,
        fn: Callable[..., Any],
        hand_over: Callable[[Taken], object],
    ) -> None:
        self._name, self._fn, self._hand_over = name, fn, hand_over
        self._taken: Taken | None = None
        self._settled = threading.Event()
        self._channel = channel_of(name)
        self._thread = threading.Thread(target=self._run, name=f"share {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(MeshClosed, _Unhandled):
            while True:
                try:
                    self._take_one()
                finally:
                    self._taken = None
                    self._settled.set()

    def _take_one(self) -> None:
        with self._channel.taking() as message:
            self._settled.clear()
            self._taken = taken = Taken(self._name, self._fn, message)
            self._hand_over(taken)
            taken.done.wait()
            if not taken.is_handled:
                raise _Unhandled

    def stop(self) -> None:
        """Take no more; what was taken and not handled goes back."""
        taken = self._taken
        if taken is not None and taken.give_up():
            self._settled.wait(GIVES_BACK_WITHIN_S)  # before the channel closes, which gives back what is not
        self._channel.close()


class _Unhandled(Exception):
    """Nobody will handle a signal that was taken: it goes back."""


class Taken:
    """A signal that was taken for a function."""

    def __init__(self, name: str, fn: Callable[..., Any], message: Any) -> None:
        self._name, self._fn, self._message = name, fn, message
        self._lock = threading.Lock()
        self._handler: int | None = None
        self.done = threading.Event()
        self.is_handled = False

    def begin(self) -> bool:
        """Return whether this thread may handle it: not if it was given up."""
        with self._lock:
            self._handler = threading.get_ident()
            return not self.done.is_set()

    def handle(self) -> None:
        """Call the function; what it raises is logged."""
        message = self._message
        args = message if isinstance(message, tuple) else () if message is None else (message,)
        try:
            self._fn(*args)
        except Exception:
            logger.exception("%r failed with the signal %r, which is used up all the same", self._fn, self._name)
        finally:
            self.is_handled = True
            self.done.set()

    def give_up(self) -> bool:
        """Settle what becomes of it, unless another thread is handling it; return whether that is settled."""
        with self._lock:
            if self._handler is not None and self._handler != threading.get_ident():
                return self.done.is_set()
            self.is_handled = self.is_handled or self._handler is not None
            self.done.set()
            return True
