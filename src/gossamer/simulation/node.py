"""A simulated computer: the same replica as in a real peer, a wrong clock, and links.

It does what `net.driver` does and nothing more: it brings the replica what is heard,
performs its effects, and calls it again when it is due.  What is not simulated is
sealing: it changes no byte that a replica sees, and its own tests show that strangers
get nowhere.  Boot ids and the multicast flag, which sealing proves, are as in a real peer.
"""

from __future__ import annotations

import copy
import math
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ..crdt.dots import Dot
from ..crdt.writes import Held, Key, Replaced, Write, each
from ..errors import Malformed
from ..net.transport import Address
from ..options import Options
from ..protocol.effects import Close, Connect, Effect, Multicast, Notice, Unicast, Wake
from ..protocol.replica import Identity, Replica
from ..wire.framing import DATAGRAM_BODY_MAX, FrameParser, body, messages_in, packed
from .clock import WrongClock
from .engine import Engine
from .journal import Journal

if TYPE_CHECKING:
    from .checks import Checks
    from .links import Links
    from .pipes import End, Pipe

STREAM_PORT = 47474
BURST_S = 0.001
QUIET_S = 0.25
DIGEST_SLICE_KEYS = 200
SLICE_S = 0.0005
"""What one slice of a join takes: others get their turn between two."""
RECEIVE_BUFFER_DATAGRAMS = 256
"""Datagrams that the kernel keeps for a process that does not read."""


