"""The trio door: a mesh that lives in your event loop."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from threading import get_ident
from typing import Any, TypeVar

import trio

from .errors import ForkedMesh, MeshTimeout
from .handle import EVERYTHING, Arguments, Peer
from .living import living
from .loop_changes import LoopChanges
from .loop_mesh import LoopMesh
from .options import Options
from .protocol.effects import Requested, Withdrawn
from .settings import arguments_of
from .views.changes import Pattern
from .views.services import GRACE_S, Service, outcome_of

T = TypeVar("T")


class Mesh(LoopMesh):
    """A mesh in a trio program: a dict that is never awaited, and what waits, awaited.

    Made by `open_mesh`.  Reads and writes may be made from any thread; the rest belongs
    to the loop.  Listeners run in the loop, in order, and should be short.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._listening = Bell(self._token)
        self._thread = get_ident()
        self._handlers: trio.Nursery | None = None
        self._scopes: dict[tuple[bytes, int], trio.CancelScope] = {}
        super().__init__(arguments)

    # -- waiting --------------------------------------------------------------------------------

    async def wait(self, predicate: Callable[[Mesh], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(mesh)`; raise MeshTimeout if there is none within `timeout` seconds."""
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
        self._ask(dots)
        try:
            await self._until(
                lambda: not self._directory.behind(dots, wanted), timeout, lambda: self._missing(dots, wanted)
            )
        finally:
            self._forget(dots)

    async def run_forever(self) -> None:
        """Wait until this is cancelled, or Ctrl-C is pressed: for a program that only listens.

        Where trio raises Ctrl-C here, as it does in the program's first task, it ends the waiting and is no error.
        """
        self._before_use()
        self._check_open()
        with suppress(KeyboardInterrupt):
            await trio.sleep_forever()

    async def _until(self, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        self._before_use()
        bell = Bell(self._token)
        self._watchers.await_change(bell.ring)
        try:
            with trio.move_on_after(math.inf if timeout is None else timeout):
                while not (found := ready()):
                    self._check_open()
                    await bell.rung()
        finally:
            self._watchers.await_no_more(bell.ring)
        if not found:
            raise MeshTimeout(f"waited {timeout} s for {what()}; {self.status().why}")
        await trio.lowlevel.checkpoint()
        return found

    # -- serving --------------------------------------------------------------------------------

    def _new_waiter(self, what: str) -> _Waiter:
        self._before_use()
        return _Waiter(self._token)

    def in_loop(self, fn: Callable[[], object]) -> None:
        """Run `fn`, now if this is the loop's thread, and then whatever the replica asks for."""
        if get_ident() == self._thread:
            self._run_in_loop(fn)
        else:
            super().in_loop(fn)

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler as a task."""
        if self._handlers is not None:
            self._handlers.start_soon(self._handle, request, handler)

    async def _handle(self, request: Requested, handler: Service) -> None:
        scope = self._scopes[request.boot, request.number] = trio.CancelScope(
            deadline=trio.current_time() + request.within_s + GRACE_S
        )
        outcome = outcome_of(MeshTimeout("nobody waited for it any more"))
        try:
            with scope:
                outcome = await handler.run_in_loop(request.arguments, self.options.value_bytes_max)
        finally:
            del self._scopes[request.boot, request.number]
            self._calling.finished(request, *outcome)

    def _stop_request(self, request: Withdrawn) -> None:
        scope = self._scopes.get((request.boot, request.number))
        if scope is not None:
            scope.cancel()

    async def _run_handlers(self) -> None:
        async with trio.open_nursery() as nursery:
            self._handlers = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._handlers = None

    # -- watching -------------------------------------------------------------------------------

    def changes(self, pattern: str = "*") -> Changes:
        """Return the changes of keys that match `pattern`, from now on, for `async with` and `async for`.

        Live when the call returns.  A slow reader gets, per key, the first old and the last new value.
        """
        self._before_use()
        return Changes(self, Pattern(pattern))

    def _wake_listeners(self) -> None:
        if not self.driver.hearing:  # else they are called as soon as it has been heard out
            self._listening.ring()

    def _heard(self) -> None:
        if len(self._feed) or self._emitter.waiting:
            self._tell_listeners()

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        self._listeners.call(fn)

    async def _deliver(self) -> None:
        while True:
            await self._listening.rung()
            self._tell_listeners()

    def _tell_listeners(self) -> None:
        for raw in self._watchers.drain(self._feed):
            self._listeners.deliver(raw)
        if self._emitter.waiting:
            self._emitter.deliver()

    # -- fork -------------------------------------------------------------------------------------

    def _before_use(self) -> None:
        if self.is_forked:
            raise ForkedMesh(
                "a trio mesh does not survive fork(): its loop runs in the parent.  Open another in the child, or use "
                "gossamer.join, which does survive"
            )


class Changes(LoopChanges):
    """A live stream of changes.  Use it once, in one task.  It ends with the mesh."""

    def __init__(self, mesh: Mesh, pattern: Pattern) -> None:
        super().__init__(mesh, pattern, Bell(mesh._token), trio.lowlevel.checkpoint)


class _Waiter:
    """Waits in the loop, for what is told to it by `wake`."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._bell = Bell(token)
        self.wake = self._bell.ring

    async def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Return once `done()`, or False after `timeout` seconds."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(math.inf if timeout is None else timeout):
            while not done():
                await self._bell.rung()
            return True
        return done()


class Bell:
    """Rung from any thread, as often as one likes; heard by one task.  Made in the loop's thread."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._thread = get_ident()
        self._ringing = False
        self._event = trio.Event()

    def ring(self) -> None:
        """Let `rung` return soon."""
        if get_ident() == self._thread:
            self._event.set()
        elif not self._ringing:
            self._ringing = True
            with suppress(trio.RunFinishedError):  # then whoever could hear this has ended too
                self._token.run_sync_soon(self._ring)

    def _ring(self) -> None:
        self._ringing = False  # before anybody looks at what there is: a change from now on rings again
        self._event.set()

    async def rung(self) -> None:
        """Wait until it has been rung since this last returned."""
        await self._event.wait()
        self._event = trio.Event()


@asynccontextmanager
async def opened(arguments: Arguments) -> AsyncIterator[Mesh]:
    """Take part in a mesh for as long as the block runs."""
    mesh = Mesh(arguments)
    async with living(mesh, mesh._deliver, mesh._run_handlers):
        yield mesh


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
) -> AbstractAsyncContextManager[Mesh]:
    """Take part in the mesh `name` for as long as the block runs; see `gossamer.join` for the arguments."""
    return opened(arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname, share))
