"""Carries a replica on a network: brings it what is heard, performs what it asks, decides nothing.

One loop owns the protocol.  A program's writes never wait for it: an idle peer seals and
sends from the thread that writes, a busy one sets a flag that wakes the loop at most once
a burst.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable

import trio

from ..errors import Malformed
from ..options import Options
from ..protocol.effects import Close, Connect, Effect, Multicast, Notice, Unicast, Wake
from ..protocol.emissions import EVENTS_LATELY_S
from ..protocol.replica import Replica
from ..wire.framing import body, messages_in, packed
from ..wire.sealing import Cause, RefusedDatagram, Sealer
from .clocks import Clock
from .links import Links
from .transport import Address, Network
from .turns import Turns

logger = logging.getLogger("gossamer.net")

IDLE_S = 0.0005
"""A peer that has sent nothing for so long sends from the writing thread."""
BURST_S = 0.001
"""While a program keeps writing, the loop looks at the outbox so often without being woken."""
REFRESH_S = 3.0
TURN_BYTES = 256 << 10
"""A thread that has filled so much of batches lets the loop send them."""
FOREIGN_MAX = 256
"""Strangers that are counted, and told of, each once."""
QUIET_S = 0.25
"""After so long without a write, the state digest is brought up to date."""
DIGEST_SLICE_KEYS = 200
GOODBYE_S = 0.1
"""How long a goodbye may take to leave by streams."""


class Driver:
    """One replica on one network.  Only `wrote` and `call_soon` may be called from other threads."""

    def __init__(
        self,
        replica: Replica,
        network: Network,
        sealer: Sealer,
        options: Options,
        on_notice: Callable[[Notice], None],
        on_tick: Callable[[], None],
        on_heard: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.replica = replica
        self.network = network
        self.sealer = sealer
        self.refused: Counter[str] = Counter()
        self.foreign: Counter[tuple[str, str]] = Counter()
        """Datagrams of other meshes, by (mesh tag, host): what `doctor` shows."""
        self.closing = False
        self._options = options
        self._monotonic, self._wall_ms = clock.monotonic, clock.wall_ms
        self._on_notice = on_notice
        self._on_tick = on_tick
        self._on_heard = on_heard
        self.hearing = False
        """Whether what was received is being applied: `on_heard` follows, so nobody need be woken for it."""
        self.links = Links(replica, network, options.message_bytes_max, self.refused, self.perform, clock)
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._turns: Turns | None = None
        self._turn_bytes = 0
        self._twin_met = False
        self._woken = trio.Event()
        self._direct = False
        self._sent_at = 0.0
        self._written = 0
        replica.ledger.attended = True

    # -- from any thread ------------------------------------------------------------------------

    def wrote(self) -> None:
        """Something was written: send it now if we are idle, else let the loop send it soon.

        While the loop attends to the outbox by itself, this need be called only when a batch was closed.
        """
        ledger = self.replica.ledger
        if ledger.attended:
            closed_bytes = 0 if ledger.outbox is None else ledger.outbox.closed_bytes
            if not 0 <= closed_bytes - self._turn_bytes < TURN_BYTES:  # below 0: another outbox, after a fork
                self._turn_bytes = closed_bytes
                if self._turns is not None:
                    self._turns.give()
            return
        now = self._monotonic()
        if self._direct and now - self._sent_at > IDLE_S:
            self._sent_at = now
            messages = self.replica.next_datagram(now)
            if messages is not None:
                self.network.multicast(self.sealer.seal(body(messages)))
                outbox = ledger.outbox
                if outbox is None or outbox.idle:
                    return
        ledger.attended = True
        self.call_soon(self._on_wrote)

    def emitted(self) -> None:
        """An event was emitted: send it now if we are idle, else let the loop send it soon."""
        ring = self.replica.emissions.ring
        if ring.attended:
            return
        now = self._monotonic()
        outbox = self.replica.ledger.outbox
        if self._direct and now - self._sent_at > IDLE_S and (outbox is None or outbox.idle):
            self._sent_at = now
            messages = self.replica.emissions.next_datagram(now)
            if messages is not None:
                self.network.multicast(self.sealer.seal(body(messages)))
                if ring.idle:
                    return
        ring.attended = True
        self.call_soon(self._on_wrote)

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Run `fn` in the loop soon; do nothing if the loop has ended."""
        token = self._token
        if token is not None:
            try:
                token.run_sync_soon(fn)
            except trio.RunFinishedError:
                self._token = None

    def abandon(self) -> None:
        """In a forked child: the loop and its sockets belong to the parent."""
        self.network.abandon()
        self._token = self._turns = None
        self._direct = False
        self.replica.ledger.attended = True  # so that a write does not try to send

    def _on_wrote(self) -> None:
        self._woken.set()

    # -- the loop ---------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live, until cancelled."""
        self._token = trio.lowlevel.current_trio_token()
        self._turns = Turns()
        trio.lowlevel.add_instrument(self._turns)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self.replica.start(self._monotonic())
                self._perform()
                nursery.start_soon(self.network.receive, self._on_datagram)
                nursery.start_soon(self.network.listen, self.links.accept)
                nursery.start_soon(self._refresh)
                task_status.started()
                await self._keep_time()
        finally:
            trio.lowlevel.remove_instrument(self._turns)
            self._nursery = self._turns = None
            self._direct = False
            self.links.abort_all()

    async def _keep_time(self) -> None:
        replica = self.replica
        while True:
            now = self._monotonic()
            due = replica.tick(now, self._wall_ms())
            if replica.ledger.attended:
                due = min(due, self._send(now))
            if replica.emissions.ring.attended:
                due = min(due, replica.emissions.flush(now))
            self._perform()
            while replica.work(self._monotonic(), self._wall_ms()):
                self._perform()
                await trio.lowlevel.checkpoint()
            self._perform()
            self._direct = self._is_direct(now)
            self._on_tick()
            if await self._sleep(due):
                await self._digest()

    def _send(self, now: float) -> float:
        """Send what was written; return when to look again.

        While writes keep coming we keep looking, and they need not wake us.  Alone, there is
        nothing to send, and whoever appears is sent a delta.
        """
        replica, ledger = self.replica, self.replica.ledger
        before = ledger.writes
        replica.flush(now)
        self._sent_at = now
        if not replica.membership.members and not self.closing:
            return math.inf
        outbox = ledger.outbox
        if outbox is not None and not (outbox.idle or outbox.pushing):
            return max(outbox.affordable_at(now), now + BURST_S)
        if before != self._written:
            self._written = before
            return now + BURST_S
        ledger.attended = False
        if ledger.writes != before:  # between our look and the flag: nobody will wake us for it
            ledger.attended = True
            return now
        return math.inf

    def _is_direct(self, now: float) -> bool:
        alive = self.replica.membership.alive()
        return bool(alive) and self.replica.multicast and all(m.hears_by_multicast(now) for m in alive)

    async def _sleep(self, due: float) -> bool:
        """Wait until `due` or until woken; return whether it was quiet for long enough to look after the digest."""
        wait_s = max(0.0, due - self._monotonic())
        quiet = wait_s > QUIET_S and bool(self.replica.ledger.state.digest.touched)
        with trio.move_on_after(QUIET_S if quiet else wait_s):
            await self._woken.wait()
        if self._woken.is_set():
            self._woken = trio.Event()
            return False
        return quiet

    async def _digest(self) -> None:
        """Bring the state digest up to date, in slices, while nothing else happens."""
        writes = self.replica.ledger.writes
        while not self._woken.is_set() and self.replica.ledger.writes == writes:
            if self.replica.ledger.refresh_digest(DIGEST_SLICE_KEYS):
                return
            await trio.lowlevel.checkpoint()

    async def _refresh(self) -> None:
        while True:
            await trio.sleep(REFRESH_S)
            if await self.network.refresh():
                self.replica.multicast = self.network.has_multicast
                self.replica.start(self._monotonic())
                self._perform()

    # -- datagrams ------------------------------------------------------------------------------

    def _on_datagram(self, datagram: bytes, source: Address, multicast: bool) -> None:
        try:
            opened = self.sealer.open(datagram)
        except RefusedDatagram as refused:
            self._refuse(refused.cause, datagram, source)
            return
        if opened.twin:
            self.refused["under our own boot: this machine was cloned"] += 1
            if not self._twin_met:
                self._twin_met = True  # once is enough: whoever runs us begins anew
                self.replica.exchanges.forked(self.replica.ledger.origin or b"", self._wall_ms())
                self._perform()
            return
        if not opened.fresh:
            self.refused["replayed or doubled"] += 1
            return
        try:
            messages = messages_in(opened.body)
        except Malformed:
            self.refused["malformed"] += 1
            return
        now = self._monotonic()
        self.hearing = True
        self.replica.hear(opened.boot, source, multicast, messages, now, self._wall_ms())
        self.hearing = False
        self._on_heard()
        self._perform()
        if self.replica.attention(now):
            self._woken.set()

    def _refuse(self, cause: Cause, datagram: bytes, source: Address) -> None:
        self.refused[cause.name.lower().replace("_", " ")] += 1
        if cause is not Cause.FOREIGN_MESH:
            return
        tag = self.sealer.foreign(datagram)
        stranger = (tag.hex() if tag else "", source[0])
        if stranger not in self.foreign:
            if len(self.foreign) >= FOREIGN_MAX:
                return
            logger.info(
                "a peer of another mesh or with another secret is at %s (tag %s): to meet it, give both the "
                "same name and secret",
                *reversed(stranger),
            )
        self.foreign[stranger] += 1

    # -- effects --------------------------------------------------------------------------------

    def perform(self) -> None:
        """Do what the replica asks, after something was asked of it directly."""
        self._perform()
        self._woken.set()

    def _perform(self) -> None:
        effects = self.replica.effects
        while effects:
            waiting, effects[:] = effects[:], []
            for effect in waiting:
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Multicast(messages):
                self.network.multicast(self.sealer.seal(body(messages)))
            case Unicast(messages, to):
                for group in packed(messages):
                    self.network.unicast(self.sealer.seal(body(group)), to)
            case Connect(to):
                if self._nursery is not None and not self.closing:
                    self._nursery.start_soon(self.links.connect, to)
            case Wake(number):
                self.links.wake(number)
            case Close(number, reason):
                self.links.close(number, reason)
            case _:
                self._on_notice(effect)

    # -- the end --------------------------------------------------------------------------------

    async def close(self, linger_s: float) -> bool:
        """Send what was written, wait until a peer confirms it, and say goodbye.  False if nobody confirmed."""
        self.closing = True
        self.replica.ledger.attended = True
        self._woken.set()
        confirmed = await self._is_confirmed(linger_s)
        await self._events_had(linger_s)
        await self._talk_heard(linger_s)
        self.replica.leave(self._monotonic())
        self._perform()
        with trio.move_on_after(min(GOODBYE_S, linger_s)):
            await _until(lambda: not any(link.control for link in self.replica.exchanges.links.values()))
        return confirmed

    async def _is_confirmed(self, linger_s: float) -> bool:
        """Wait until one peer knows all that we wrote; there must be one."""
        replica = self.replica
        alive = replica.membership.alive
        origin, head = replica.ledger.origin, replica.ledger.head()
        if origin is None or not alive():
            return True
        replica.ask_settled(origin, head, self._monotonic())
        with trio.move_on_after(linger_s) as patience:
            await _until(lambda: not alive() or any(m.confirmed.get(origin, 0) >= head for m in alive()))
        replica.forget_question(origin, head)
        return not patience.cancelled_caught

    async def _events_had(self, linger_s: float) -> None:
        """Wait until everybody has had what was emitted lately: nobody else can repeat it."""
        emissions = self.replica.emissions
        now, latest = self._monotonic(), emissions.latest()
        if latest is None or now - latest[1] > EVENTS_LATELY_S:
            return
        emissions.flush(now)
        question = emissions.question(latest[0])
        emissions.ask_confirmed(question, now)
        self.perform()
        with trio.move_on_after(linger_s):
            await _until(lambda: not emissions.unconfirmed(question))
        emissions.forget_question(question)

    async def _talk_heard(self, linger_s: float) -> None:
        """Wait until what calls and channels said is heard: that we consumed a message, or what a call returns."""
        asked = self.replica.ask_heard(self._monotonic(), self._wall_ms())
        self.perform()
        with trio.move_on_after(linger_s):
            await _until(lambda: not self.replica.unheard(asked))


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing announces; only at the end, where a few wake-ups more do not matter."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.002)
