"""A simulated stream: two ways, each ordered and reliable, each with a speed, both breakable.

Each end does what `net.driver` does with a real one: it pulls messages from the replica
when there is room, frames them, and feeds what comes to a parser in pieces of any size.
While either way is cut, nothing moves; who could not send for `send_timeout_s`, or heard
nothing for `stream_idle_s`, closes its end, and the other learns of it once it can.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import ref

from ..net.transport import Address
from ..wire.framing import FrameParser, frames
from .engine import Engine

if TYPE_CHECKING:
    from .links import Links
    from .process import Process

WINDOW_BYTES = 256 << 10
"""What a sender may have on its way, and a receiver that does not read may have waiting."""
PIECE_BYTES_MAX = 64 << 10
TRY_AGAIN_S = 0.1
RESET_AGAIN_S = 0.5


@dataclass(slots=True, eq=False)
class End:
    """One end of a pipe, and what it sends."""

    process: Process
    parser: FrameParser
    heard_at: float
    number: int = 0
    queue: deque[tuple[bytes, list[bytes]]] = field(default_factory=deque)
    """Pieces on their way, each with the messages of which it is a part."""
    queued_bytes: int = 0
    moving: bool = False
    left_at: float = 0.0
    stuck_since: float | None = None
    delivered_bytes: int = 0
    break_after_bytes: int | None = None
    unread: list[bytes] = field(default_factory=list)
    closed: bool = False


class Pipe:
    """A stream between two nodes."""

    is_honest = True
    """Whether both ends are nodes, so that what cannot be read is a bug of ours."""

    __slots__ = ("__weakref__", "_address", "_ends", "_engine", "_links", "_rng")

    def __init__(
        self,
        caller: Process,
        callee: Process,
        address: Address,
        links: Links,
        engine: Engine,
        rng: random.Random,
        breaks: dict[tuple[str, str], int],
    ) -> None:
        self._links, self._engine, self._rng, self._address = links, engine, rng, address
        ends = []
        for process, other in ((caller, callee), (callee, caller)):
            end = End(process, FrameParser(process.node.options.message_bytes_max), engine.now)
            end.break_after_bytes = breaks.get((process.node.name, other.node.name))
            ends.append(end)
        self._ends = ends[0], ends[1]

    def open(self) -> None:
        """Tell both ends that the stream is open."""
        caller, callee = self._ends
        ours, theirs = caller.process, callee.process
        address = ours.node.host, self._rng.randint(32768, 60999)
        callee.number = theirs.link_opened(self, callee, ours.replica.identity.peer, address, outgoing=False)
        caller.number = ours.link_opened(self, caller, theirs.replica.identity.peer, self._address, outgoing=True)
        for number, end in enumerate(self._ends):
            self._watch_idle(number)
            self.pump(end)

    def spare(self) -> None:
        """It is not to break any more."""
        for end in self._ends:
            end.break_after_bytes = None

    def other(self, end: End) -> End:
        """Return the other end."""
        return self._ends[1] if end is self._ends[0] else self._ends[0]

    # -- moving bytes ---------------------------------------------------------------------------

    def pump(self, end: End) -> None:
        """Pull what the replica has to send, while there is room for it."""
        while not end.closed and end.process.is_awake and end.queued_bytes < WINDOW_BYTES:
            messages = end.process.pull(end.number)
            if not messages:
                break
            self._links.sent_on_stream(end.process, messages)
            data = b"".join(frame for message in messages for frame in frames(message))
            at = 0
            while at < len(data):
                size = PIECE_BYTES_MAX if self._rng.random() < 0.7 else self._rng.randint(1, PIECE_BYTES_MAX)
                end.queue.append((data[at : at + size], messages))
                at += size
            end.queued_bytes += len(data)
        self._move(end)

    def _move(self, end: End) -> None:
        if end.moving or not end.queue or end.closed:
            return
        end.moving = True
        took_s = len(end.queue[0][0]) / self._links.bytes_per_s + self._rng.uniform(*self._links.delay_s)
        end.left_at = self._engine.now
        self._engine.after(took_s, self._arrive, end)

    def _arrive(self, end: End) -> None:
        there = self.other(end)
        if end.closed or not end.process.is_there:
            return
        if not self._gets_through(end, there):
            now = self._engine.now
            end.stuck_since = now if end.stuck_since is None else end.stuck_since
            if now - end.stuck_since >= end.process.node.options.send_timeout_s:
                self.close(end)
            else:
                self._engine.after(TRY_AGAIN_S, self._arrive, end)
            return
        end.moving, end.stuck_since = False, None
        if there.closed or not there.process.is_there:
            self._shut(end)
            return
        piece, messages = end.queue.popleft()
        names = end.process.node.name, there.process.node.name
        self._links.tell(*names, "stream", messages, len(piece), self._engine.now, end.left_at)
        end.queued_bytes -= len(piece)
        if end.break_after_bytes is not None and end.delivered_bytes + len(piece) >= end.break_after_bytes:
            self._deliver(there, piece[: end.break_after_bytes - end.delivered_bytes])
            self._shut(end)
            self._shut(there)
            return
        end.delivered_bytes += len(piece)
        self._deliver(there, piece)
        self.pump(end)

    def _gets_through(self, end: End, there: End) -> bool:
        if not there.process.node.host_is_up or not self._links.open_both_ways(
            end.process.node.name, there.process.node.name
        ):
            return False
        return sum(map(len, there.unread)) < WINDOW_BYTES

    def _deliver(self, end: End, piece: bytes) -> None:
        if not piece:
            return
        if not end.process.is_awake:
            end.unread.append(piece)
            return
        end.heard_at = self._engine.now
        if not end.process.stream_data(end.number, end.parser, piece):
            self.close(end)

    def read_on(self, end: End) -> None:
        """The node is awake again: it reads what came meanwhile."""
        pieces, end.unread = end.unread, []
        for piece in pieces:
            if not end.closed:
                self._deliver(end, piece)
        self.pump(end)

    # -- ends -----------------------------------------------------------------------------------

    def close(self, end: End) -> None:
        """One end closes, or its process dies; the other learns of it as soon as it can."""
        self._shut(end)
        self._reset(self.other(end))

    def _reset(self, end: End) -> None:
        if end.closed or not end.process.is_there:
            return
        if self._links.open_both_ways(end.process.node.name, self.other(end).process.node.name):
            self._engine.after(self._links.delay_s[1], self._shut, end)
        else:
            self._engine.after(RESET_AGAIN_S, self._reset, end)

    def _shut(self, end: End) -> None:
        if not end.closed:
            end.closed = True
            end.queue.clear()
            if end.process.is_there:
                end.process.link_closed(end.number)

    def _watch_idle(self, number: int) -> None:
        end = self._ends[number]
        if end.closed or not end.process.is_there:
            return
        deadline = end.heard_at + end.process.node.options.stream_idle_s
        if deadline <= self._engine.now:
            self.close(end)
        else:
            self._engine.at(deadline, _look, ref(self), number)


def _look(pipe: ref[Pipe], number: int) -> None:
    """Look whether an end is idle, and keep no stream that has ended, nor the processes that had it."""
    there = pipe()
    if there is not None:
        there._watch_idle(number)
