"""The asyncio door: a mesh whose own loop runs in a thread below, and whose listeners run in yours.

The mirror of `gossamer.open_mesh`, with asyncio's manners: `asyncio.timeout` and cancelling work
on all that is awaited, and Ctrl-C under `asyncio.run` says goodbye.  Any event loop that keeps
asyncio's promises will do, uvloop too.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from .aio_requests import Requests
from .aio_waiting import Bell, Waiter, within
from .errors import ForkedMesh, MeshTimeout
from .handle import EVERYTHING, Arguments, Peer
from .loop_changes import LoopChanges
from .loop_mesh import LoopMesh
from .options import Options
from .protocol.effects import Requested, Withdrawn
from .settings import arguments_of
from .threads import ENDS_WITHIN_S, LoopThread
from .views.changes import Pattern
from .views.services import Service

T = TypeVar("T")


class AsyncioMesh(LoopMesh):
    """A mesh in an asyncio program: a dict that is never awaited, and what waits, awaited.

    Made by `gossamer.aio.open_mesh`.  Reads and writes may be made from any thread.  Listeners
    and handlers of events are plain functions; they are called in the event loop that opened the mesh,
    in order, and should be short.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._home = asyncio.get_running_loop()
        self._context = copy_context()
        self._telling = False
        self._started, self._ended = asyncio.Event(), asyncio.Event()
        super().__init__(arguments)
        self._requests = Requests(self._calling.finished, self.options.value_bytes_max)
        self._loop = LoopThread(self, lambda: self._call_soon(self._has_stepped))

    async def _start(self) -> None:
        """Live, in a thread; return once caught up.  What its loop raises until then, this raises."""
        try:
            self._loop.thread.start()
        except BaseException:
            self.dispose()
            raise
        atexit.register(self._leave)
        await self._started.wait()
        if self._loop.raised is not None:
            raise self._loop.raised

    def _has_stepped(self) -> None:
        """The thread has got further."""
        self._started.set()
        if self._loop.has_ended:
            self._ended.set()

    # -- the end ----------------------------------------------------------------------------------

    async def close(self, linger_s: float | None = None) -> None:
        """Send what was written, say goodbye, and stop, before the block ends.  Again does nothing.

        Waits up to `linger_s` (by default `Options.linger_s`) until a peer confirms our last write; if
        none does, one warning is logged.  Cancelled, it waits no longer; goodbye is said all the same.
        """
        if self.is_forked:
            self.retire()
            return
        try:
            if not self._loop.has_ended:
                self.linger_s = self.options.linger_s if linger_s is None else linger_s
                self._loop.stop()
                with suppress(TimeoutError):  # as in a script: a loop that does not end is left to itself, a daemon
                    async with asyncio.timeout(self.linger_s + ENDS_WITHIN_S):
                        await self._ended.wait()
        finally:
            running = self._requests.cancel()
        if running:
            await asyncio.wait(running, timeout=ENDS_WITHIN_S)
        if self._loop.has_ended:
            self._loop.thread.join(ENDS_WITHIN_S)  # it has but to return
        # Listeners have been told everything: what wakes them was queued before the end was.
        atexit.unregister(self._leave)

    def _leave(self) -> None:
        """The program ends, and nobody has closed us."""
        if not self.is_forked:
            self._loop.stop()
            self._loop.join(self.linger_s + ENDS_WITHIN_S)

    # -- waiting ----------------------------------------------------------------------------------

    async def wait(self, predicate: Callable[[AsyncioMesh], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(mesh)`; raise MeshTimeout if there is none within `timeout` seconds.

        The predicate runs in the waiting task, whenever a key or a peer has changed.
        """
        return await self._until(lambda: predicate(self), timeout, lambda: f"the predicate {predicate!r} to be true")

    async def settled(
        self, key: Any = EVERYTHING, peers: Iterable[Peer | str] | None = None, timeout: float | None = None
    ) -> None:
        """Return once every peer there (or each of `peers`) knows our writes, or what is written under `key`.

        Raises MeshTimeout, naming who is late, after `timeout` seconds.  Alone, returns at once.
        """
        self._before_use()
        self._check_open()
        dots = self._dots(key)
        wanted = None if peers is None else list(peers)
        self.driver.call_soon(lambda: self._ask(dots))
        try:
            await self._until(
                lambda: not self._directory.behind(dots, wanted), timeout, lambda: self._missing(dots, wanted)
            )
        finally:
            self.driver.call_soon(lambda: self._forget(dots))

    async def run_forever(self) -> None:
        """Wait until the mesh is closed, or this is cancelled: for a program that only listens.

        Ctrl-C cancels it, as all that `asyncio.run` runs: the mesh says goodbye, then KeyboardInterrupt comes out.
        """
        self._before_use()
        await self._ended.wait()

    async def _until(self, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        self._before_use()
        bell = Bell(asyncio.get_running_loop())
        self._watchers.await_change(bell.ring)
        try:
            async with within(timeout) as limit:
                while not (found := ready()):
                    self._check_open()
                    await bell.rung()
        except TimeoutError:
            if not limit.expired():  # the predicate's own
                raise
            raise MeshTimeout(f"waited {timeout} s for {what()}; {self.status().why}") from None
        finally:
            self._watchers.await_no_more(bell.ring)
        await asyncio.sleep(0)  # as every await of ours: others have their turn, and we can be cancelled
        return found

    def _new_waiter(self, what: str) -> Waiter:
        self._before_use()
        return Waiter()

    # -- serving ----------------------------------------------------------------------------------

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler as a task of the event loop."""
        self._call_soon(lambda: self._requests.start(request, handler))

    def _stop_request(self, request: Withdrawn) -> None:
        self._call_soon(lambda: self._requests.stop(request.boot, request.number))

    # -- watching -------------------------------------------------------------------------------

    def changes(self, pattern: str = "*") -> AsyncioChanges:
        """Return the changes of keys that match `pattern`, from now on, for `async with` and `async for`.

        Live when the call returns.  A slow reader gets, per key, the first old and the last new value.
        """
        self._before_use()
        return AsyncioChanges(self, Pattern(pattern))

    def _wake_listeners(self) -> None:
        if not self._telling:
            self._telling = True
            self._call_soon(self._tell_listeners)

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        self._call_soon(lambda: self._listeners.call(fn))

    def _tell_listeners(self) -> None:
        self._telling = False  # before we look at what there is: a change from now on wakes us again
        for raw in self._watchers.drain(self._feed):
            self._listeners.deliver(raw)
        if self._emitter.waiting:
            self._emitter.deliver()

    def _call_soon(self, fn: Callable[[], object]) -> None:
        """Call `fn` in the event loop, in the context in which the mesh was opened.  From any thread."""
        with suppress(RuntimeError):  # the event loop was closed: then whoever could hear this has ended too
            self._home.call_soon_threadsafe(fn, context=self._context)

    # -- fork -------------------------------------------------------------------------------------

    def _before_use(self) -> None:
        if self.is_forked:
            raise ForkedMesh(
                "an asyncio mesh does not survive fork(): its event loop runs in the parent.  Open another in the "
                "child, or use gossamer.join, which does survive"
            )


class AsyncioChanges(LoopChanges):
    """A live stream of changes.  Use it once, in one task.  It ends with the mesh."""

    def __init__(self, mesh: AsyncioMesh, pattern: Pattern) -> None:
        super().__init__(mesh, pattern, Bell(asyncio.get_running_loop()), partial(asyncio.sleep, 0))


@asynccontextmanager
async def opened(arguments: Arguments) -> AsyncIterator[AsyncioMesh]:
    """Take part in a mesh for as long as the block runs."""
    mesh = AsyncioMesh(arguments)
    try:
        await mesh._start()
    except BaseException:  # of its loop, or cancelled while it joins: leave nothing behind
        await mesh.close(linger_s=0)
        raise
    try:
        yield mesh
    finally:
        await mesh.close()


def open_mesh(
    name: str | None = None,
    *,
    secret: str | None = None,
    peers: Sequence[str] = (),
    interfaces: Sequence[str] | None = None,
    port: int | None = None,
    insecure_lan: bool = False,
    options: Options | None = None,
    nickname: str | None = None,
    share: bool | Sequence[str] = False,
) -> AbstractAsyncContextManager[AsyncioMesh]:
    """Take part in the mesh `name` for as long as the block runs; see `gossamer.join` for the arguments."""
    return opened(arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname, share))


__all__ = ["AsyncioChanges", "AsyncioMesh", "open_mesh", "opened"]
