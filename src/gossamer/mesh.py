"""The trio door: a mesh that lives in your event loop."""

from __future__ import annotations

import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import trio

from .errors import ForkedMesh, MeshTimeout
from .handle import Arguments, MeshHandle, Peer
from .living import living
from .options import Options
from .settings import arguments_of
from .views.changes import Change, Feed, Pattern, drained

T = TypeVar("T")

_ALL: Any = object()


class Mesh(MeshHandle):
    """A mesh in a trio program: a dict that is never awaited, and what waits, awaited.

    Made by `open_mesh`.  Reads and writes may be made from any thread; the rest belongs
    to the loop.  Listeners run in the loop, in order, and should be short.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._pid = os.getpid()
        super().__init__(arguments)
        self._token: trio.lowlevel.TrioToken | None = None
        self._listen = trio.Event()

    # -- waiting --------------------------------------------------------------------------------

    async def wait(self, predicate: Callable[[Mesh], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(mesh)`; raise MeshTimeout if there is none within `timeout` seconds."""
        return await self._until(lambda: predicate(self), timeout, lambda: f"the predicate {predicate!r} to be true")

    async def settled(
        self, key: Any = _ALL, peers: Iterable[Peer | str] | None = None, timeout: float | None = None
    ) -> None:
        """Return once every peer there (or of `peers`) knows our writes, or what is written under `key`.

        Raises MeshTimeout, naming who is late, after `timeout` seconds.  Alone, returns at once.
        """
        self._check_open()
        dots = self._settling(key, key is not _ALL)
        wanted = None if peers is None else list(peers)
        for dot in dots:
            self.replica.ask_settled(*dot, time.monotonic())
        self.driver.perform()
        try:
            await self._until(
                lambda: not self._behind(dots, wanted),
                timeout,
                lambda: "confirmation by " + ", ".join(p.name for p in self._behind(dots, wanted)),
            )
        finally:
            for dot in dots:
                self.replica.forget_question(*dot)

    async def _until(self, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        event = trio.Event()

        def poke() -> None:
            if self._token is not None:
                try:
                    self._token.run_sync_soon(lambda: event.set(), idempotent=False)
                except trio.RunFinishedError:
                    self._token = None

        self._watchers.await_change(poke)
        try:
            with trio.move_on_after(math.inf if timeout is None else timeout):
                while True:
                    event = trio.Event()
                    found = ready()
                    if found:
                        await trio.lowlevel.checkpoint_if_cancelled()
                        return found
                    self._check_open()
                    await event.wait()
        finally:
            self._watchers.await_no_more(poke)
        raise MeshTimeout(f"waited {timeout} s for {what()}; {self.status().why}")

    # -- watching -------------------------------------------------------------------------------

    def changes(self, pattern: str = "*") -> Changes:
        """Return the changes of keys that match `pattern`, from now on, for `async with` and `async for`.

        Live when the call returns.  A slow reader gets, per key, the first old and the last new value.
        """
        return Changes(self, Pattern(pattern))

    def _wake_listeners(self) -> None:
        if self._token is not None:
            try:
                self._token.run_sync_soon(self._on_listen, idempotent=True)
            except trio.RunFinishedError:
                self._token = None

    def _on_listen(self) -> None:
        self._listen.set()

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        self._listeners.call(fn)

    async def _deliver(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        while True:
            await self._listen.wait()
            self._listen = trio.Event()
            for raw in drained(self._feed, self._ledger):
                self._listeners.deliver(raw)

    # -- living ---------------------------------------------------------------------------------

    def _before_use(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedMesh(
                "a trio mesh does not survive fork(): its loop runs in the parent.  Open another in the child, or use "
                "gossamer.join, which does survive"
            )


class Changes:
    """A live stream of changes.  Use it once, in one task."""

    def __init__(self, mesh: Mesh, pattern: Pattern) -> None:
        self._mesh = mesh
        self._event = trio.Event()
        self._feed = Feed(mesh.options.changes_max, self._wake, pattern.matches)
        mesh._watchers.watch(self._feed)

    @property
    def conflated(self) -> int:
        """How many changes were folded into a later one of their key because we read too slowly."""
        return self._feed.conflated

    def _wake(self) -> None:
        token = self._mesh._token
        if token is not None:
            token.run_sync_soon(self._on_wake, idempotent=True)

    def _on_wake(self) -> None:
        self._event.set()

    async def __aenter__(self) -> Changes:
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def close(self) -> None:
        """Watch no more."""
        self._mesh._watchers.unwatch(self._feed)

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while True:
            for raw in drained(self._feed, self._mesh._ledger):
                change = self._mesh._watchers.change(raw)
                if change is not None:
                    await trio.lowlevel.checkpoint()
                    return change
            if self._mesh._closed:
                raise StopAsyncIteration
            self._event = trio.Event()
            if not len(self._feed):
                await self._event.wait()


@asynccontextmanager
async def opened(arguments: Arguments) -> AsyncIterator[Mesh]:
    """Take part in a mesh for as long as the block runs."""
    mesh = Mesh(arguments)
    async with living(mesh, mesh.options.linger_s, (mesh._deliver,)):
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
) -> AbstractAsyncContextManager[Mesh]:
    """Take part in the mesh `name` for as long as the block runs; see `gossamer.join` for the arguments."""
    return opened(arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname))
