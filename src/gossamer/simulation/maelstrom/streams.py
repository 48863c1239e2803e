"""Streams over messages that may be lost, doubled and reordered: numbered, acknowledged, sent again.

What TCP is to a real peer.  A caller says `open` until it is told `opened`; then either end
sends `data`, in order, at most `WINDOW` unacknowledged, and all of those again when nothing was
acknowledged for `AGAIN_S`.  An end that gets nothing through for `send_timeout_s` closes.
A piece for a stream that is not there is answered with `close`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import Malformed
from ...options import Options
from ...protocol.effects import Address, LinkId
from ...protocol.replica import Replica
from .messages import Body, from_text, to_text

STREAM_PORT = 1
AGAIN_S = 0.2
WINDOW = 16


@dataclass(slots=True, eq=False)
class Stream:
    """One end of a stream."""

    name: str
    other: str
    opens_until: float
    link: LinkId | None = None
    sent: dict[int, list[str]] = field(default_factory=dict)
    """What was sent and is not acknowledged, by number."""
    last_sent: int = 0
    last_heard: int = 0
    early: dict[int, list[str]] = field(default_factory=dict)
    again_at: float = math.inf
    moved_at: float = 0.0


class Streams:
    """The streams of one node.  Sans-IO, like the replica whose links they are."""

    def __init__(self, me: str, replica: Replica, options: Options, send: Callable[[str, Body], None]) -> None:
        self._me, self._replica, self._options, self._send = me, replica, options, send
        self._streams: dict[str, Stream] = {}
        self._links: dict[LinkId, Stream] = {}
        self._calls = 0

    # -- what the replica asks ------------------------------------------------------------------

    def connect(self, to: Address, now: float) -> None:
        """Open a stream to a node."""
        self._calls += 1
        name = f"{self._replica.identity.boot.hex()}/{self._calls}"
        stream = Stream(name, to[0], now + self._options.handshake_timeout_s, again_at=now)
        self._streams[name] = stream
        self._again(stream, now)

    def pump(self, link: LinkId, now: float) -> None:
        """Send what the replica has for a stream, while there is room."""
        stream = self._links.get(link)
        while stream is not None and stream.link is not None and len(stream.sent) < WINDOW:
            messages = self._replica.pull(link)
            if not messages:
                return
            if not stream.sent:
                stream.again_at, stream.moved_at = now + AGAIN_S, now
            stream.last_sent += 1
            stream.sent[stream.last_sent] = to_text(messages)
            self._say(stream, "data", number=stream.last_sent, messages=stream.sent[stream.last_sent])

    def close(self, link: LinkId, now: float) -> None:
        """End a stream."""
        stream = self._links.get(link)
        if stream is not None:
            self._say(stream, "close")
            self._ended(stream, now)

    # -- what is heard --------------------------------------------------------------------------

    def hear(self, src: str, body: Body, now: float, wall_ms: int) -> None:
        """A message of a stream has come."""
        stream = self._streams.get(body["stream"])
        match body["step"]:
            case "open":
                if stream is None:
                    stream = self._streams[body["stream"]] = Stream(body["stream"], src, now)
                    self._opened(stream, body["peer"], now, outgoing=False)
                self._say(stream, "opened", peer=self._replica.identity.peer.hex())
            case "close" if stream is not None:
                self._ended(stream, now)
            case "close":
                pass
            case _ if stream is None:
                self._send(src, {"type": "gossamer-stream", "stream": body["stream"], "step": "close"})
            case "opened" if stream.link is None:
                self._opened(stream, body["peer"], now, outgoing=True)
            case "data" if stream.link is not None:
                self._data(stream, body, now, wall_ms)
            case "ack" if stream.link is not None:
                self._acknowledged(stream, body["number"], now)

    def _opened(self, stream: Stream, peer: str, now: float, *, outgoing: bool) -> None:
        self._calls += 1
        stream.link, stream.again_at = self._calls, math.inf
        self._links[stream.link] = stream
        address = stream.other, STREAM_PORT
        self._replica.link_opened(stream.link, bytes.fromhex(peer), address, outgoing, now)

    def _data(self, stream: Stream, body: Body, now: float, wall_ms: int) -> None:
        if stream.last_heard < body["number"] <= stream.last_heard + WINDOW:
            stream.early[body["number"]] = body["messages"]
        while (messages := stream.early.pop(stream.last_heard + 1, None)) is not None:
            stream.last_heard += 1
            assert stream.link is not None
            try:
                for message in from_text(messages):
                    self._replica.link_heard(stream.link, message, now, wall_ms)
            except (Malformed, ValueError):
                self.close(stream.link, now)
                return
        self._say(stream, "ack", number=stream.last_heard)

    def _acknowledged(self, stream: Stream, number: int, now: float) -> None:
        for sent in [sent for sent in stream.sent if sent <= number]:
            del stream.sent[sent]
            stream.again_at, stream.moved_at = (now + AGAIN_S if stream.sent else math.inf), now
        assert stream.link is not None
        self.pump(stream.link, now)

    def _ended(self, stream: Stream, now: float) -> None:
        self._streams.pop(stream.name, None)
        if stream.link is None:
            self._replica.connect_failed((stream.other, STREAM_PORT), now)
        else:
            del self._links[stream.link]
            self._replica.link_closed(stream.link, now)

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: float) -> float:
        """Send again what is due; return when to call again."""
        for stream in [stream for stream in self._streams.values() if stream.again_at <= now]:
            if stream.link is None and now >= stream.opens_until:
                self._ended(stream, now)
            elif stream.link is not None and now - stream.moved_at >= self._options.send_timeout_s:
                self.close(stream.link, now)
            else:
                self._again(stream, now)
        return min((stream.again_at for stream in self._streams.values()), default=math.inf)

    def _again(self, stream: Stream, now: float) -> None:
        stream.again_at = now + AGAIN_S
        if stream.link is None:
            self._say(stream, "open", peer=self._replica.identity.peer.hex())
        for number, messages in stream.sent.items():
            self._say(stream, "data", number=number, messages=messages)

    def _say(self, stream: Stream, step: str, **more: object) -> None:
        self._send(stream.other, {"type": "gossamer-stream", "stream": stream.name, "step": step, **more})
