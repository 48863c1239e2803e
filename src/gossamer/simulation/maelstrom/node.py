"""One Maelstrom node: a replica, the service of a workload, and what carries the one's effects.

Sans-IO: lines in, lines out, with `now` and `wall_ms` given; `process` adds the pipes and
the clock.  Multicast is a message to every node that `init` named, and an address is a
node's name.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from ...crdt.writes import winner
from ...errors import GossamerError
from ...options import Options
from ...protocol.effects import Close, Connect, Effect, Multicast, Unicast, Wake
from ...protocol.ledger import Unobserved
from ...protocol.replica import Identity, Replica
from ...wire.framing import packed
from ...wire.keys import checked_key
from ...wire.values import decode_value, encode_value
from .messages import Body, Code, Envelope, Refused, from_text, to_text
from .services import SERVICES, Service
from .streams import STREAM_PORT, Streams

DATAGRAM_PORT = 2
SLICE_S = 0.001
BUSY_S = 0.002
"""While something waits to be sent, the outbox is looked at so often."""


class MaelstromNode:
    """Hears lines, says lines."""

    def __init__(self, service: str, rng: random.Random, options: Options | None = None) -> None:
        self.lines: list[str] = []
        """What to write; whoever writes it clears it."""
        self._make_service = SERVICES[service]
        self._rng = rng
        self._options = options or Options()
        self._name = ""
        self._others: list[str] = []
        self._replica: Replica | None = None
        self._streams: Streams
        self._service: Service
        self._wall_ms = 0
        self._message_ids = 0

    # -- what is heard --------------------------------------------------------------------------

    def hear(self, line: str, now: float, wall_ms: int) -> None:
        """A line has come.  Raise ValueError if it is no message."""
        envelope = Envelope.from_line(line)
        body, self._wall_ms = envelope.body, wall_ms
        match body["type"]:
            case "init":
                self._init(body, now, wall_ms)
                self._reply(envelope, {"type": "init_ok"})
            case "gossamer-datagram" | "gossamer-stream" if self._replica is None:
                pass  # others were started before us: as good as lost
            case "gossamer-datagram":
                self._datagram(envelope, now, wall_ms)
            case "gossamer-stream":
                self._streams.hear(envelope.src, body, now, wall_ms)
            case _:
                self._reply(envelope, self._served(body))
        self._perform(now)

    def _init(self, body: Body, now: float, wall_ms: int) -> None:
        self._name = body["node_id"]
        self._others = [name for name in body["node_ids"] if name != self._name]
        rng = self._rng
        boot = (wall_ms // 1000 & 0xFFFFFFFF).to_bytes(4, "big") + rng.randbytes(8)
        identity = Identity(rng.randbytes(16), boot, self._name, STREAM_PORT, DATAGRAM_PORT)
        self._replica = Replica(identity, self._options, rng, lock=nullcontext(), observer=Unobserved(), now=now)
        self._streams = Streams(self._name, self._replica, self._options, self._send)
        self._service = self._make_service(self, boot.hex())
        self._replica.start(now)

    def _datagram(self, envelope: Envelope, now: float, wall_ms: int) -> None:
        assert self._replica is not None
        body = envelope.body
        address = envelope.src, DATAGRAM_PORT
        messages = from_text(body["messages"])
        self._replica.hear(bytes.fromhex(body["boot"]), address, body["multicast"], messages, now, wall_ms)

    def _served(self, body: Body) -> Body:
        try:
            if self._replica is None:
                raise Refused(Code.TEMPORARILY_UNAVAILABLE, "init has not come yet")
            return self._service.handle(body)
        except Refused as refused:
            return refused.body()
        except GossamerError as error:  # such as a key that is too long
            return Refused(Code.MALFORMED_REQUEST, str(error)).body()

    # -- what a service needs: see `services.Map` -------------------------------------------------

    def put(self, key: str, value: object) -> None:
        """Write a key.  Raise InvalidKey if it is too long."""
        assert self._replica is not None
        self._replica.ledger.write(checked_key(key), encode_value(value), self._wall_ms)

    def items(self, prefix: str) -> dict[str, Any]:
        """Return what is visible under keys that begin so."""
        assert self._replica is not None
        found = {}
        for key, held in self._replica.ledger.state.live.items():
            write = winner(held, self._wall_ms)
            if write is not None and write.value is not None and isinstance(key, str) and key.startswith(prefix):
                found[key] = decode_value(write.value)
        return found

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: float, wall_ms: int) -> float:
        """Do what is due; return when to call again at the latest."""
        replica, self._wall_ms = self._replica, wall_ms
        if replica is None:
            return now + 1.0
        due = replica.tick(now, wall_ms)
        replica.flush(now)
        self._perform(now)
        if replica.work(now, wall_ms) or replica.attention(now):
            due = now + SLICE_S
        outbox = replica.ledger.outbox
        if outbox is not None and not (outbox.idle or outbox.pushing) and replica.membership.members:
            due = min(due, now + BUSY_S)
        if not replica.ledger.refresh_digest(200):
            due = now + SLICE_S
        self._perform(now)
        return min(due, self._streams.tick(now))

    # -- effects --------------------------------------------------------------------------------

    def _perform(self, now: float) -> None:
        if self._replica is None:
            return
        effects = self._replica.effects
        while effects:
            waiting, effects[:] = effects[:], []
            for effect in waiting:
                self._do(effect, now)

    def _do(self, effect: Effect, now: float) -> None:
        match effect:
            case Multicast(messages):
                for name in self._others:
                    self._say(name, messages, multicast=True)
            case Unicast(messages, to):
                for group in packed(messages):
                    self._say(to[0], group, multicast=False)
            case Connect(to):
                self._streams.connect(to, now)
            case Wake(link):
                self._streams.pump(link, now)
            case Close(link, _):
                self._streams.close(link, now)
            case _:
                pass  # a notice, which nobody here waits for

    def _say(self, name: str, messages: Sequence[bytes], *, multicast: bool) -> None:
        assert self._replica is not None
        boot = self._replica.identity.boot.hex()
        body = {"type": "gossamer-datagram", "boot": boot, "multicast": multicast, "messages": to_text(messages)}
        self._send(name, body)

    def _reply(self, to: Envelope, body: Body) -> None:
        self._message_ids += 1
        self._send(to.src, {**body, "msg_id": self._message_ids, "in_reply_to": to.body.get("msg_id")})

    def _send(self, name: str, body: Body) -> None:
        self.lines.append(Envelope(self._name, name, body).line())
