"""A computer in the network that is no peer, and floods those that are: noise, and what it overheard, mutilated.

Sealing is not simulated: it would keep all of this out.  What is shown here is that a peer
does not depend on it.  So what the stranger sends goes to the parser as if it had been
opened, under a boot that nobody introduced; only what a parser could take for a sound
message is kept back, since that would be not noise but a member that lies.
"""

from __future__ import annotations

import random
from collections import deque

from ..errors import Malformed
from ..wire.codec import decode_message
from ..wire.framing import DATAGRAM_BODY_MAX, FrameParser, body, frames, messages_in
from .engine import Engine
from .links import Datagram, Links
from .pipes import End, Pipe
from .process import Process

HOST, PORT = "10.0.255.254", 6666
TICK_S = 0.002
DATAGRAMS_A_TICK = 2
"""To each node; with `TICK_S`, a thousand a second."""
BABBLE_EACH_TICKS = 10
STREAMS_MAX = 20
"""Streams that it holds open at once."""
OVERHEARD_MAX = 200
PIECE_BYTES_MAX = 4096


class Babble(Pipe):
    """A stream of a stranger: it reads whatever comes, and says what comes to its mind."""

    is_honest = False
    __slots__ = ("end", "to")

    def __init__(self, to: Process, rng: random.Random, now: float) -> None:
        self.to = to
        self.end = End(to, FrameParser(to.node.options.message_bytes_max), now)
        self.end.number = to.link_opened(
            self, self.end, rng.randbytes(16), (HOST, rng.randrange(65536)), outgoing=False
        )

    def say(self, piece: bytes) -> None:
        """Send something; the peer may close the stream for it."""
        if (
            not self.end.closed
            and self.to.is_awake
            and not self.to.stream_data(self.end.number, self.end.parser, piece)
        ):
            self.close(self.end)

    def pump(self, end: End) -> None:
        """Read what the peer has to say, and forget it."""
        while not end.closed and self.to.pull(end.number):
            pass

    def read_on(self, end: End) -> None:
        """Do nothing: nothing is under way."""

    def close(self, end: End) -> None:
        """End it."""
        end.closed = True
        self.to.link_closed(end.number)


class Stranger:
    """Floods all nodes until its time is over."""

    def __init__(self, engine: Engine, links: Links, rng: random.Random, seconds: float) -> None:
        self._engine, self._links, self._rng = engine, links, rng
        self._ends_at = engine.now + seconds
        self._boot = rng.randbytes(12)
        self._streams: deque[Babble] = deque()
        self._ticks = 0

    def begin(self) -> None:
        """Listen to the group, and send."""
        self._links.overheard = deque(self._links.overheard or (), maxlen=OVERHEARD_MAX)
        self._tick()

    def _tick(self) -> None:
        if self._engine.now >= self._ends_at:
            while self._streams:
                stream = self._streams.popleft()
                stream.close(stream.end)
            return
        for _ in range(DATAGRAMS_A_TICK):
            data = self._noise()
            datagram = Datagram("a stranger", self._boot, (HOST, PORT), data, (), True, self._engine.now)
            for node in self._links.nodes.values():
                node.datagram(datagram, node.unicast_address)
        self._ticks += 1
        if not self._ticks % BABBLE_EACH_TICKS:
            self._babble()
        self._engine.after(TICK_S, self._tick)

    def _babble(self) -> None:
        up = [node.process for node in self._links.nodes.values() if node.process is not None and node.is_awake]
        if up:
            self._streams.append(Babble(self._rng.choice(up), self._rng, self._engine.now))
        for stream in self._streams:
            stream.say(self._piece())
        while len(self._streams) > STREAMS_MAX:
            oldest = self._streams.popleft()
            oldest.close(oldest.end)

    def _piece(self) -> bytes:
        """Return bytes for a stream: raw ones, ones in a sound frame, or the beginning of a frame that never ends."""
        rng = self._rng
        data = rng.randbytes(rng.randint(1, PIECE_BYTES_MAX))
        match rng.randrange(3):
            case 0:
                return data
            case 1:
                return b"".join(frames(b"\xff" + data))  # no message begins so
            case _:
                return (200_000).to_bytes(4, "big") + data

    def _noise(self) -> bytes:
        """Return the body of a datagram in which there is no sound message."""
        rng = self._rng
        if not self._links.overheard or rng.random() < 0.3:
            data = rng.randbytes(rng.randint(0, DATAGRAM_BODY_MAX))
            return body([b"\xff" + data[:1000]]) if rng.random() < 0.5 else b"\xff\xff" + data
        data = rng.choice(self._links.overheard)
        if rng.random() < 0.3:
            data = data[: rng.randrange(len(data))]
        else:
            altered = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                altered[rng.randrange(len(altered))] = rng.randrange(256)
            data = bytes(altered)
        return data if data and not _is_sound(data) else b"\xff\xff" + data


def _is_sound(data: bytes) -> bool:
    """Whether a parser finds any message of ours in `data`."""
    try:
        found = messages_in(data)
    except Malformed:
        return False
    return any(map(_is_message, found))


def _is_message(data: bytes) -> bool:
    try:
        return decode_message(data) is not None
    except Malformed:
        return False