class Node:
    """One computer with one peer on it."""

    def __init__(
        self,
        name: str,
        number: int,
        *,
        engine: Engine,
        links: Links,
        journal: Journal,
        checks: Checks,
        rng: random.Random,
        clock: WrongClock,
        options: Options,
        multicast: bool,
    ) -> None:
        self.name = name
        self.host = f"10.0.{number >> 8}.{number & 255}"
        self.clock = clock
        self.options = options
        self.has_multicast = multicast
        self.boot_number = 0
        self.host_is_up = False
        self.is_up = False
        """Whether the process runs."""
        self.is_paused = False
        self.notices: list[tuple[float, Notice]] = []
        """What the replica told, and when."""
        self.malformed = 0
        self._engine, self._links, self._journal, self._checks, self._rng = engine, links, journal, checks, rng
        self._uptime_s = rng.uniform(10, 1e6)
        self._pipes: dict[int, tuple[Pipe, End]] = {}
        self._numbers = 0
        self._turn_at = math.inf
        self._turns = 0
        self._dirty = True
        self._written = 0
        self._busy_at = 0.0
        self._inbox: list[tuple[bytes, Address, Address, bool, bytes]] = []
        self.replica: Replica
        self.mirror: dict[Key, Held] = {}
        """What a watcher would hold that only heard of changes."""

    # -- life -----------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start a process that knows nothing."""
        self.boot_number += 1
        self.unicast_address = self.host, 40000 + self.boot_number
        rng = self._rng
        identity = Identity(
            rng.randbytes(16),
            (self.wall_ms // 1000 & 0xFFFFFFFF).to_bytes(4, "big") + rng.randbytes(8),
            self.name,
            STREAM_PORT,
            self.unicast_address[1],
        )
        self._live(identity, None)

    def reboot_as_stranger(self) -> None:
        """A twin shows our boot: take new ids, and go on with what we hold."""
        old = self.replica
        old.exchanges.forked(old.ledger.origin or b"", self.wall_ms)
        self._perform()
        self._drop_pipes()
        self.boot_number += 1
        self.unicast_address = self.host, 40000 + self.boot_number
        rng = self._rng
        identity = Identity(rng.randbytes(16), rng.randbytes(12), self.name, STREAM_PORT, self.unicast_address[1])
        self._live(identity, old)

    def _live(self, identity: Identity, before: Replica | None) -> None:
        self.host_is_up = self.is_up = True
        self.is_paused = False
        self._inbox.clear()
        if before is None:
            self.mirror = {}
        self.replica = Replica(
            identity,
            self.options,
            random.Random(self._rng.getrandbits(64)),
            lock=nullcontext(),
            observer=self,
            now=self.now,
            multicast=self.has_multicast,
            ledger=before.ledger if before else None,
        )
        self.replica.ledger.watched = True
        self._dirty, self._written = True, 0
        self._checks.born(self)
        self._journal.note(self._engine.now, self.name, "boots", identity.boot)
        self.replica.start(self.now)
        self.turn_soon()
        self._perform()

    def wake_as_copy_of(self, other: Node) -> None:
        """Go on as a computer that was copied while it ran: same memory, another address, no streams."""
        self.boot_number, self.host_is_up, self.is_up = 1, True, True
        self.unicast_address = self.host, other.unicast_address[1]
        self._uptime_s = other._uptime_s
        memory = {id(other): self, id(self._engine): self._engine}
        self.replica = copy.deepcopy(other.replica, memory)
        self.replica.effects.clear()
        self.mirror = dict(other.mirror)
        self._checks.born(self)
        self._journal.note(self._engine.now, self.name, f"wakes as a copy of {other.name}")
        for number in list(self.replica.exchanges.links):
            self.replica.link_closed(number, self.now)
        self.turn_soon()

    def leave(self) -> None:
        """Say goodbye."""
        self.replica.leave(self.now)
        self._perform()

    def die(self, *, host_too: bool = False) -> None:
        """Stop at once, with no goodbye.  If only the process dies, its kernel resets its streams."""
        self.is_up = False
        self.host_is_up = not host_too
        self._journal.note(self._engine.now, self.name, "dies")
        self._drop_pipes(silently=host_too)
        self._inbox.clear()

    def _drop_pipes(self, *, silently: bool = False) -> None:
        pipes, self._pipes = self._pipes, {}
        for pipe, end in pipes.values():
            if silently:
                end.closed = True
            else:
                pipe.close(end)

    def pause(self) -> None:
        """Stand still: no timer runs, nothing is read."""
        self.is_paused = True
        self._journal.note(self._engine.now, self.name, "pauses")

    def resume(self) -> None:
        """Go on; what the kernel kept is read now, in an order that chance decides."""
        self.is_paused = False
        self._journal.note(self._engine.now, self.name, "resumes")
        timers_first = self._rng.random() < 0.5
        if timers_first:
            self._turn()
        inbox, self._inbox = self._inbox, []
        for datagram in inbox:
            self._read_datagram(*datagram)
        for pipe, end in list(self._pipes.values()):
            pipe.read_on(end)
        self.turn_soon()

    @property
    def is_awake(self) -> bool:
        """Whether the process runs and is not paused."""
        return self.is_up and not self.is_paused

    @property
    def peer(self) -> bytes:
        """The peer id that the process proves on streams."""
        return self.replica.identity.peer

    @property
    def now(self) -> float:
        """The monotonic clock, which counts from another moment on each computer."""
        return self._engine.now + self._uptime_s

    @property
    def wall_ms(self) -> int:
        """The wall clock."""
        return self.clock.wall_ms(self._engine.now)

    # -- writing --------------------------------------------------------------------------------

    def write(self, key: Key, value: bytes | None, meta: int = 0) -> None:
        """Put or delete, as a program on this computer does."""
        self.write_many([(key, value, meta)], batch=False)

    def write_many(self, items: Sequence[tuple[Key, bytes | None, int]], *, batch: bool = True) -> None:
        """Put or delete several keys at once; `batch` makes it atomic."""
        ledger = self.replica.ledger
        seen = {key: tuple(w.dot for w in each(ledger.state.live.get(key))) for key, _, _ in items}
        if batch:
            items = [item for item in items if item[1] is not None or seen[item[0]]]
            ledger.write_many(items, self.wall_ms)
        else:
            for key, value, meta in items:
                ledger.write(key, value, self.wall_ms, meta)
        if items:
            self._checks.wrote(
                self, [(key, self._made(key, value), seen[key]) for key, value, _ in items], atomic=batch
            )
            self._journal.note(self._engine.now, self.name, f"writes {len(items)}", repr(items[0][0]).encode())
            self._dirty, self._busy_at = True, self._engine.now
            self.turn_soon()

    def _made(self, key: Key, value: bytes | None) -> Write:
        state, origin = self.replica.ledger.state, self.replica.ledger.origin
        if value is not None:
            held = state.live[key]
            return held if isinstance(held, Write) else next(w for w in held if w.origin == origin)
        assert origin is not None
        dot = next(dot for dot in state.deletes[key] if dot.origin == origin)
        return Write(0, origin, dot.sequence, None)

    # -- what the replica says ------------------------------------------------------------------

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Hear of changes as a watcher does."""
        self._checks.replaced(self, replaced)

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Hear of expired writes as a watcher does."""

    def _perform(self) -> None:
        effects = self.replica.effects
        while effects:
            waiting, effects[:] = effects[:], []
            for effect in waiting:
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        boot = self.replica.identity.boot
        match effect:
            case Multicast(messages):
                data = self._datagram(messages)
                self._links.multicast_from(self, boot, data, messages)
            case Unicast(messages, to):
                for group in packed(messages):
                    self._links.unicast_from(self, boot, self._datagram(group), group, to)
            case Connect(to):
                self._links.connect(self, to)
            case Wake(number):
                if number in self._pipes:
                    pipe, end = self._pipes[number]
                    pipe.pump(end)
            case Close(number, _):
                if number in self._pipes:
                    pipe, end = self._pipes[number]
                    pipe.close(end)
            case _:
                self.notices.append((self._engine.now, effect))
                self._checks.noticed(self, effect)

    def _datagram(self, messages: Sequence[bytes]) -> bytes:
        data = body(messages)
        if len(data) > DATAGRAM_BODY_MAX:
            raise AssertionError(f"{self.name} sends a datagram of {len(data)} bytes")
        self._journal.note(self._engine.now, self.name, "sends", data)
        return data

    # -- what comes -----------------------------------------------------------------------------

    def listens_at(self, address: Address) -> bool:
        """Whether a stream to this address finds somebody."""
        return self.is_up and address == (self.host, STREAM_PORT)

    def datagram(self, boot: bytes, source: Address, to: Address, multicast: bool, data: bytes) -> None:
        """A datagram has come to this computer."""
        if not self.is_up:
            return
        if self.is_paused:
            if len(self._inbox) < RECEIVE_BUFFER_DATAGRAMS:
                self._inbox.append((boot, source, to, multicast, data))
            return
        self._read_datagram(boot, source, to, multicast, data)

    def _read_datagram(self, boot: bytes, source: Address, to: Address, multicast: bool, data: bytes) -> None:
        if to != self.unicast_address:
            return  # for a process that ran here before
        self._journal.note(self._engine.now, self.name, "hears", data)
        if boot == self.replica.identity.boot:
            if source != self.unicast_address:
                self.reboot_as_stranger()
            return
        self.replica.hear(boot, source, multicast, messages_in(data), self.now, self.wall_ms)
        self._perform()
        if self.replica.attention(self.now):
            self.turn_soon()
        self._checks.step(self)

    def link_opened(self, pipe: Pipe, end: End, peer: bytes, address: Address, *, outgoing: bool) -> int:
        """A stream is open; return the number it has here."""
        self._numbers += 1
        self._pipes[self._numbers] = pipe, end
        self._journal.note(self._engine.now, self.name, f"link {self._numbers} {address} {outgoing}")
        self.replica.link_opened(self._numbers, peer, address, outgoing, self.now)
        return self._numbers

    def connect_failed(self, to: Address) -> None:
        """A stream could not be opened."""
        self._journal.note(self._engine.now, self.name, f"no link to {to}")
        self.replica.connect_failed(to, self.now)
        self.turn_soon()

    def link_closed(self, number: int) -> None:
        """A stream has ended."""
        if self._pipes.pop(number, None) is not None:
            self._journal.note(self._engine.now, self.name, f"link {number} ends")
            self.replica.link_closed(number, self.now)
            self.turn_soon()
            self._checks.step(self)

    def pull(self, number: int) -> list[bytes]:
        """Return what a stream shall carry next."""
        messages = self.replica.pull(number)
        if self.replica.effects:
            self.turn_soon()
        return messages

    def stream_data(self, number: int, parser: FrameParser, piece: bytes) -> bool:
        """Bytes have come on a stream; return whether they were sound."""
        self._journal.note(self._engine.now, self.name, f"link {number} hears", piece)
        try:
            for message in parser.feed(piece):
                self.replica.link_heard(number, message, self.now, self.wall_ms)
        except Malformed:
            self.malformed += 1
            self._checks.malformed(self)
            return False
        self._busy_at = self._engine.now
        self._perform()
        if self.replica.attention(self.now):
            self.turn_soon()
        self._checks.step(self)
        return True

    # -- time -----------------------------------------------------------------------------------

    def turn_soon(self) -> None:
        """Let the loop go round as soon as it can."""
        self._turn_by(self._engine.now)

    def _turn_by(self, when: float) -> None:
        if when < self._turn_at:
            self._turn_at = when
            self._turns += 1
            self._engine.at(when, self._turn_due, self._turns, self.boot_number)

    def _turn_due(self, turn: int, boot_number: int) -> None:
        if turn == self._turns:
            self._turn_at = math.inf
            if boot_number == self.boot_number and self.is_awake:
                self._turn()
            elif self.is_awake:
                self.turn_soon()

    def _turn(self) -> None:
        """Once round the loop of `net.driver`."""
        replica, now = self.replica, self.now
        due = replica.tick(now, self.wall_ms)
        if self._dirty:
            due = min(due, self._send(now))
        self._perform()
        if replica.work(now, self.wall_ms):
            due = now + SLICE_S
        self._perform()
        due = min(due, self._digest(now))
        self._checks.step(self)
        self._turn_by(self._engine.now + (due - now))

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
        if self._engine.now - self._busy_at < QUIET_S:
            return now + QUIET_S
        return math.inf if ledger.refresh_digest(DIGEST_SLICE_KEYS) else now + SLICE_S

    # -- reading --------------------------------------------------------------------------------

    @property
    def corrected_ms(self) -> int:
        """The wall clock, corrected by the offsets measured to others: what decides expiry here."""
        return self.wall_ms + self.replica.timers.offset_ms()

    def counts(self) -> Counter[str]:
        """What the replica counted."""
        exchanges = self.replica.exchanges
        counts = Counter(self.replica.counts)
        counts["deltas joined"], counts["deltas refused"] = exchanges.joined_deltas, exchanges.refused_deltas
        counts["divergences"] = exchanges.divergences
        counts["batches repaired"] = self.replica.repairs.repaired_batches
        return counts

    def dots(self, key: Key) -> tuple[Dot, ...]:
        """Return the dots that are live under `key`."""
        return tuple(w.dot for w in each(self.replica.ledger.state.live.get(key)))
