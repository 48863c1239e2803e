"""All links of a replica, and the exchanges on them: whom to ask, what to answer, one join at a time."""

from __future__ import annotations

import math
import random
from collections import deque

from ..crdt.vector_clock import NO_TAG, VectorClock
from ..crdt.writes import Delta, each
from ..errors import Malformed
from ..options import Options
from ..wire.codec import encode_message
from ..wire.messages import Abort, DeltaEnd, DeltaPart, Known, RosterPart
from .absence import Absence
from .anti_entropy import AntiEntropy
from .effects import Address, Close, Connect, Effect, Forked, LinkId, Synced, Wake
from .exchange import NOTHING_TOLD, WHOLE_PAIRS_MAX, Answer, Asked, Link, Told, known_message, whole_vector
from .ledger import Ledger
from .membership import Member, Membership

JOIN_AT_ONCE_KEYS = 512
JOIN_SLICE_KEYS = 256
PULL_BYTES_MAX = 64 << 10
CONNECT_AGAIN_S = 1.0
AUDIT_AGAIN_S = 30.0
HALTED_S = 5.0
"""A question whose answer has not moved for so long holds up no other."""


class Exchanges:
    """The links, by number, and what is under way on them."""

    def __init__(
        self,
        ledger: Ledger,
        membership: Membership,
        wants: AntiEntropy,
        absence: Absence,
        effects: list[Effect],
        options: Options,
        rng: random.Random,
    ) -> None:
        self.links: dict[LinkId, Link] = {}
        self.joined_deltas = 0
        self.refused_deltas = 0
        self.divergences = 0
        self._ledger = ledger
        self._membership = membership
        self._wants = wants
        self._absence = absence
        self._effects = effects
        self._options = options
        self._rng = rng
        self._number = 0
        """Of the exchange that we began last.  (A plain number: the simulator copies a whole replica.)"""
        self._joins: deque[tuple[bytes, Delta]] = deque()
        self._joining_for: bytes = b""
        self._connecting: dict[Address, float] = {}
        self.audits: set[int] = set()

    # -- links ----------------------------------------------------------------------------------

    def connect(self, to: Address | None, now: float) -> bool:
        """Open a stream to `to`, unless there is one or that is under way; return whether it was asked for now.

        Whoever is meant, one stream to an address is enough: it may be another's by now, as after a restart.
        """
        if to is None or self._connecting.get(to, now) > now:
            return False
        if any(link.outgoing and link.address == to for link in self.links.values()):
            return False
        self._connecting[to] = now + self._options.handshake_timeout_s
        self._effects.append(Connect(to))
        return True

    def connected(self, to: Address, now: float, worked: bool) -> None:
        """An attempt to open a stream has ended."""
        self._connecting.pop(to, None)
        if not worked:
            self._connecting[to] = now + CONNECT_AGAIN_S

    def send(self, link: Link, message: bytes) -> None:
        """Queue a message on a link, ahead of deltas and batches."""
        link.control.append(message)
        self._effects.append(Wake(link.number))

    def closed(self, number: LinkId) -> Link | None:
        """A link has gone: what was staged on it is dropped, and changes nothing."""
        link = self.links.pop(number, None)
        if link is not None and link.boot is not None:
            member = self._membership.members.get(link.boot)
            if member is not None and member.link == number:
                others = [other.number for other in self.links.values() if other.boot == link.boot]
                member.link = others[0] if others else None
        return link

    def link_of(self, member: Member) -> Link | None:
        """Return the link to use for `member`, if there is one."""
        return self.links.get(member.link) if member.link is not None else None

    # -- asking ---------------------------------------------------------------------------------

    def asking(self, now: float) -> int:
        """Return how many of our questions are under way, those left out whose answer has come to a halt."""
        asked = [link.asked for link in self.links.values() if link.asked is not None]
        return sum(now - question.heard_at < HALTED_S for question in asked) + len(self._joins)

    def begin(self, member: Member, now: float) -> bool:
        """Exchange with `member`: open a stream if there is none.  Return whether it has begun."""
        link = self.link_of(member)
        if link is None:
            self.connect(member.stream_address, now)
            return False
        # While a delta is being joined, our vector lies: what it brings would be asked for again.
        if link.busy or self.waiting() or self.asking(now) >= self._room():
            return False
        member.asked_at = now
        self.ask(link, member, now, reply=False)
        return True

    def _room(self) -> int:
        """How many may be asked at once: only one by who knows nothing yet, since all would answer the same."""
        heads = self._ledger.state.known.heads.keys() - {self._ledger.origin}
        return self._options.exchanges_max if heads else 1

    def _catching_up_with(self, member: Member, now: float) -> bool:
        """Whether what `member` knows is on its way already, on another link, or about to be joined."""
        return self.waiting() or any(
            link.asked is not None
            and now - link.asked.heard_at < HALTED_S
            and (link.boot == member.boot or self._room() == 1)
            for link in self.links.values()
        )

    def ask(self, link: Link, member: Member, now: float, *, reply: bool) -> None:
        """Send our vector, to be answered with a delta."""
        vector = self._ledger.vector()
        base = link.sent.vector if link.sent.number else member.sent_base
        link.asked = Asked(self._next_number(), vector, heard_at=now)
        link.sent = Told(link.asked.number, vector)
        if len(vector) > WHOLE_PAIRS_MAX:
            member.sent_base = vector
        self.send(link, encode_message(known_message(link.asked.number, vector, base, reply)))

    def audit(self, member: Member, now: float) -> None:
        """Equal vectors, different states: ask for everything, to put again what differs."""
        link = self.link_of(member)
        if link is None:
            self.connect(member.stream_address, now)
        elif not link.busy and now - member.audited_at > AUDIT_AGAIN_S:
            member.audited_at = now
            self.divergences += 1
            link.asked = Asked(self._next_number(), VectorClock(), heard_at=now)
            self.audits.add(link.asked.number)
            link.sent = Told(link.asked.number, link.asked.since)
            self.send(link, encode_message(Known(link.asked.number, link.asked.since, None, True)))

    # -- answering ------------------------------------------------------------------------------

    def known(self, link: Link, member: Member, message: Known, now: float, wall_ms: int) -> None:
        """They told what they know: answer with what they lack, and ask in turn."""
        base = link.heard.vector if link.heard.number else member.heard_base
        vector = whole_vector(message, base)
        if vector is None:
            self.send(link, encode_message(Abort(message.exchange, send_whole=True)))
            return
        if link.answer is not None:
            raise Malformed("a second question before the first was answered")
        if len(vector) > self._options.origins_max:
            raise Malformed(f"a vector of {len(vector)} origins, where {self._options.origins_max} are allowed")
        link.heard = Told(message.exchange, vector)
        if len(vector) > WHOLE_PAIRS_MAX:
            member.heard_base = vector
        answering = sum(other.answer is not None for other in self.links.values())
        if not message.reply and answering >= self._options.exchanges_max:
            self.send(link, encode_message(Abort(message.exchange)))
            return
        self.look_for_forks(vector, wall_ms)
        if link.asked is None and not self._catching_up_with(member, now):
            self.ask(link, member, now, reply=True)
        delta = self._ledger.snapshot_delta(vector)
        link.answer = Answer(delta, message.exchange, link.sent)
        if link.cursor is not None and self._ledger.origin is not None:
            link.cursor = max(link.cursor, delta.known.sequence(self._ledger.origin))
        self._effects.append(Wake(link.number))

    def look_for_forks(self, vector: VectorClock, wall_ms: int) -> None:
        """Hold what a peer claims to know against what we know of the same origins."""
        ledger = self._ledger
        own, known = ledger.origin, ledger.state.known
        for origin, sequence in vector.heads.items():
            tag = vector.tags.get(origin)
            if origin == own:
                ours = ledger.our_tag(sequence)
                if sequence > ledger.head() or (ours is not None and tag is not None and ours != tag):
                    self.forked(origin, wall_ms)
            elif (
                tag is not None
                and known.sequence(origin) == sequence
                and known.tags.get(origin, NO_TAG) not in (NO_TAG, tag)  # who took over from a dead process may lack it
            ):
                ledger.adopt(origin, wall_ms)
                self._effects.append(Forked(origin, ours=False))

    def forked(self, origin: bytes, wall_ms: int) -> None:
        """Somebody else writes under our origin."""
        self._ledger.remint(wall_ms)
        self._effects.append(Forked(origin, ours=True))

    # -- staging and joining --------------------------------------------------------------------

    def staged(
        self, link: Link, member: Member, message: DeltaPart | RosterPart | DeltaEnd, size_bytes: int, now: float
    ) -> None:
        """A piece of the answer to our question; with the last, it may be joined."""
        asked = link.asked
        if asked is None or asked.number != message.exchange:
            return  # an answer to a question that was given up
        if isinstance(message, DeltaEnd):
            link.asked = None
            self._effects.append(Wake(link.number))  # batches may have waited for this
            theirs = link.heard if message.told else NOTHING_TOLD
            if theirs.number != message.told:  # it builds on a vector that we could not make out: ask again
                self._wants.want(member.boot, now)
                return
            delta = asked.delta(message, theirs.vector)
            if asked.number in self.audits:
                self._compare(asked.number, delta)
            else:
                self._joins.append((member.boot, delta))
        else:
            asked.heard_at = now
            asked.part(message, size_bytes, self._options.delta_bytes_max)

    def _compare(self, number: int, theirs: Delta) -> None:
        self.audits.discard(number)
        ledger = self._ledger
        differing = []
        for key, held in list(ledger.state.live.items()):
            sent = {write.dot: write for write in each(theirs.siblings.get(key))}
            for write in each(held):
                if theirs.known.knows(write.dot) and sent.get(write.dot) != write:
                    differing.append((key, write))
        ledger.rewrite(differing, ledger.clock.latest >> 16)

    def aborted(self, link: Link, member: Member, message: Abort, now: float) -> None:
        """They are busy, or hold no base of ours."""
        if link.asked is None or link.asked.number != message.exchange:
            return
        link.asked = None
        self._effects.append(Wake(link.number))
        if message.send_whole:
            link.sent, member.sent_base = NOTHING_TOLD, None
            self.ask(link, member, now, reply=False)
        else:
            self._wants.want(member.boot, now + self._rng.uniform(0.05, 0.3))

    def waiting(self) -> bool:
        """Whether a join waits or is under way."""
        return bool(self._joins) or self._ledger.joining is not None

    def work(self, now: float, wall_ms: int) -> bool:
        """Do a slice of the join that waits; return whether there is more to do."""
        ledger = self._ledger
        if ledger.joining is None:
            if not self._joins:
                return False
            boot, delta = self._joins.popleft()
            if not ledger.begin_join(delta):
                self.refused_deltas += 1
                self._wants.want(boot, now)
                return bool(self._joins)
            self._joining_for = boot
            small = len(delta.siblings) <= JOIN_AT_ONCE_KEYS and delta.roster is None
            if small:
                while not ledger.prepare_join(JOIN_SLICE_KEYS):
                    pass
                self._finish(now, wall_ms)
            return True
        if ledger.prepare_join(JOIN_SLICE_KEYS):
            self._finish(now, wall_ms)
        return True

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _finish(self, now: float, wall_ms: int) -> None:
        ledger = self._ledger
        ledger.finish_join(wall_ms)
        self.joined_deltas += 1
        self._absence.end(now)
        member = self._membership.members.get(self._joining_for)
        if member is not None:
            member.synced_at = now
        for origin in list(self._wants.gaps):
            self._wants.filled(origin, ledger.state.known.sequence(origin))
        self._effects.append(Synced(self._joining_for))

    # -- what a link sends ----------------------------------------------------------------------

    def pull(self, link: Link) -> list[bytes]:
        """Return what the link shall send next, some 64 KiB at most; nothing when it may rest."""
        if link.control:
            messages = list(link.control)
            link.control.clear()
            return messages
        if link.answer is not None:
            message = link.answer.next_message()
            if link.answer.ended:
                link.answer = None
            return [message]
        if link.cursor is None or self._ledger.outbox is None or self._about_to_exchange(link):
            return []
        return self._pull_batches(link)

    def _about_to_exchange(self, link: Link) -> bool:
        """Whether a delta will soon bring, cheaper, what batches would."""
        return not link.heard.number and (link.asked is not None or link.boot in self._wants.wanted)

    def _pull_batches(self, link: Link) -> list[bytes]:
        ledger, outbox = self._ledger, self._ledger.outbox
        assert outbox is not None
        assert link.cursor is not None
        with ledger.lock:
            found = outbox.after(link.cursor, PULL_BYTES_MAX)
            if found == [] and len(outbox.open):
                outbox.close_into(ledger.state.known)
                found = outbox.after(link.cursor, PULL_BYTES_MAX)
        if found is None:  # fell off the ring
            if not link.busy and link.boot in self._membership.members:
                self.ask(link, self._membership.members[link.boot], -math.inf, reply=False)
                return self.pull(link)
            return []
        if found:
            link.cursor = found[-1].until
        return [encoded.data for encoded in found]

    def close(self, link: Link, reason: str) -> None:
        """End a link."""
        self._effects.append(Close(link.number, reason))
