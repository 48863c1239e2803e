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
from collections import Counter, deque
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..crdt.writes import Key
from ..errors import Malformed
from ..options import Options
from ..wire.codec import decode_batch, decode_message, encode_message
from ..wire.messages import (
    Abort,
    Beacon,
    DeltaEnd,
    DeltaPart,
    EncodedBatch,
    Goodbye,
    Introduce,
    Known,
    Message,
    Peers,
    Ping,
    PingRequest,
    Pong,
    Repair,
    RosterPart,
    Settled,
    SettledQuery,
)
from .absence import Absence
from .anti_entropy import AntiEntropy
from .effects import (
    Address,
    ClockSkew,
    Confirmed,
    Effect,
    Joined,
    Left,
    LinkId,
    Multicast,
    Presence,
    Unicast,
    Wake,
)
from .exchange import Link
from .exchanges import Exchanges
from .hints import Hints
from .ledger import Ledger, Observer, Outcome
from .membership import Member, Membership
from .repairs import Repairs
from .timers import Timers

BEACON_BYTES = 250
_COUNTED = {outcome: f"batches {outcome.value}" for outcome in Outcome}
SOON_S = 0.5
"""An answer that took longer says little about the other's clock."""
APPLIED_MAX = 16
"""Batches applied last, whole: each of them is likely to come again in the next datagrams."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a replica is, by the names that never change while it runs."""

    peer: bytes
    boot: bytes
    name: str
    stream_port: int = 0
    unicast_port: int = 0


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
    ) -> None:
        self.identity = identity
        self.options = options
        self.rng = rng
        self.effects: list[Effect] = []
        self.counts: Counter[str] = Counter()
        self.ledger = ledger or Ledger(options, rng, lock, observer)
        self.ledger.alone = True
        self.membership = Membership(options, rng)
        self.absence = Absence(self.ledger, self.effects, options)
        self.wants = AntiEntropy(options, rng)
        self.exchanges = Exchanges(self.ledger, self.membership, self.wants, self.absence, self.effects, options, rng)
        self.repairs = Repairs(self.ledger, self.membership, self.wants, self.exchanges, self.absence, self.effects)
        self.multicast = multicast
        self.multicasts = 0
        self.started_at = now
        self.hints = Hints(options, rng)
        self.leaving = False
        self.questions: dict[tuple[bytes, int], float] = {}
        self._asked_of_us: list[tuple[bytes, bytes, int]] = []
        self._applied: deque[bytes] = deque(maxlen=APPLIED_MAX)
        self._pings: dict[int, tuple[bytes, float, int]] = {}
        self._relayed: dict[int, tuple[bytes, int]] = {}
        self.timers = Timers(self, now)

    # -- local ----------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Say hello."""
        self.started_at = now
        self._multicast(self._introduction(reply_wanted=True))

    def hint(self, address: Address, now: float, *, static: bool = False) -> None:
        """A peer may listen for streams at `address`: try it soon, and if `static`, again and again."""
        delay_s = 0.0 if static or not self.multicast else self.rng.uniform(0.2, 0.4)
        self.hints.add(address, now, delay_s, static=static)
        self.timers.soon(now)

    def flush(self, now: float) -> None:
        """Send what was written: by multicast while the budget lasts, by streams beyond."""
        outbox, ledger = self.ledger.outbox, self.ledger
        if outbox is None:
            return
        if not self.membership.members:
            with ledger.lock:
                outbox.skip_multicast()
            return
        if ledger.leapt:
            ledger.leapt = False
            self.multicast_beacon(now)
        if self.multicast and not outbox.pushing:
            while (datagram := self.next_datagram(now)) is not None:
                self.effects.append(Multicast(datagram))
        with ledger.lock:
            start = None
            if not (outbox.pushing or outbox.idle) and (not self.multicast or outbox.overloaded()):
                start = outbox.start_pushing()
        if start is not None:
            self._start_pushing(start, now)
        for link in self.exchanges.links.values():
            if link.cursor is not None:
                self.effects.append(Wake(link.number))
        self.stop_pushing(now)

    def next_datagram(self, now: float) -> tuple[bytes, ...] | None:
        """Return the next datagram of our own writes, if it may be sent.  Thread-safe."""
        ledger, outbox = self.ledger, self.ledger.outbox
        if outbox is None or not self.multicast:
            return None
        with ledger.lock:
            datagram = outbox.next_datagram(now, ledger.state.known)
        if datagram is not None:
            self.multicasts += 1
        return datagram

    def _start_pushing(self, start: int, now: float) -> None:
        alive = self.membership.alive()
        if len(alive) > self.options.push_peers_max:
            alive = self.rng.sample(alive, math.ceil(math.log2(len(alive))) + 1)
        for member in alive:
            link = self.exchanges.link_of(member)
            if link is None:
                self.exchanges.connect(member.stream_address, now)
            elif link.cursor is None:
                link.cursor = start

    def stop_pushing(self, now: float) -> None:
        """Go back to multicast once every stream has carried all there is."""
        outbox = self.ledger.outbox
        if outbox is None or not outbox.pushing:
            return
        behind = [link for link in self.exchanges.links.values() if link.cursor is not None]
        waiting = [m for m in self.membership.alive() if m.link is None and m.stream_address]
        with self.ledger.lock:
            head = outbox.closed_until
            if len(outbox.open) or any(link.cursor != head for link in behind) or (waiting and not behind):
                return
            outbox.pushing = False
            outbox.skip_multicast()
        for link in behind:
            member = self.membership.members.get(link.boot or b"")
            if member is None or member.hears_by_multicast(now):
                link.cursor = None

    def ask_settled(self, origin: bytes, sequence: int, now: float) -> None:
        """Ask every member to confirm that it knows this write, until all have or `forget_question`."""
        self.questions[origin, sequence] = now

    def forget_question(self, origin: bytes, sequence: int) -> None:
        """Stop asking."""
        self.questions.pop((origin, sequence), None)

    def unsettled(self, origin: bytes, sequence: int) -> list[Member]:
        """Return the living members that have not confirmed this write."""
        return [m for m in self.membership.alive() if m.confirmed.get(origin, 0) < sequence]

    def leave(self, now: float) -> None:
        """Say goodbye, by every way."""
        self.leaving = True
        goodbye = Goodbye(self.ledger.origin, self.ledger.head())
        self._multicast(goodbye)
        data = encode_message(goodbye)
        for member in self.membership.alive():
            link = self.exchanges.link_of(member)
            if link is not None:
                self.exchanges.send(link, data)
            elif member.address is not None:
                self.effects.append(Unicast((data,), member.address))

    # -- what is heard --------------------------------------------------------------------------

    def hear(
        self, boot: bytes, address: Address, multicast: bool, messages: list[bytes], now: float, wall_ms: int
    ) -> None:
        """A datagram of `boot` has come: authentic, but perhaps late, doubled or replayed."""
        if boot == self.identity.boot:
            return
        member, new = self.membership.heard(boot, address, multicast, now)
        if new:
            self._meet(member, now, wall_ms)
        for data in messages:
            if data in self._applied:  # spare room repeats what was sent before: most of it is known
                self.counts["batches old"] += 1
                continue
            message = self._decoded(data)
            if message is not None:
                try:
                    self._heard(member, message, None, multicast, now, wall_ms)
                except Malformed:
                    self.counts["malformed messages"] += 1

    def link_opened(self, number: LinkId, peer: bytes, address: Address, outgoing: bool, now: float) -> None:
        """A stream to `peer` is open; the first message each way is an introduction."""
        link = Link(number, peer, address, outgoing, opened_at=now)
        self.exchanges.links[number] = link
        if outgoing:
            self.exchanges.connected(address, now, True)
        self.exchanges.send(link, encode_message(self._introduction(reply_wanted=False)))

    def connect_failed(self, address: Address, now: float) -> None:
        """A stream could not be opened."""
        self.exchanges.connected(address, now, False)

    def link_heard(self, number: LinkId, data: bytes, now: float, wall_ms: int) -> None:
        """A message has come on a link.  Raise Malformed if the link must be closed for it."""
        link = self.exchanges.links.get(number)
        if link is None:
            return
        message = decode_message(data)
        if message is None:
            self.counts["unknown messages"] += 1
            return
        if link.boot is None:
            if not isinstance(message, Introduce) or message.peer != link.peer or not message.boot:
                raise Malformed("a stream that does not begin with the introduction of the peer it belongs to")
            self._link_introduced(link, message, now, wall_ms)
            return
        member, new = self.membership.heard(link.boot, None, False, now)
        if new:
            self._meet(member, now, wall_ms)
        self._heard(member, message, link, False, now, wall_ms, len(data))

    def link_closed(self, number: LinkId, now: float) -> None:
        """A stream has ended, whatever the reason."""
        self.exchanges.closed(number)
        self.timers.soon(now)

    def pull(self, number: LinkId) -> list[bytes]:
        """Return the next messages for a link; an empty list while there are none."""
        link = self.exchanges.links.get(number)
        return [] if link is None else self.exchanges.pull(link)

    def tick(self, now: float, wall_ms: int) -> float:
        """Do what is due; return when to call again at the latest."""
        return self.timers.tick(now, wall_ms)

    def work(self, now: float, wall_ms: int) -> bool:
        """Do one short slice of what takes long; return whether there is more."""
        return self.exchanges.work(now, wall_ms)

    def attention(self, now: float) -> bool:
        """Whether `tick` or `work` should be called at once."""
        return self.timers.due(now) or self.exchanges.waiting()

    # -- members --------------------------------------------------------------------------------

    def _link_introduced(self, link: Link, message: Introduce, now: float, wall_ms: int) -> None:
        if message.boot == self.identity.boot:
            if link.outgoing:
                self.hints.ours(link.address)
            self.exchanges.close(link, "a stream to ourselves")
            return
        link.boot = message.boot
        known = message.boot in self.membership.members
        member, new = self.membership.heard(message.boot, None, False, now)
        if link.outgoing:
            self.hints.met(link.address)
        if not known or member.address is None:
            member.address = link.address[0], message.unicast_port
            member.multicast_at = -math.inf
        self.membership.introduced(member, message)
        if member.link is None:
            member.link = link.number
        if new:
            self._meet(member, now, wall_ms)
        self._announce(member, now, wall_ms)
        self.ping(member, link, now, wall_ms)
        outbox = self.ledger.outbox
        if not member.hears_by_multicast(now):
            self.stream_to(member, link)
        elif outbox is not None and outbox.pushing:
            link.cursor = member.confirmed.get(outbox.origin, 0)
        if self.membership.members[member.boot].synced_at < now - 1.0:
            self.wants.want(member.boot, now)
            self.timers.soon(now)

    def _meet(self, member: Member, now: float, wall_ms: int) -> None:
        """A stranger, or one back from the dead: get to know it, and catch up with it."""
        if self.ledger.alone:
            self.ledger.meet()
        if member.left_at:
            self.hints.again(now)
        if not self.leaving:
            self._send(member, self._introduction(reply_wanted=not member.introduced))
        if member.introduced:
            self._announce(member, now, wall_ms)
        if now - self.started_at < self.options.settle_s or member.announced:
            self.wants.want(member.boot, now + self.rng.uniform(0, 0.01))
        self.timers.soon(now)

    def _announce(self, member: Member, now: float, wall_ms: int) -> None:
        if not member.announced and member.introduced and member.alive:
            for older in self.membership.members.values():
                if older is not member and older.peer == member.peer and older.alive:
                    self.gone(older, Presence.LEFT, now)
            member.announced = True
            self.effects.append(Joined(member.boot))
            self._tell_of(member)
            self.ping(member, None, now, wall_ms)

    def gone(self, member: Member, presence: Presence, now: float) -> None:
        """It said goodbye, or nobody reaches it."""
        self.membership.gone(member, presence, now)
        if not self.membership.alive():
            self.absence.begin(member.heard_at)
        if member.announced:
            member.announced = False
            self.effects.append(Left(member.boot, presence))
        if member.stream_address is not None and presence is Presence.FAILED:
            self.hints.add(member.stream_address, now, self.options.retry_peers_s)

    def stream_to(self, member: Member, link: Link) -> None:
        """Multicast does not work between us: it gets everything by this stream, and is told who else is there."""
        link.cursor = member.confirmed.get(self.ledger.origin or b"", 0)
        self._tell_peers(link, member)

    def _tell_of(self, member: Member) -> None:
        """Those who cannot hear by multicast that somebody joined are told where to find it."""
        if member.stream_address is not None:
            news = encode_message(Peers(((member.boot, *member.stream_address),)))
            for link in self.exchanges.links.values():
                if link.cursor is not None and link.boot not in (None, member.boot):
                    self.exchanges.send(link, news)

    def _tell_peers(self, link: Link, member: Member) -> None:
        known = [
            (other.boot, *other.stream_address)
            for other in self.membership.alive()
            if other is not member and other.stream_address is not None
        ]
        if known:
            self.exchanges.send(link, encode_message(Peers(tuple(known[:256]))))

    def ping(self, member: Member, link: Link | None, now: float, wall_ms: int) -> None:
        """Ask for a sign of life; on a link, also for the time."""
        nonce = self.rng.getrandbits(63)
        self._pings[nonce] = member.boot, now, wall_ms
        while len(self._pings) > 1024:
            del self._pings[next(iter(self._pings))]
        message = Ping(nonce, member.boot)
        if link is not None:
            self.exchanges.send(link, encode_message(message))
        else:
            self._send(member, message)

    # -- messages -------------------------------------------------------------------------------

    def _decoded(self, data: bytes) -> Message | None:
        try:
            message = decode_message(data)
        except Malformed:
            self.counts["malformed messages"] += 1
            return None
        if message is None:
            self.counts["unknown messages"] += 1
        return message

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
            case Beacon():
                self._beacon(member, message, multicast, now, wall_ms)
            case Introduce():
                self.membership.introduced(member, message)
                self._announce(member, now, wall_ms)
                if message.reply_wanted and not self.leaving:
                    self._send(member, self._introduction(reply_wanted=False), self.beacon())
            case Goodbye():
                self.gone(member, Presence.LEFT, now)
            case Repair():
                self.repairs.requested(member, message, now)
            case Ping():
                if message.target == self.identity.boot:
                    self._answer(member, link, Pong(message.nonce, wall_ms))
            case Pong():
                self._pong(member, message, link, now, wall_ms)
            case PingRequest():
                self._relay_ping(member, message, now, wall_ms)
            case Peers():
                for boot, host, port in message.addresses:
                    if boot not in self.membership.members and boot != self.identity.boot and port:
                        self.hint((host, port), now)
            case SettledQuery():
                self._asked_of_us.append((member.boot, message.origin, message.sequence))
                self.answer_settled()
            case Settled():
                self._confirmed(member, message.origin, message.sequence)
            case _ if link is None:
                self.counts["messages for streams in datagrams"] += 1
            case Known():
                self.exchanges.known(link, member, message, now, wall_ms)
            case DeltaPart() | RosterPart() | DeltaEnd():
                self.exchanges.staged(link, member, message, size_bytes, now)
            case Abort():
                self.exchanges.aborted(link, member, message, now)

    def _batch(self, member: Member, message: EncodedBatch, now: float, wall_ms: int) -> None:
        origin = message.origin
        if origin == self.ledger.origin:
            if message.until > self.ledger.head() or self.ledger.our_tag(message.until) not in (None, message.tag):
                self.exchanges.forked(origin, wall_ms)
            return
        if self.ledger.state.known.sequence(origin) >= message.until:
            self.counts["batches old"] += 1
            return
        member.origins.add(origin)
        batch = decode_batch(message)
        outcome = self.ledger.receive(batch, len(message.data), wall_ms)
        self.counts[_COUNTED[outcome]] += 1
        if outcome is Outcome.HELD:
            self.repairs.held(batch, now)
            self.timers.soon(now)
        elif outcome is Outcome.APPLIED:
            self._applied.append(message.data)
            member.wrote_at = now
            head = self.ledger.state.known.sequence(origin)
            member.head = max(member.head, head) if member.origin == origin else member.head
            if self.wants.gaps:
                self.wants.filled(origin, head)
            if self._asked_of_us:
                self.answer_settled()

    def _beacon(self, member: Member, beacon: Beacon, multicast: bool, now: float, wall_ms: int) -> None:
        self.membership.beacon(member, beacon, multicast, now)
        member.deaf_to_us = self.identity.boot in beacon.deaf_to
        if beacon.origin is not None and beacon.origin == self.ledger.origin:
            self.exchanges.forked(beacon.origin, wall_ms)
        if not member.introduced:
            self._send(member, self._introduction(reply_wanted=True))
        agreed_head = self.repairs.compare(member, beacon, now)
        if agreed_head is None:
            self.timers.soon(now)
        else:
            self.confirm_all(member, agreed_head)

    def _pong(self, member: Member, message: Pong, link: Link | None, now: float, wall_ms: int) -> None:
        relayed = self._relayed.pop(message.nonce, None)
        if relayed is not None:
            asker = self.membership.members.get(relayed[0])
            if asker is not None:
                self._send(asker, Pong(relayed[1], 0))
            return
        asked = self._pings.pop(message.nonce, None)
        if asked is None:
            return
        boot, sent_at, sent_wall_ms = asked
        target = self.membership.members.get(boot)
        if target is not None and target is not member:
            if self.membership.heard(boot, None, False, now)[1]:  # others reach it, so it lives
                self._meet(target, now, wall_ms)
        elif target is not None and message.wall_ms and now - sent_at < SOON_S:
            offset_ms = message.wall_ms - (sent_wall_ms + wall_ms) // 2
            self.membership.measured(target, offset_ms)
            if abs(offset_ms) > self.options.clock_skew_s * 1000:
                self.effects.append(ClockSkew(boot, offset_ms))

    def _relay_ping(self, member: Member, message: PingRequest, now: float, wall_ms: int) -> None:
        target = self.membership.members.get(message.target)
        nonce = self.rng.getrandbits(63)
        self._relayed[nonce] = member.boot, message.nonce
        while len(self._relayed) > 1024:
            del self._relayed[next(iter(self._relayed))]
        ping = Ping(nonce, message.target)
        if target is not None:
            self._send(target, ping)
        else:
            self.effects.append(Unicast((encode_message(ping),), (message.host, message.port)))

    def answer_settled(self) -> None:
        """Answer those who wait for us to know a write, now that we do."""
        known = self.ledger.state.known
        waiting = []
        for boot, origin, sequence in self._asked_of_us[-4096:]:
            member = self.membership.members.get(boot)
            if known.sequence(origin) < sequence:
                waiting.append((boot, origin, sequence))
            elif member is not None:
                self._send(member, Settled(origin, sequence))
        self._asked_of_us = waiting

    def _confirmed(self, member: Member, origin: bytes, sequence: int) -> None:
        if member.confirmed.get(origin, 0) < sequence:
            member.confirmed[origin] = sequence
            self.effects.append(Confirmed(member.boot, origin, sequence))

    def confirm_all(self, member: Member, head: int) -> None:
        """Its vector equalled ours when our own head was `head`: it knows what we knew then."""
        known, origin = self.ledger.state.known, self.ledger.origin
        if origin is not None:
            self._confirmed(member, origin, head)
            link = self.exchanges.link_of(member)
            if link is not None and link.cursor is not None:
                link.cursor = max(link.cursor, head)
        for asked, wanted in self.questions:
            if asked != origin and known.sequence(asked) >= wanted:
                self._confirmed(member, asked, wanted)

    # -- sending --------------------------------------------------------------------------------

    def _introduction(self, *, reply_wanted: bool) -> Introduce:
        me = self.identity
        return Introduce(
            me.peer,
            self.ledger.origin,
            me.name,
            me.stream_port,
            reply_wanted,
            unicast_port=me.unicast_port,
            boot=me.boot,
        )

    def beacon(self, now: float | None = None) -> Beacon:
        """Return what we announce: who we are and a digest of what we know."""
        vector_digest, state_digest, head = self.ledger.digests()
        deaf = () if now is None else tuple(m.boot for m in self.membership.alive() if not m.audible(now))[:16]
        return Beacon(
            self.identity.peer,
            self.identity.stream_port,
            self.ledger.origin,
            head,
            vector_digest,
            state_digest,
            self.multicasts,
            deaf,
            False,
            int(self.interval_s() * 1000),
        )

    def interval_s(self) -> float:
        """Return the mean time between beacons: scaled, as RTCP's (RFC 3550), so that N of them keep to 5 %."""
        share = 0.05 * self.options.bandwidth_bits_per_s
        count = 1 + len(self.membership.alive())
        return max(self.options.beacon_interval_s, count * BEACON_BYTES * 8 / share)

    def _multicast(self, *messages: Message) -> None:
        if self.multicast:
            self.multicasts += 1
            self.effects.append(Multicast(tuple(map(encode_message, messages))))

    def multicast_beacon(self, now: float) -> None:
        """Announce ourselves to all, and apart to those whom multicast does not reach."""
        if self.multicast:
            self.multicasts += 1
        beacon = encode_message(self.beacon(now))
        if self.multicast:
            self.effects.append(Multicast((beacon,)))
        for member in self.membership.deaf(now):
            self.send_encoded(member, (beacon,))

    def _answer(self, member: Member, link: Link | None, message: Message) -> None:
        if link is not None:
            self.exchanges.send(link, encode_message(message))
        else:
            self._send(member, message)

    def _send(self, member: Member, *messages: Message) -> None:
        self.send_encoded(member, tuple(map(encode_message, messages)))

    def send_encoded(self, member: Member, messages: tuple[bytes, ...]) -> None:
        """Send to one member: by its link if it has one and multicast is poor, else by datagram."""
        link = self.exchanges.link_of(member)
        if member.address is not None and member.address[1] and (link is None or link.cursor is None):
            self.effects.append(Unicast(messages, member.address))
        elif link is not None:
            for message in messages:
                self.exchanges.send(link, message)

    def catching_up(self, now: float) -> list[Member]:
        """Return the peers met while we started with whom no exchange has ended yet."""
        if now < self.started_at + self.options.settle_s and not self.membership.members:
            return []
        vector_digest = self.ledger.digests()[0]
        return [
            m
            for m in self.membership.alive()
            if m.first_heard_at <= self.started_at + self.options.settle_s
            and m.synced_at == -math.inf
            and m.vector_digest != vector_digest
        ]

    def forget(self, keys: list[Key]) -> None:
        """Drop the records of the deletes of `keys`: safe at any time."""
        self.ledger.forget_deletes(keys)
