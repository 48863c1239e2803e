"""A simulated process: a replica, and what `net.driver` does for a real one, no more.

It brings the replica what is heard, performs its effects, and calls it again when it is
due.  What is not simulated is sealing: it changes no byte that a replica sees, and its
own tests show that strangers get nowhere.  Boot ids and the multicast flag, which
sealing proves, are as in a real peer.
"""

from __future__ import annotations

import copy
import math
import random
from collections import Counter
from collections.abc import Sequence
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from ..crdt.waiting import Waiting
from ..crdt.writes import Held, Key, Replaced
from ..errors import Malformed
from ..net.transport import Address
from ..protocol.effects import Close, Connect, Effect, Multicast, Notice, Unicast, Wake
from ..protocol.emissions import RawEvent
from ..protocol.ledger import Ledger, Observer, Unobserved
from ..protocol.replica import Identity, Replica
from ..wire.framing import DATAGRAM_BODY_MAX, FrameParser, body, packed

if TYPE_CHECKING:
    from .links import Datagram
    from .node import Node
    from .pipes import End, Pipe

BURST_S = 0.001
QUIET_S = 0.25
DIGEST_SLICE_KEYS = 200
SLICE_S = 0.0005
"""What one slice of a join takes: others get their turn between two."""
LOCK = RLock()
"""Nobody contends for it here; of the locks and what stands in for them, it costs least to take."""
RECEIVE_BUFFER_DATAGRAMS = 256
"""Datagrams that the kernel keeps for a process that does not read."""


class Program(Observer, Protocol):
    """What runs in a process and uses its mesh: it is told what a real one's door is told."""

    def noticed(self, notice: Notice) -> None:
        """The replica has something to tell."""

    def happened(self, events: Sequence[RawEvent]) -> None:
        """These events were emitted."""

    def lost(self, boot: bytes, count: int) -> None:
        """These were lost."""

    def turned(self) -> None:
        """The loop went round."""


