"""The streams of a peer while they are open: a reader and a writer for each, and the calls that open them.

Each stream has one writer, which pulls what is to be sent when the socket takes it: a slow
peer costs no memory, and delays no other.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from ..errors import GossamerError, Malformed, NetworkError, Refused
from ..protocol.effects import LinkId
from ..protocol.replica import Replica
from ..wire.framing import FrameParser, frames
from .clocks import Clock
from .transport import Address, Network, Stream

logger = logging.getLogger("gossamer.net")

STRANGERS_MAX = 256
"""Addresses where somebody else's mesh answers, of which the log tells, each once."""


@dataclass(slots=True, eq=False)
class _Link:
    stream: Stream
    ready: trio.Event = field(default_factory=trio.Event)


class Links:
    """Runs streams for a replica.  `perform` is called whenever it may have something to ask."""

    def __init__(
        self,
        replica: Replica,
        network: Network,
        message_bytes_max: int,
        refused: Counter[str],
        perform: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.calls = 0
        """How many attempts to reach somebody are under way."""
        self._replica = replica
        self._network = network
        self._message_bytes_max = message_bytes_max
        self._refused = refused
        self._perform = perform
        self._clock = clock
        self._links: dict[LinkId, _Link] = {}
        self._numbers = 0
        self._strangers: set[Address] = set()

    # -- what the replica asks ------------------------------------------------------------------

    def wake(self, number: LinkId) -> None:
        """There is something to send on this link."""
        link = self._links.get(number)
        if link is not None:
            link.ready.set()

    def close(self, number: LinkId, reason: str) -> None:
        """End a link, at once."""
        link = self._links.get(number)
        if link is not None:
            logger.debug("closing a stream to %s: %s", link.stream.address, reason)
            link.stream.abort()

    def abort_all(self) -> None:
        """End all links, at once."""
        for link in self._links.values():
            link.stream.abort()

    # -- opening --------------------------------------------------------------------------------

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Count an attempt to reach somebody while it lasts."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1

    async def connect(self, to: Address) -> None:
        """Open a stream to `to` and run it to its end."""
        try:
            with self.calling():
                stream = await self._network.connect(to)
        except (NetworkError, Refused) as error:
            self._tell_of_failure(to, error)
            self._replica.connect_failed(to, self._clock.monotonic())
            self._perform()
            return
        try:
            await self._run(stream, to, outgoing=True)
        finally:
            stream.abort()

    async def accept(self, stream: Stream) -> None:
        """Run a stream that somebody opened to us to its end."""
        await self._run(stream, stream.address, outgoing=False)

    def _tell_of_failure(self, to: Address, error: Exception) -> None:
        """Warn, once, of one who answers and is not of our mesh: to try again will not help."""
        tell = logger.debug
        if isinstance(error, Refused) and to not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(to)
            tell = logger.warning
        tell("no stream to %s:%s: %s.  Peers meet if both name and secret are equal", *to, error)

    # -- running --------------------------------------------------------------------------------

    async def _run(self, stream: Stream, address: Address, *, outgoing: bool) -> None:
        self._numbers += 1
        number = self._numbers
        link = self._links[number] = _Link(stream)
        self._replica.link_opened(number, stream.peer, address, outgoing, self._clock.monotonic())
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, number, link, nursery.cancel_scope)
                self._perform()
                await self._read(number, link)
                nursery.cancel_scope.cancel()
        finally:
            del self._links[number]
            self._replica.link_closed(number, self._clock.monotonic())
            self._perform()

    async def _read(self, number: LinkId, link: _Link) -> None:
        parser = FrameParser(self._message_bytes_max)
        try:
            while data := await link.stream.receive():
                now, wall = self._clock.monotonic(), self._clock.wall_ms()
                for message in parser.feed(data):
                    self._replica.link_heard(number, message, now, wall)
                self._perform()
        except Malformed as error:
            self._refused["malformed on a stream"] += 1
            logger.warning("closing a stream to %s, which sent %s", link.stream.address, error)
        except GossamerError as error:
            logger.debug("a stream to %s ended: %s", link.stream.address, error)

    async def _write(self, number: LinkId, link: _Link, scope: trio.CancelScope) -> None:
        try:
            while True:
                messages = self._replica.pull(number)
                if messages:
                    await link.stream.send(b"".join(frame for message in messages for frame in frames(message)))
                elif link.ready.is_set():
                    link.ready = trio.Event()
                else:
                    if self._replica.effects:
                        self._perform()
                    await link.ready.wait()
        except NetworkError as error:
            logger.debug("a stream to %s ended: %s", link.stream.address, error)
            scope.cancel()
