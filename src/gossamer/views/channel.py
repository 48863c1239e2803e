"""A channel in a program of trio or asyncio: a queue between programs, whose methods are awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from ..errors import ChannelEmpty, ChannelFull, MeshClosed, MeshTimeout
from ..protocol.effects import Delivered
from .blocking_channel import MOMENT_S, NO_DEFAULT
from .lines import Errand, Line, opened


class AsyncWaiter(Protocol):
    """Something to wait with, once, in the loop."""

    def wake(self) -> None:
        """Let `wait` look."""

    async def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Return once `done()`, or False after `timeout` seconds."""


class Channel:
    """A named queue between programs: many senders, many receivers, any machine.

    Made by `mesh.channel(name)`; what `BlockingChannel` says of modes and order holds here
    too.  Cancelling a wait takes nothing: a message that was just arriving goes back.
    """

    def __init__(self, line: Line, new_waiter: Callable[[str], AsyncWaiter]) -> None:
        self._line = line
        self._new_waiter = new_waiter

    @property
    def name(self) -> str:
        """The name of the channel."""
        return self._line.name

    @property
    def mode(self) -> str:
        """Either "take" or "subscribe"; these are two channels, though they have one name."""
        return self._line.mode

    @property
    def unfinished(self) -> int:
        """How many messages of ours were not consumed yet: what is lost if we end now."""
        return self._line.unfinished

    # -- sending --------------------------------------------------------------------------------

    async def send(self, *data: Any, wait: bool = False, timeout: float | None = None) -> None:
        """Send a message: one value as it is, several as a tuple, none as None.

        Returns once it is queued here, and with `wait`, once it was consumed: by the one who
        took it, or by all who subscribe.  Waits for room while `capacity` messages of
        ours are not consumed.  Raises ChannelFull if there is none within `timeout`
        seconds (then it was not sent), MeshTimeout if it was sent but not consumed in that time,
        UnsendableValue, ValueTooLarge, and MeshClosed.
        """
        line = self._line
        encoded = line.encoded(data)
        waiter = self._new_waiter("send")
        if not line.reserve():
            line.listen(waiter.wake)
            try:
                if not await waiter.wait(line.reserve, timeout):
                    raise ChannelFull(
                        f"{line.capacity} messages of ours in {self.name!r} were not consumed within {timeout} s, so "
                        "this one was not sent: is anybody receiving?"
                    )
            finally:
                line.listen_no_more(waiter.wake)
        errand = Errand(waiter.wake)
        line.send(encoded, errand)
        if wait:
            if not await waiter.wait(lambda: errand.done, timeout):
                raise MeshTimeout(f"what was sent through {self.name!r} was not consumed within {timeout} s; it waits")
            if errand.error is not None:
                raise errand.error

    async def drain(self, timeout: float | None = None) -> None:
        """Return once all that we sent was consumed; raise MeshTimeout after `timeout` seconds."""
        line = self._line
        if not await self._wait(lambda: not line.unfinished or not line.is_open, timeout):
            raise MeshTimeout(f"{line.unfinished} messages in {self.name!r} were not consumed within {timeout} s")

    # -- receiving ------------------------------------------------------------------------------

    def subscribe(self) -> Channel:
        """Receive from now on, and return this; `get`, `check` and iterating do it by themselves.

        A sender counts us in once it has heard of us: `mesh.settled()` waits for that.
        """
        self._line.receive()
        return self

    async def get(self, wait: bool = True, timeout: float | None = None, default: Any = NO_DEFAULT) -> Any:
        """Return the next message for us; it is consumed then.

        Waits for one, up to `timeout` seconds; with `wait=False` only until the senders have
        said that they have none.  Then returns `default`, or raises MeshTimeout or,
        with `wait=False`, ChannelEmpty.  What the message holds is frozen, as what is read from a mesh.
        """
        delivered = await self._next(timeout, wait=wait)
        if delivered is not None:
            self._line.finish(delivered, kept=True)
            return opened(delivered)
        if default is not NO_DEFAULT:
            return default
        if not wait:
            raise ChannelEmpty(f"there is no message for us in {self.name!r}")
        raise MeshTimeout(f"no message for us came through {self.name!r} within {timeout} s")

    @asynccontextmanager
    async def taking(self, timeout: float | None = None) -> AsyncIterator[Any]:
        """Get a message that is consumed when the block ends; if it raises, or we die in it, another gets it."""
        delivered = await self._next(timeout)
        if delivered is None:
            raise MeshTimeout(f"no message for us came through {self.name!r} within {timeout} s")
        kept = False
        try:
            yield opened(delivered)
            kept = True
        finally:
            self._line.finish(delivered, kept=kept)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Yield messages until the channel or the mesh is closed; each is consumed when the next is asked for."""
        return _Messages(self)

    async def check(self, wait: bool = False, timeout: float | None = None) -> bool:
        """Return whether a message waits, as far as senders have told; another may be faster in getting it.

        With `wait`, waits for one, up to `timeout` seconds.  The first call asks the senders,
        which takes a moment; from then on they tell us, and it takes none.
        """
        line = self._line
        line.watch()
        if wait:
            await self._wait(lambda: line.level()[0] > 0 or not line.is_open, timeout)
        else:
            await self._wait(lambda: line.level()[1] or not line.is_open, MOMENT_S)
        return line.level()[0] > 0

    async def _next(self, timeout: float | None, *, wait: bool = True) -> Delivered | None:
        if not wait and not await self.check():
            return None
        waiter = self._new_waiter("get")
        errand = Errand(waiter.wake)
        number = self._line.want(errand)
        got = False
        try:
            got = await waiter.wait(lambda: errand.done, timeout if wait else MOMENT_S)
        finally:
            if not got:
                self._line.want_no_more(number, errand)
        if not got:
            return None
        if errand.error is not None:
            raise errand.error
        return errand.delivered

    async def _wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        waiter = self._new_waiter("wait")
        self._line.listen(waiter.wake)
        try:
            return await waiter.wait(done, timeout)
        finally:
            self._line.listen_no_more(waiter.wake)

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Take part no more, and wake who waits.  Messages of ours that were not consumed are lost: see `drain`."""
        self._line.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, mode={self.mode!r}, unfinished={self.unfinished})"


class _Messages:
    """The messages of a channel, one after the other.  What was given last is consumed at the next step or the end.

    No async generator: one that a `break` leaves is ended by nobody but the garbage collector, which nobody waits for.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last: Delivered | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._finish()
        try:
            self._last = delivered = await self._channel._next(None)
        except MeshClosed:
            raise StopAsyncIteration from None
        assert delivered is not None
        return opened(delivered)

    def _finish(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            self._channel._line.finish(last, kept=True)

    def __del__(self) -> None:
        self._finish()
