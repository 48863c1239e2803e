"""How a task of asyncio waits for what other threads tell it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress


class Bell:
    """Rung from any thread, as often as one likes; heard by one task of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ringing = False
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Let `rung` return soon."""
        if not self._ringing:
            self._ringing = True
            with suppress(RuntimeError):  # the event loop was closed: then whoever could hear this has ended too
                self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self._ringing = False  # before anybody looks at what there is: a change from now on rings again
        self._event.set()

    async def rung(self) -> None:
        """Wait until it has been rung since this last returned."""
        await self._event.wait()
        self._event.clear()


class Waiter:
    """Waits in the running event loop, for what is told to it by `wake`."""

    def __init__(self) -> None:
        self._bell = Bell(asyncio.get_running_loop())
        self.wake = self._bell.ring

    async def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Return once `done()`, or False after `timeout` seconds.  Cancelled, it has not called `done` in vain."""
        await asyncio.sleep(0)  # as every await of ours: others have their turn, and we can be cancelled
        limit = within(timeout)
        try:
            async with limit:
                while not done():
                    await self._bell.rung()
                return True
        except TimeoutError:
            if not limit.expired():  # of `done` itself
                raise
            return done()


def within(seconds: float | None) -> asyncio.Timeout:
    """Return a limit of time; infinity is none, for not every event loop can count to it."""
    return asyncio.timeout(None if seconds is None or math.isinf(seconds) else seconds)
