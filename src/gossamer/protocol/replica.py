"""One replica: hears messages, writes and the passage of time, and says what to do about them.

Sans-IO: `now` (monotonic seconds) and `wall_ms` (milliseconds since 1970) are given with
each call, randomness comes from a seeded source, and what must be done stands in
`effects`.  All but the ledger belongs to one thread.

Multicast is an accelerator, never a dependency: everything that it loses, an exchange
repairs.  Nothing but a joined delta or an applied batch ever raises the vector.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..crdt.writes import Batch
from ..errors import Malformed
from ..options import Options
from ..wire.codec import decode_batch, decode_message, encode_message
from ..wire.messages import (
    Abort,
    Ask,
    Beacon,
    Call,
    Cancel,
    DeltaEnd,
    DeltaPart,
    EncodedBatch,
    Events,
    EventsRepair,
    Goodbye,
    Grant,
    Introduce,
    Known,
    Level,
    Message,
    Peers,
    Ping,
    PingRequest,
    Pong,
    Repair,
    Reply,
    RosterPart,
    Settled,
    SettledQuery,
    Taken,
    Talk,
    Vote,
    VoteRequest,
    VoteReturn,
)
from .absence import Absence
from .anti_entropy import AntiEntropy
from .beacons import Beacons, Identity
from .calls import Calls
from .courier import Courier
from .dissemination import Dissemination
from .effects import Address, Effect, LinkId, Presence
from .emissions import Emissions
from .exchange import Link
from .exchanges import Exchanges
from .hints import Hints
from .inlets import Inlets
from .introductions import Introductions
from .ledger import Ledger, Observer, Outcome
from .membership import Member, Membership
from .outlets import Outlets
from .post import Post
from .probes import Probes
from .repairs import Repairs
from .serving import Serving
from .settling import Settling
from .timers import Timers
from .voting import Voting

__all__ = ["Identity", "Replica"]

APPLIED_MAX = 64
"""Batches applied last, whole: each of them is likely to come again in the next datagrams of its sender."""
HINT_DELAY_S = (0.2, 0.4)
"""What a hint waits where there is multicast, which is likely to find the same peer first."""
_COUNTED = {outcome: f"batches {outcome.value}" for outcome in Outcome}


class Replica:
    """One peer's copy of the state, and the protocol that keeps it equal to the others."""

    def __init__(
        self,
        identity: Identity,
        options: Options,
        rng: random.Random,
        *,
        lock: AbstractContextManager[object],
        observer: Observer,
        now: float,
        multicast: bool = True,
        ledger: Ledger | None = None,
        decode: Callable[[bytes], Message | None] = decode_message,
        decode_batch: Callable[[EncodedBatch], Batch] = decode_batch,
    ) -> None:
        """Decoding may remember what it decoded: where many replicas share a process, all hear the same bytes."""
        self.identity = identity
        self.options = options
        self.rng = rng
        self.started_at = now
        self.effects: list[Effect] = []
        self.counts: Counter[str] = Counter()
        effects = self.effects
        self.ledger = ledger = ledger or Ledger(options, rng, lock, observer)
        ledger.alone = True
        self.membership = membership = Membership(options, rng)
        self.absence = Absence(ledger, effects, options)
        self.wants = AntiEntropy(options, rng)
        self.hints = Hints(options, rng)
        self.exchanges = exchanges = Exchanges(ledger, membership, self.wants, self.absence, effects, options, rng)
        self.repairs = Repairs(ledger, membership, self.wants, exchanges, self.absence, effects)
        self.post = post = Post(exchanges, effects, multicast)
        self.emissions = emissions = Emissions(
            identity.boot, ledger, membership, exchanges, post, effects, options, rng
        )
        self.beacons = Beacons(identity, ledger, membership, post, emissions, options)
        self.probes = Probes(membership, exchanges, post, effects, options, rng)
        self.settling = Settling(ledger, membership, exchanges, post, effects)
        self.dissemination = Dissemination(ledger, membership, exchanges, post, effects, options, rng)
        self.voting = Voting(identity, ledger, membership, post, rng, now)
        self.introductions = Introductions(self)
        self.timers = Timers(self, now)
        self.courier = courier = Courier(identity, membership, exchanges, self.timers.soon)
        self.calls, self.serving = Calls(courier, effects), Serving(courier, effects)
        self.inlets, self.outlets = Inlets(courier, effects), Outlets(courier, effects)
        self._decode, self._decode_batch = decode, decode_batch
        self._applied: dict[bytes, None] = {}

    # -- local ----------------------------------------------------------------------------------

    @property
    def multicast(self) -> bool:
        """Whether there is a network that carries multicast, as far as this host can tell."""
        return self.post.has_multicast

    @multicast.setter
    def multicast(self, has_multicast: bool) -> None:
        self.post.has_multicast = has_multicast

    def start(self, now: float) -> None:
        """Say hello."""
        self.started_at = now
        self.post.to_all(self.beacons.introduction(reply_wanted=True))

    def hint(self, address: Address, now: float, *, static: bool = False) -> None:
        """A peer may listen for streams at `address`: try it soon, and if `static`, again and again."""
        delay_s = 0.0 if static or not self.multicast else self.rng.uniform(*HINT_DELAY_S)
        self.hints.add(address, now, delay_s, static=static)
        self.timers.soon(now)

    def flush(self, now: float) -> None:
        """Send what was written: by multicast while the budget lasts, by streams beyond."""
        if not self.membership.members:
            self.dissemination.skip()
            return
        if self.ledger.leapt:
            self.ledger.leapt = False
            self.beacons.send(now)
        self.dissemination.flush(now)

    def next_datagram(self, now: float) -> tuple[bytes, ...] | None:
        """Return the next datagram of our own writes, if it may be sent.  Thread-safe."""
        return self.dissemination.next_datagram(now)

    def ask_settled(self, origin: bytes, sequence: int, now: float) -> None:
        """Ask every member to confirm that it knows this write, until all have or `forget_question`."""
        self.settling.ask(origin, sequence, now)
        self.timers.soon(now)

    def forget_question(self, origin: bytes, sequence: int) -> None:
        """Stop asking."""
        self.settling.forget(origin, sequence)

    def unsettled(self, origin: bytes, sequence: int) -> list[Member]:
        """Return the living members that have not confirmed this write."""
        return self.settling.unsettled(origin, sequence)

    def catching_up(self, now: float) -> list[Member]:
        """Return the peers met while we started with whom no exchange has ended yet."""
        settled_at = self.started_at + self.options.settle_s
        if now < settled_at and not self.membership.members:
            return []
        vector_digest = self.ledger.digests()[0]
        return [
            m
            for m in self.membership.alive()
            if m.first_heard_at <= settled_at and m.synced_at == -math.inf and m.vector_digest != vector_digest
        ]

    def ask_heard(self, now: float, wall_ms: int) -> dict[int, Member]:
        """Ask whom we talked to by streams to answer there, which comes after they have heard all that we said.

        Before a goodbye: what arrives after that, nobody takes notice of.
        """
        links = self.exchanges.link_of
        return {self.probes.ping(m, links(m), now, wall_ms): m for m in self.courier.talked_to()}

    def unheard(self, asked: dict[int, Member]) -> bool:
        """Whether one of these is there and has not answered."""
        return any(self.probes.is_open(nonce) and m.alive and m.link is not None for nonce, m in asked.items())

    def leave(self, now: float) -> None:
        """Say goodbye, by every way."""
        self.introductions.leave()

    # -- what is heard --------------------------------------------------------------------------

    def hear(
        self, boot: bytes, address: Address, multicast: bool, messages: list[bytes], now: float, wall_ms: int
    ) -> None:
        """A datagram of `boot` has come: authentic, but perhaps late, doubled or replayed."""
        if boot == self.identity.boot:
            return
        member, new = self.membership.heard(boot, address, multicast, now)
        if new:
            self.introductions.meet(member, now, wall_ms)
        for data in messages:
            if data in self._applied:  # spare room repeats what was sent before: most of it is known
                self.counts["batches old"] += 1
                continue
            if data in self.emissions.had:
                self.counts["events old"] += 1
                continue
            try:
                message = self._decode(data)
                if message is None:
                    self.counts["unknown messages"] += 1
                    continue
                self._heard(member, message, None, multicast, now, wall_ms)
                if type(message) is Events:
                    self.emissions.note(message, data)
            except Malformed:
                self.counts["malformed messages"] += 1

    def link_opened(self, number: LinkId, peer: bytes, address: Address, outgoing: bool, now: float) -> None:
        """A stream to `peer` is open; the first message each way is an introduction."""
        link = Link(number, peer, address, outgoing)
        self.exchanges.links[number] = link
        if outgoing:
            self.exchanges.connected(address, now, True)
        self.exchanges.send(link, encode_message(self.beacons.introduction(reply_wanted=False)))

    def connect_failed(self, address: Address, now: float) -> None:
        """A stream could not be opened."""
        self.exchanges.connected(address, now, False)
        self.courier.unreachable(address, now)

    def link_heard(self, number: LinkId, data: bytes, now: float, wall_ms: int) -> None:
        """A message has come on a link.  Raise Malformed if the link must be closed for it."""
        link = self.exchanges.links.get(number)
        if link is None:
            return
        message = decode_message(data)
        if message is None:
            self.counts["unknown messages"] += 1
        elif link.boot is not None:
            member, new = self.membership.heard(link.boot, None, False, now)
            if new:
                self.introductions.meet(member, now, wall_ms)
            self._heard(member, message, link, False, now, wall_ms, len(data))
        elif isinstance(message, Introduce) and message.peer == link.peer and message.boot:
            self.introductions.introduced_on(link, message, now, wall_ms)
        else:
            raise Malformed("a stream that does not begin with the introduction of the peer it belongs to")

    def link_closed(self, number: LinkId, now: float) -> None:
        """A stream has ended, whatever the reason."""
        link = self.exchanges.links.get(number)
        member = None if link is None else self.membership.members.get(link.boot or b"")
        was_in_use = member is not None and member.link == number
        self.exchanges.closed(number)
        if link is not None and was_in_use:
            self.courier.unlinked(link, now)
        self.timers.soon(now)

    def pull(self, number: LinkId) -> list[bytes]:
        """Return the next messages for a link; an empty list while there are none."""
        link = self.exchanges.links.get(number)
        return [] if link is None else self.exchanges.pull(link) or self.emissions.pull(link)

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: float, wall_ms: int) -> float:
        """Do what is due; return when to call again at the latest."""
        return self.timers.tick(now, wall_ms)

    def work(self, now: float, wall_ms: int) -> bool:
        """Do one short slice of what takes long; return whether there is more."""
        more = self.exchanges.work(now, wall_ms)
        if self.emissions.holding:
            self.emissions.release(now)
        return more

    def attention(self, now: float) -> bool:
        """Whether `tick` or `work` should be called at once."""
        return self.timers.due(now) or self.exchanges.waiting()

    # -- messages -------------------------------------------------------------------------------

    def _heard(
        self,
        member: Member,
        message: Message,
        link: Link | None,
        multicast: bool,
        now: float,
        wall_ms: int,
        size_bytes: int = 0,
    ) -> None:
        match message:
            case EncodedBatch():
                self._batch(member, message, now, wall_ms)
            case _ if member.presence is Presence.LEFT:
                self.counts["messages after a goodbye"] += 1
            case Events():  # early: a handler waits for it
                self.emissions.heard(member, message, now)
                self.timers.by(self.emissions.due, now)
            case Beacon():
                self._beacon(member, message, multicast, now, wall_ms)
            case Introduce():
                self.introductions.introduced(member, message, now, wall_ms)
            case Goodbye():
                self.introductions.gone(member, Presence.LEFT, now)
            case Peers():
                self.introductions.told(message, now)
            case Repair():
                self.repairs.requested(member, message, now)
            case Ping():
                if message.target == self.identity.boot:
                    self.post.reply(member, link, Pong(message.nonce, wall_ms))
            case PingRequest():
                self.probes.relay(member, message)
            case Pong():
                reached = self.probes.answered(member, message, now, wall_ms)
                if reached is not None and self.membership.heard(reached.boot, None, False, now)[1]:
                    self.introductions.meet(reached, now, wall_ms)
            case SettledQuery():
                self.settling.asked(member, message)
            case Settled():
                self.settling.confirmed(member, message.origin, message.sequence)
            case EventsRepair():
                self.emissions.asked(member, message)
            case VoteRequest():
                self.voting.asked(member, message, now)
            case Vote():
                self.voting.answered(member, message, now)
                self.timers.soon(now)
            case VoteReturn():
                self.voting.returned(member, message)
            case _ if link is None:
                self.counts["messages for streams in datagrams"] += 1
            case Known():
                self.exchanges.known(link, member, message, now, wall_ms)
            case DeltaPart() | RosterPart() | DeltaEnd():
                self.exchanges.staged(link, member, message, size_bytes, now)
            case Abort():
                self.exchanges.aborted(link, member, message, now)
            case Talk() | Call() | Reply() | Cancel() | Ask() | Grant() | Taken() | Level():
                self.courier.heard(link, member.boot, message, now)

    def _batch(self, member: Member, message: EncodedBatch, now: float, wall_ms: int) -> None:
        origin, ledger = message.origin, self.ledger
        if origin == ledger.origin:
            if message.until > ledger.head() or ledger.our_tag(message.until) not in (None, message.tag):
                self.exchanges.forked(origin, wall_ms)
            return
        if ledger.state.known.sequence(origin) >= message.until:
            self.counts["batches old"] += 1
            return
        member.origins.add(origin)
        batch = self._decode_batch(message)
        outcome = ledger.receive(batch, len(message.data), wall_ms)
        self.counts[_COUNTED[outcome]] += 1
        if outcome is Outcome.HELD:
            self.repairs.held(batch, now)
            self.timers.soon(now)
        elif outcome is Outcome.APPLIED:
            self._applied[message.data] = None
            if len(self._applied) > APPLIED_MAX:
                del self._applied[next(iter(self._applied))]
            member.wrote_at = now
            head = ledger.state.known.sequence(origin)
            if self.wants.gaps:
                self.wants.filled(origin, head)
            if self.settling.owes:
                self.settling.answer()
            if self.emissions.holding:
                self.emissions.release(now)

    def _beacon(self, member: Member, beacon: Beacon, multicast: bool, now: float, wall_ms: int) -> None:
        self.membership.beacon(member, beacon, multicast, now)
        member.deaf_to_us = self.identity.boot in beacon.deaf_to
        if beacon.origin is not None and beacon.origin == self.ledger.origin:
            self.exchanges.forked(beacon.origin, wall_ms)
        if not member.introduced:
            self.post.to(member, self.beacons.introduction(reply_wanted=True))
        agreed_head = self.repairs.compare(member, beacon, now)
        if agreed_head is None:
            self.timers.soon(now)
        else:
            self.settling.agreed(member, agreed_head)
