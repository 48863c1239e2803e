"""The two threads of a mesh in a script: one runs its loop, the other calls its listeners.

Both are daemons, so that neither keeps a program alive that has come to its end.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import trio

from .handle import MeshHandle
from .living import living

logger = logging.getLogger("gossamer.mesh")

ENDS_WITHIN_S = 0.5
"""How much longer than it lingers a loop may take to end; it takes a tenth of that."""

IDLE_WORKER_S = 10.0
"""How long a worker waits for more to do: starting another takes longer than most requests."""

LONGEST_WAIT_S = 0.25 if os.name == "nt" else threading.TIMEOUT_MAX
"""On Windows, Ctrl-C does not interrupt a thread that waits, so it looks up from time to time."""


def wait_for(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait for an event as `Event.wait` does, so that Ctrl-C interrupts it everywhere."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = LONGEST_WAIT_S if deadline is None else min(LONGEST_WAIT_S, max(0.0, deadline - time.monotonic()))
        if event.wait(left):
            return True
        if deadline is not None and time.monotonic() >= deadline:
            return False


class LoopThread:
    """Runs one life of a mesh in a trio loop."""

    def __init__(self, handle: MeshHandle, on_step: Callable[[], object] = lambda: None) -> None:
        """`on_step` is called in the thread when the mesh has caught up, and when it has ended."""
        self._handle = handle
        self._on_step = on_step
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._raised: BaseException | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name=f"gossamer {handle.name}", daemon=True)

    def start(self) -> None:
        """Return once the mesh has caught up.  What its loop raises until then, this raises."""
        self.thread.start()
        wait_for(self._ready)
        if self._raised is not None:
            raise self._raised

    def stop(self) -> None:
        """Let the loop say goodbye and end; do not wait for it.  May be called at any time, again too."""
        self._stopping = True
        token = self._token
        if token is not None:
            try:
                token.run_sync_soon(self._scope.cancel)
            except trio.RunFinishedError:
                self._token = None

    def join(self, seconds: float) -> bool:
        """Wait for the end; return whether it came."""
        return wait_for(self._ended, seconds)

    @property
    def has_ended(self) -> bool:
        """Whether nothing runs any more."""
        return self._ended.is_set()

    @property
    def raised(self) -> BaseException | None:
        """By what the loop ended, if by an error."""
        return self._raised

    def _run(self) -> None:
        try:
            trio.run(self._live)
        except BaseException as error:
            if self._ready.is_set():
                logger.exception("the loop of %r ended by an error; the mesh is closed", self._handle.name)
            self._raised = error
        finally:
            self._handle.retire()
            self._ended.set()
            self._ready.set()
            self._on_step()

    async def _live(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            if self._stopping:  # before anybody could tell us through the token
                self._handle.dispose()
                return
            async with living(self._handle):
                self._ready.set()
                self._on_step()
                await trio.sleep_forever()


class Workers:
    """Threads that run what others asked for, as many as are needed at once; one that has nothing to do ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def start(self, fn: Callable[[], object]) -> None:
        """Run `fn`, which raises nothing, on a thread that is idle or new."""
        with self._lock:
            is_new = self._idle == 0
            self._idle -= not is_new
        self._work.put(fn)
        if is_new:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Let the idle ones end."""
        with self._lock:
            for _ in range(self._idle):
                self._work.put(None)
            self._idle = 0

    def _run(self) -> None:
        while True:
            try:
                fn = self._work.get(timeout=IDLE_WORKER_S)
            except queue.Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return
                continue  # somebody counts on us: what it wants is about to come
            if fn is None:
                return
            fn()
            with self._lock:
                self._idle += 1


class ListenerThread:
    """Calls listeners, in order, one at a time, whenever it is woken."""

    def __init__(self, name: str, deliver: Callable[[], Any]) -> None:
        self._deliver = deliver
        self._calls: deque[Callable[[], Any]] = deque()
        self._bell = threading.Lock()
        """Held while nobody has rung: a bare lock wakes a thread in a third of the time that a semaphore takes."""
        self._bell.acquire()
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wake(self) -> None:
        """There is something to deliver.  From any thread."""
        if self._bell.locked():  # else somebody has rung, and the thread has still to look
            try:
                self._bell.release()
            except RuntimeError:  # two rang at once
                return

    def call(self, fn: Callable[[], Any]) -> None:
        """Call `fn` as soon as what was to be delivered before it has been."""
        self._calls.append(fn)
        self.wake()

    def stop(self) -> None:
        """Deliver what waits, and end."""
        self._stopping = True
        self.wake()

    def _run(self) -> None:
        while True:
            self._bell.acquire()
            stopping = self._stopping
            while self._calls:
                self._calls.popleft()()
            self._deliver()
            if stopping:
                return