class Process:
    """One run of a peer on a node."""

    def __init__(self, node: Node, unicast_address: Address) -> None:
        self.node = node
        self.unicast_address = unicast_address
        self.mirror: dict[Key, Held] = {}
        """What a watcher would hold that only heard of changes."""
        self.program: Program | None = None
        self.replica: Replica
        self.refused: Counter[str] = Counter()
        """What strangers sent, by where it was refused."""
        self._pipes: dict[int, tuple[Pipe, End]] = {}
        self._numbers = 0
        self._inbox: list[Datagram] = []
        self._turn_at = math.inf
        self._turns = 0
        self._dirty = True
        self._written = 0
        self._busy_at = 0.0

    # -- life -----------------------------------------------------------------------------------

    def start(self, identity: Identity, rng: random.Random, ledger: Ledger | None = None) -> None:
        """Begin to take part, with what `ledger` holds or with nothing."""
        node = self.node
        self.replica = Replica(
            identity,
            node.options,
            rng,
            lock=LOCK,
            observer=self,
            now=node.now,
            multicast=node.has_multicast,
            ledger=ledger,
            decode=node.links.decode,
            decode_batch=node.links.decode_batch,
        )
        self.replica.ledger.observer, self.replica.ledger.watched = self, True
        self.replica.emissions.observer = self
        self.replica.start(node.now)
        self.turn_soon()
        self._perform()

    def copied_replica(self) -> Replica:
        """Return a copy of the replica that no later step touches."""
        return copy.deepcopy(self.replica, {id(self): Unobserved(), id(LOCK): LOCK})

    def forked_ledger(self, rng: random.Random) -> Ledger:
        """Return what the child of a `fork()` keeps, as `MeshHandle` does: the state, no origin, no outbox."""
        self.replica.ledger.seal()
        ledger = copy.deepcopy(
            self.replica.ledger, {id(self): Unobserved(), id(LOCK): LOCK, id(self.replica.ledger._rng): rng}
        )
        ledger.origin = ledger.outbox = ledger.joining = None
        ledger.waiting = Waiting(self.node.options.held_batches_bytes)
        return ledger

    def start_as_copy_of(self, replica: Replica, mirror: dict[Key, Held]) -> None:
        """Go on with a copy of that memory, but with no stream: those belong to who had it first."""
        self.replica = copy.deepcopy(replica, {id(replica.ledger.observer): self, id(LOCK): LOCK})
        self.replica.ledger.observer = self
        self.replica.emissions.observer = self
        self.replica.effects.clear()
        self.mirror = dict(mirror)
        for number in list(self.replica.exchanges.links):
            self.replica.link_closed(number, self.node.now)
        self.turn_soon()

    def end(self, *, silently: bool) -> None:
        """Stop at once.  The kernel resets the streams, unless the whole computer has gone."""
        pipes, self._pipes = self._pipes, {}
        for pipe, end in pipes.values():
            if silently:
                end.closed = True
            else:
                pipe.close(end)

    def leave(self) -> None:
        """Say goodbye."""
        self.replica.leave(self.node.now)
        self._perform()

    def wake(self, *, timers_first: bool) -> None:
        """Go on after standing still; what the kernel kept is read now."""
        if timers_first:
            self._turn()
        inbox, self._inbox = self._inbox, []
        for datagram in inbox:
            self._read_datagram(datagram)
        for pipe, end in list(self._pipes.values()):
            pipe.read_on(end)
        self.turn_soon()

    @property
    def is_there(self) -> bool:
        """Whether this run still goes on, on a computer that does."""
        return self.node.process is self and self.node.host_is_up

    @property
    def is_awake(self) -> bool:
        """Whether it goes on and does not stand still."""
        return self.is_there and not self.node.is_paused

    def wrote(self) -> None:
        """Something was written: send it soon."""
        self._dirty, self._busy_at = True, self.node.engine.now
        self.turn_soon()

    # -- what the replica says ------------------------------------------------------------------

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Hear of changes as a watcher does."""
        self.node.checks.replaced(self.node, self.mirror, replaced)
        if self.program is not None:
            self.program.replaced(replaced, local)

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Hear of expired writes as a watcher does: what lapsed is not dropped yet."""
        if self.program is not None:
            self.program.lapsed(lapsed)

    def happened(self, events: Sequence[RawEvent]) -> None:
        """Hear of events as a program does."""
        self.node.happened(events)
        if self.program is not None:
            self.program.happened(events)

    def lost(self, boot: bytes, count: int) -> None:
        """Hear of lost events as a program does."""
        self.node.lost_events[boot] += count
        if self.program is not None:
            self.program.lost(boot, count)

    def _perform(self) -> None:
        effects = self.replica.effects
        while effects:
            waiting, effects[:] = effects[:], []
            for effect in waiting:
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Multicast(messages):
                self.node.links.multicast_from(self, self._datagram(messages), messages)
            case Unicast(messages, to):
                for group in packed(messages):
                    self.node.links.unicast_from(self, self._datagram(group), group, to)
            case Connect(to):
                self.node.links.connect(self, to)
            case Wake(number):
                if number in self._pipes:
                    pipe, end = self._pipes[number]
                    pipe.pump(end)
            case Close(number, _):
                if number in self._pipes:
                    pipe, end = self._pipes[number]
                    pipe.close(end)
            case _:
                self.node.told(effect)

    def _datagram(self, messages: Sequence[bytes]) -> bytes:
        data = body(messages)
        if len(data) > DATAGRAM_BODY_MAX:
            raise AssertionError(f"{self.node.name} sends a datagram of {len(data)} bytes")
        self.node.note("sends", data)
        return data

    # -- datagrams ------------------------------------------------------------------------------

    def datagram(self, datagram: Datagram) -> None:
        """A datagram has come."""
        if not self.node.is_paused:
            self._read_datagram(datagram)
        elif len(self._inbox) < RECEIVE_BUFFER_DATAGRAMS:
            self._inbox.append(datagram)

    def _read_datagram(self, datagram: Datagram) -> None:
        node, replica = self.node, self.replica
        if not (node.process is self and node.host_is_up):
            return
        elapsed_s = node.engine.now
        node.journal.note(elapsed_s, node.name, "hears", datagram.data)
        if datagram.boot == replica.identity.boot:
            if datagram.source != self.unicast_address:
                node.meets_its_twin()
            return
        now, wall_ms = elapsed_s * node.clock.rate + node.uptime_s, node.clock.wall_ms(elapsed_s)
        try:
            messages = datagram.opened()
        except Malformed:
            self._refuse("datagrams", honest=datagram.sender in node.links.nodes)
            return
        replica.hear(datagram.boot, datagram.source, datagram.multicast, messages, now, wall_ms)
        self._after_hearing(now)

    def _refuse(self, what: str, *, honest: bool) -> None:
        """Something could not be read: of a stranger it is counted, of a node it is a bug."""
        if honest:
            self.node.checks.malformed(self.node)
        self.refused[what] += 1

    def _after_hearing(self, now: float) -> None:
        if self.replica.effects:
            self._perform()
        if self.replica.attention(now):
            self.turn_soon()
        self.node.checks.step(self.node)

    # -- streams --------------------------------------------------------------------------------

    def link_opened(self, pipe: Pipe, end: End, peer: bytes, address: Address, *, outgoing: bool) -> int:
        """A stream is open; return the number it has here."""
        self._numbers += 1
        self._pipes[self._numbers] = pipe, end
        self.node.note(f"link {self._numbers} {address} {outgoing}")
        self.replica.link_opened(self._numbers, peer, address, outgoing, self.node.now)
        return self._numbers

    def connect_failed(self, to: Address) -> None:
        """A stream could not be opened."""
        self.node.note(f"no link to {to}")
        self.replica.connect_failed(to, self.node.now)
        self.turn_soon()

    def link_closed(self, number: int) -> None:
        """A stream has ended."""
        if self._pipes.pop(number, None) is not None:
            self.node.note(f"link {number} ends")
            self.replica.link_closed(number, self.node.now)
            self.turn_soon()
            self.node.checks.step(self.node)

    def pull(self, number: int) -> list[bytes]:
        """Return what a stream shall carry next."""
        messages = self.replica.pull(number)
        if self.replica.effects:
            self.turn_soon()
        return messages

    def stream_data(self, number: int, parser: FrameParser, piece: bytes) -> bool:
        """Bytes have come on a stream; return whether they were sound."""
        node = self.node
        node.note(f"link {number} hears", piece)
        try:
            for message in parser.feed(piece):
                self.replica.link_heard(number, message, node.now, node.wall_ms)
        except Malformed:
            self._refuse("streams", honest=self._pipes[number][0].is_honest)
            return False
        self._busy_at = node.engine.now
        self._after_hearing(node.now)
        return True

    # -- time -----------------------------------------------------------------------------------

    def turn_soon(self) -> None:
        """Let the loop go round as soon as it can."""
        self._turn_by(self.node.engine.now)

    def _turn_by(self, when: float) -> None:
        if when < self._turn_at:
            self._turn_at = when
            self._turns += 1
            self.node.engine.at(when, self._turn_due, self._turns)

    def _turn_due(self, turn: int) -> None:
        if turn == self._turns:
            self._turn_at = math.inf
            if self.is_awake:
                self._turn()

    def _turn(self) -> None:
        """Once round the loop of `net.driver`."""
        replica, now, wall_ms = self.replica, self.node.now, self.node.wall_ms
        due = replica.tick(now, wall_ms)
        if self._dirty:
            due = min(due, self._send(now))
        if replica.emissions.ring.attended:
            due = min(due, replica.emissions.flush(now))
        if replica.effects:
            self._perform()
        if replica.work(now, wall_ms):
            due = now + SLICE_S
        if replica.effects:
            self._perform()
        due = min(due, self._digest(now))
        self.node.checks.step(self.node)
        if self.program is not None:
            self.program.turned()
        self._turn_by(self.node.engine.now + (due - now) / self.node.clock.rate)

    def _send(self, now: float) -> float:
        """Send what was written; return when to look again."""
        replica, ledger = self.replica, self.replica.ledger
        replica.flush(now)
        outbox = ledger.outbox
        if not replica.membership.members:
            return math.inf
        if outbox is not None and not (outbox.idle or outbox.pushing):
            return max(outbox.affordable_at(now), now + BURST_S)
        if ledger.writes != self._written:
            self._written = ledger.writes
            return now + BURST_S
        self._dirty = False
        return math.inf

    def _digest(self, now: float) -> float:
        """Bring the state digest nearer to now, a slice at a time, when it is quiet; return when to go on."""
        ledger = self.replica.ledger
        if not ledger.state.digest.touched:
            return math.inf
        if self.node.engine.now - self._busy_at < QUIET_S:
            return now + QUIET_S
        return math.inf if ledger.refresh_digest(DIGEST_SLICE_KEYS) else now + SLICE_S
