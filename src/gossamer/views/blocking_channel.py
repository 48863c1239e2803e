"""A channel in a script: a queue between programs, whose methods wait in the calling thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ..errors import ChannelEmpty, ChannelFull, MeshClosed, MeshTimeout
from ..protocol.effects import Delivered
from .lines import Errand, Line, opened

NO_DEFAULT: Any = object()
MOMENT_S = 1.0
"""How long `get(wait=False)` and the first `check` wait for senders to say what they have; they say it at once."""


class Waiter(Protocol):
    """Something to wait with, once."""

    def wake(self) -> None:
        """Let `wait` look.  From any thread."""

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Return once `done()`, or False after `timeout` seconds."""


class BlockingChannel:
    """A named queue between programs: many senders, many receivers, any machine.

    Made by `mesh.channel(name)`.  In the mode "take" each message goes to exactly one
    receiver: its sender keeps it until somebody asks, grants it to one, and grants it to another if
    that one dies or gives it back.  In "subscribe" every subscriber gets every message.
    Messages of one sender arrive in order; those of several have no order.  Thread-safe.
    """

    def __init__(self, line: Line, new_waiter: Callable[[str], Waiter]) -> None:
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

    def send(self, *data: Any, wait: bool = False, timeout: float | None = None) -> None:
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
            self._await_room(waiter, timeout)
        errand = Errand(waiter.wake)
        line.send(encoded, errand)
        if wait:
            if not waiter.wait(lambda: errand.done, timeout):
                raise MeshTimeout(f"what was sent through {self.name!r} was not consumed within {timeout} s; it waits")
            if errand.error is not None:
                raise errand.error

    def _await_room(self, waiter: Waiter, timeout: float | None) -> None:
        line = self._line
        line.listen(waiter.wake)
        try:
            if not waiter.wait(line.reserve, timeout):
                raise ChannelFull(
                    f"{line.capacity} messages of ours in {self.name!r} were not consumed within {timeout} s, so this "
                    "one was not sent: is anybody receiving?"
                )
        finally:
            line.listen_no_more(waiter.wake)

    def drain(self, timeout: float | None = None) -> None:
        """Return once all that we sent was consumed; raise MeshTimeout after `timeout` seconds."""
        line = self._line
        waiter = self._new_waiter("drain")
        line.listen(waiter.wake)
        try:
            if not waiter.wait(lambda: not line.unfinished or not line.is_open, timeout):
                raise MeshTimeout(f"{line.unfinished} messages in {self.name!r} were not consumed within {timeout} s")
        finally:
            line.listen_no_more(waiter.wake)

    # -- receiving ------------------------------------------------------------------------------

    def subscribe(self) -> BlockingChannel:
        """Receive from now on, and return this; `get`, `check` and iterating do it by themselves.

        A sender counts us in once it has heard of us: `mesh.settled()` waits for that.
        """
        self._line.receive()
        return self

    def get(self, wait: bool = True, timeout: float | None = None, default: Any = NO_DEFAULT) -> Any:
        """Return the next message for us; it is consumed then.

        Waits for one, up to `timeout` seconds; with `wait=False` only until the senders have
        said that they have none.  Then returns `default`, or raises MeshTimeout or,
        with `wait=False`, ChannelEmpty.  What the message holds is frozen, as what is read from a mesh.
        """
        delivered = self._next(timeout, wait=wait)
        if delivered is not None:
            self._line.finish(delivered, kept=True)
            return opened(delivered)
        if default is not NO_DEFAULT:
            return default
        if not wait:
            raise ChannelEmpty(f"there is no message for us in {self.name!r}")
        raise MeshTimeout(f"no message for us came through {self.name!r} within {timeout} s")

    @contextmanager
    def taking(self, timeout: float | None = None) -> Iterator[Any]:
        """Get a message that is consumed when the block ends; if it raises, or we die in it, another gets it."""
        delivered = self._next(timeout)
        if delivered is None:
            raise MeshTimeout(f"no message for us came through {self.name!r} within {timeout} s")
        kept = False
        try:
            yield opened(delivered)
            kept = True
        finally:
            self._line.finish(delivered, kept=kept)

    def __iter__(self) -> Iterator[Any]:
        """Yield messages until the channel or the mesh is closed; each is consumed when the next is asked for."""
        while True:
            try:
                delivered = self._next(None)
            except MeshClosed:
                return
            assert delivered is not None
            try:
                yield opened(delivered)
            finally:
                self._line.finish(delivered, kept=True)

    def check(self, wait: bool = False, timeout: float | None = None) -> bool:
        """Return whether a message waits, as far as senders have told; another may be faster in getting it.

        With `wait`, waits for one, up to `timeout` seconds.  The first call asks the senders,
        which takes a moment; from then on they tell us, and it takes none.
        """
        line = self._line
        line.watch()
        waiter = self._new_waiter("check")
        line.listen(waiter.wake)
        try:
            if wait:
                waiter.wait(lambda: line.level()[0] > 0 or not line.is_open, timeout)
            else:
                waiter.wait(lambda: line.level()[1] or not line.is_open, MOMENT_S)
            return line.level()[0] > 0
        finally:
            line.listen_no_more(waiter.wake)

    def _next(self, timeout: float | None, *, wait: bool = True) -> Delivered | None:
        if not wait and not self.check():
            return None
        waiter = self._new_waiter("get")
        errand = Errand(waiter.wake)
        number = self._line.want(errand)
        got = False
        try:
            got = waiter.wait(lambda: errand.done, timeout if wait else MOMENT_S)
        finally:
            if not got:
                self._line.want_no_more(number, errand)
        if not got:
            return None
        if errand.error is not None:
            raise errand.error
        return errand.delivered

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Take part no more, and wake who waits.  Messages of ours that were not consumed are lost: see `drain`."""
        self._line.close()

    def __enter__(self) -> BlockingChannel:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, mode={self.mode!r}, unfinished={self.unfinished})"
