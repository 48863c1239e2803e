"""The two ways of a stream in memory, and its ends: ordered bytes that take their time, and stand still behind a cut.

As TCP does: what was sent before a goodbye or a reset arrives before it, and behind a cut
neither does; each end then finds by its own deadlines that nothing comes any more.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from ..mesh import Bell
from ..net.streams import RECEIVE_BYTES_MAX, Transport
from ..net.transport import Address
from ..options import Options

if TYPE_CHECKING:
    from .memory_lan import MemoryLan

WINDOW_BYTES = 256 * 1024
"""So much may be on the way before the sender has to wait."""
ROUNDING_S = 1e-9


class Way:
    """Bytes on their way from one host to another."""

    def __init__(self, lan: MemoryLan, sender: str, receiver: str) -> None:
        self._lan = lan
        self._sender, self._receiver = sender, receiver
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size_bytes = 0
        self._last_at = -math.inf
        self._ended = False
        self._reset = False
        self.is_unread = False
        """Whether whoever read this has closed its end."""
        self._told: list[Callable[[], None]] = []

    def on_change(self, fn: Callable[[], None]) -> None:
        """Call `fn`, from any thread, whenever a reader or a writer should look again."""
        self._told.append(fn)

    def tell(self) -> None:
        """Let both ends look again."""
        for fn in tuple(self._told):
            fn()

    @property
    def has_room(self) -> bool:
        """Whether more may be sent."""
        return self._size_bytes < WINDOW_BYTES

    @property
    def is_reset(self) -> bool:
        """Whether the receiver has heard, after all that came before, that nothing more comes."""
        return self._reset and not self._pieces and self._is_open

    @property
    def _is_open(self) -> bool:
        return self._lan.reaches(self._sender, self._receiver)

    def put(self, data: bytes) -> None:
        """Send."""
        with self._lan.lock:
            self._last_at = max(self._last_at, self._lan.clock.monotonic() + self._lan.delay_s())
            self._pieces.append((self._last_at, data))
            self._size_bytes += len(data)
        self.tell()

    def take(self, bytes_max: int) -> bytes | None:
        """Return what has come; None if nothing has; `b""` after the last."""
        with self._lan.lock:
            if self.next_at() > self._lan.clock.monotonic() + ROUNDING_S:
                return b"" if self._ended and not self._pieces and self._is_open else None
            at, data = self._pieces.popleft()
            if len(data) > bytes_max:
                self._pieces.appendleft((at, data[bytes_max:]))
            taken = data[:bytes_max]
            self._size_bytes -= len(taken)
        self.tell()
        return taken

    def next_at(self) -> float:
        """Return when there will be something to take; never, while the way is cut."""
        if not self._pieces or not self._is_open:
            return math.inf
        return self._pieces[0][0]

    def wait_s(self) -> float:
        """Return how long it is until then."""
        return max(0.0, self.next_at() - self._lan.clock.monotonic())

    def end(self) -> None:
        """Say goodbye: nothing is sent after this."""
        self._ended = True
        self.tell()

    def reset(self) -> None:
        """Break: nothing is sent after this, and it was no goodbye."""
        self._reset = True
        self.tell()


@dataclass(frozen=True, slots=True)
class Call:
    """A stream that somebody has opened and nobody has accepted yet, as the callee sees it."""

    address: Address
    incoming: Way
    outgoing: Way


class MemoryTransport(Transport):
    """One end of a stream.  Made in the loop that uses it; each wait has a deadline, as in `net.streams`."""

    def __init__(self, *, incoming: Way, outgoing: Way, options: Options) -> None:
        token = trio.lowlevel.current_trio_token()
        self._reader, self._writer = Bell(token), Bell(token)
        self._incoming, self._outgoing = incoming, outgoing
        self._options = options
        self._closed = False
        for way in (incoming, outgoing):
            way.on_change(self._reader.ring)
            way.on_change(self._writer.ring)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`; raises `trio.TooSlowError` if the peer does not take it."""
        self._check()
        await trio.lowlevel.checkpoint()
        with trio.fail_after(self._options.send_timeout_s):
            while not self._outgoing.has_room:
                await self._writer.rung()
                self._check()
        self._check()
        if self._outgoing.is_unread:
            raise trio.BrokenResourceError("Broken pipe")
        self._outgoing.put(bytes(data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what has arrived; raises `trio.TooSlowError` if nothing does for long."""
        await trio.lowlevel.checkpoint()
        with trio.fail_after(self._options.stream_idle_s):
            while True:
                data = None if self._closed else self._incoming.take(max_bytes or RECEIVE_BYTES_MAX)
                if data is not None:
                    return data
                self._check()
                with trio.move_on_after(self._incoming.wait_s()):
                    await self._reader.rung()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the peer may take bytes."""
        await trio.lowlevel.checkpoint()
        while not self._outgoing.has_room:
            await self._writer.rung()
            self._check()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed here")
        if self._incoming.is_reset:
            raise trio.BrokenResourceError("Connection reset by peer")

    async def aclose(self) -> None:
        """Close."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close; what was sent still travels."""
        self._closed = self._incoming.is_unread = True
        self._outgoing.end()
        self._reader.ring()
        self._writer.ring()

    def abort(self) -> None:
        """Close at once: the other end's waits break."""
        if not self._closed:
            self._closed = self._incoming.is_unread = True
            self._outgoing.reset()
            self._reader.ring()
            self._writer.ring()

    def abandon(self) -> None:
        """In a forked child: nothing is told to anybody."""
        self._closed = True
