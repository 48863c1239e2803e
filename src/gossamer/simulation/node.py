"""A simulated computer: the same replica as in a real peer, a wrong clock, and links."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from ..crdt.dots import Dot
from ..crdt.writes import Held, Key, Write, each
from ..net.transport import Address
from ..options import Options
from ..protocol.effects import Notice
from ..protocol.emissions import RawEvent
from ..protocol.ledger import Ledger
from ..protocol.replica import Identity, Replica
from .clock import WrongClock
from .engine import Engine
from .journal import Journal
from .process import Process

if TYPE_CHECKING:
    from .checks import Checks
    from .links import Datagram, Links

STREAM_PORT = 47474
UNICAST_PORT = 40000


@dataclass(frozen=True, slots=True)
class Memory:
    """A snapshot of a virtual machine while a peer runs in it."""

    replica: Replica
    mirror: dict[Key, Held]
    unicast_address: Address


class Node:
    """One computer, and the process of one peer on it."""

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
        parent: Node | None = None,
    ) -> None:
        self.name = name
        self.host: str = f"10.0.{number >> 8}.{number & 255}" if parent is None else parent.host
        self.stream_port = STREAM_PORT if parent is None else STREAM_PORT + number
        """Where its streams come in: only the first process of a computer gets the usual port."""
        self.engine, self.links, self.checks = engine, links, checks
        self.clock = clock
        self.options: Options = options
        self.has_multicast = multicast
        self.host_is_up = False
        self.is_paused = False
        self.process: Process | None = None
        self.notices: list[tuple[float, Notice]] = []
        """What the replica told, and when."""
        self.events: list[RawEvent] = []
        """The events that happened here, our own too, in the order in which a program hears them."""
        self.lost_events: Counter[bytes] = Counter()
        """How many events, of each boot, could not be had."""
        self.journal = journal
        self._rng = rng
        self._ports: Iterator[int] = count(UNICAST_PORT + 1) if parent is None else parent._ports
        """Of datagrams for one process alone: all processes of a computer draw from one lot."""
        self.uptime_s: float = rng.uniform(10, 1e6) if parent is None else parent.uptime_s
        self._last: Process

    # -- life -----------------------------------------------------------------------------------

    def boot(self, ledger: Ledger | None = None, mirror: dict[Key, Held] | None = None) -> Process:
        """Start a process: one that knows nothing, or that takes over what `ledger` (and who watched it) holds."""
        process = self._new_process()
        rng = self._rng
        boot = (self.wall_ms // 1000 & 0xFFFFFFFF).to_bytes(4, "big") + rng.randbytes(8)
        identity = Identity(rng.randbytes(16), boot, self.name, self.stream_port, process.unicast_address[1])
        if mirror is not None:
            process.mirror = mirror
        self.process = self._last = process
        self.lives("boots", boot)
        process.start(identity, random.Random(rng.getrandbits(64)), ledger)
        self.checks.born(self)
        return process

    def _new_process(self) -> Process:
        self.host_is_up, self.is_paused = True, False
        return Process(self, (self.host, next(self._ports)))

    def meets_its_twin(self) -> None:
        """Another computer shows our boot: take new ids, and go on with what we hold."""
        replica = self.replica
        replica.exchanges.forked(replica.ledger.origin or b"", self.wall_ms)
        for effect in replica.effects:
            if isinstance(effect, Notice):
                self.told(effect)
        self.kill()
        self.boot(replica.ledger, self.mirror)

    def begin_as_child_of(self, parent: Node) -> None:
        """Go on as the child of a `fork()`: all that the parent holds, as a new peer on the same computer."""
        self.lives(f"is forked off {parent.name}")
        self.boot(parent._last.forked_ledger(random.Random(self._rng.getrandbits(64))), dict(parent.mirror))

    def wake_as_copy_of(self, other: Node) -> None:
        """Go on as a computer that was copied while it ran: same memory, another address, no streams."""
        self.uptime_s = other.uptime_s
        self.process = self._last = process = self._new_process()
        self.lives(f"wakes as a copy of {other.name}")
        process.start_as_copy_of(other.replica, other.mirror)
        self.checks.born(self)

    def memory(self) -> Memory:
        """Return all that a snapshot of this virtual machine holds."""
        return Memory(self._last.copied_replica(), dict(self.mirror), self.unicast_address)

    def go_back_to(self, memory: Memory) -> None:
        """Go on as the virtual machine was when `memory` was taken; the world has gone on."""
        if self.process is not None:
            self.process.end(silently=True)
        self.process = self._last = process = Process(self, memory.unicast_address)
        self.host_is_up, self.is_paused = True, False
        self.lives("is rolled back to a snapshot")
        process.start_as_copy_of(memory.replica, memory.mirror)
        self.checks.born(self)

    def kill(self) -> None:
        """The process ends at once, with no goodbye; its kernel resets its streams."""
        self.lives("dies")
        process, self.process = self.process, None
        if process is not None:
            process.end(silently=False)

    def crash(self) -> None:
        """The computer loses power: nothing is said by anybody."""
        self.lives("loses power")
        process, self.process = self.process, None
        self.host_is_up = False
        if process is not None:
            process.end(silently=True)

    def pause(self) -> None:
        """Stand still: no timer runs, nothing is read."""
        self.lives("pauses")
        self.is_paused = True

    def resume(self) -> None:
        """Go on; chance decides whether timers or what the kernel kept come first."""
        self.lives("resumes")
        self.is_paused = False
        if self.process is not None:
            self.process.wake(timers_first=self._rng.random() < 0.5)

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self.process is not None

    @property
    def is_awake(self) -> bool:
        """Whether a process runs and is not paused."""
        return self.process is not None and not self.is_paused

    @property
    def replica(self) -> Replica:
        """The replica of the process that runs, or of the last one that did."""
        return self._last.replica

    @property
    def mirror(self) -> dict[Key, Held]:
        """What a watcher in that process holds."""
        return self._last.mirror

    @property
    def unicast_address(self) -> Address:
        """Where datagrams reach that process alone."""
        return self._last.unicast_address

    # -- clocks ---------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The monotonic clock: it counts from another moment on each computer, and as fast as the wall clock does."""
        return self.engine.now * self.clock.rate + self.uptime_s

    @property
    def wall_ms(self) -> int:
        """The wall clock."""
        return self.clock.wall_ms(self.engine.now)

    @property
    def corrected_ms(self) -> int:
        """The wall clock, corrected by the offsets measured to others: what decides expiry here."""
        return self.wall_ms + self.replica.timers.offset_ms()

    # -- the network ----------------------------------------------------------------------------

    def listens_at(self, address: Address) -> bool:
        """Whether a stream to this address finds somebody."""
        return self.is_up and address == (self.host, self.stream_port)

    def datagram(self, datagram: Datagram, to: Address) -> None:
        """A datagram has come to this computer; perhaps for a process that runs here no more."""
        process = self.process
        if process is not None and to == process.unicast_address:
            process.datagram(datagram)

    # -- writing --------------------------------------------------------------------------------

    def write(self, key: Key, value: bytes | None, meta: int = 0) -> None:
        """Put or delete, as a program on this computer does."""
        self.write_many([(key, value, meta)], batch=False)

    def write_many(self, items: Sequence[tuple[Key, bytes | None, int]], *, batch: bool = True) -> None:
        """Put or delete several keys at once; `batch` makes it atomic."""
        ledger = self.replica.ledger
        seen = {key: self.dots(key) for key, _, _ in items}
        if batch:
            items = [item for item in items if item[1] is not None or seen[item[0]]]
            ledger.write_many(items, self.wall_ms)
        else:
            for key, value, meta in items:
                ledger.write(key, value, self.wall_ms, meta)
        if items:
            self.wrote([(key, self.made(key, value), seen[key]) for key, value, _ in items], atomic=batch)

    def wrote(self, made: list[tuple[Key, Write, tuple[Dot, ...]]], *, atomic: bool) -> None:
        """A program on this computer has made these writes, each having seen those dots."""
        self.checks.wrote(self, made, atomic=atomic)
        self.note(f"writes {len(made)}", repr(made[0][0]).encode())
        for observer in self.links.observers:
            for key, write, _ in made:
                observer.wrote(self.engine.now, self.name, key, write.origin, write.sequence)
        if self.process is not None:
            self.process.wrote()

    def made(self, key: Key, value: bytes | None) -> Write:
        """Return the latest write of our own under `key`, which put `value` there or deleted it (None)."""
        state, origin = self.replica.ledger.state, self.replica.ledger.origin
        assert origin is not None
        if value is not None:
            return next(w for w in each(state.live[key]) if w.origin == origin)
        dot = next(dot for dot in state.deletes[key] if dot.origin == origin)
        return Write(0, origin, dot.sequence, None)

    def turn_soon(self) -> None:
        """Let the loop of the process go round."""
        if self.process is not None:
            self.process.turn_soon()

    def emit(self, name: str, payload: bytes) -> int:
        """Emit an event, as a program on this computer does; return its number."""
        emissions = self.replica.emissions
        number = emissions.emit(name, payload, self.now)
        emissions.ring.attended = True
        self.turn_soon()
        return number

    def happened(self, events: Sequence[RawEvent]) -> None:
        """A program on this computer, which listens to everything, hears of events."""
        self.events.extend(events)
        for check in self.checks.promises:
            check.happened(self, events)

    # -- telling --------------------------------------------------------------------------------

    def told(self, notice: Notice) -> None:
        """The replica told something."""
        self.notices.append((self.engine.now, notice))
        self.checks.noticed(self, notice)
        if self.process is not None and self.process.program is not None:
            self.process.program.noticed(notice)

    def lives(self, what: str, data: bytes = b"") -> None:
        """Something happens to the computer or its process."""
        self.note(what, data)
        for observer in self.links.observers:
            observer.node(self.engine.now, self.name, what)

    def note(self, what: str, data: bytes = b"") -> None:
        """Enter something into the journal."""
        self.journal.note(self.engine.now, self.name, what, data)

    def dots(self, key: Key) -> tuple[Dot, ...]:
        """Return the dots that are live under `key`."""
        return tuple(w.dot for w in each(self.replica.ledger.state.live.get(key)))

    def counts(self) -> Counter[str]:
        """What the replica counted."""
        replica = self.replica
        counts = Counter(replica.counts)
        counts["deltas joined"] = replica.exchanges.joined_deltas
        counts["deltas refused"] = replica.exchanges.refused_deltas
        counts["divergences"] = replica.exchanges.divergences
        counts["batches repaired"] = replica.repairs.repaired_batches
        counts.update(replica.emissions.counts)
        return counts
