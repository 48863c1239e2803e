"""Own writes to everyone: by multicast while it can carry them, by streams when it cannot.

Multicast is cheap and forgetful; what it loses, others repair.  A burst beyond a few
datagrams, a value larger than one, or a network without multicast goes by *pushing*:
each stream pulls the next closed batch when its peer takes it, so a slow peer costs no
memory of its own and delays nobody.  Members that multicast does not reach are always
pushed to.
"""

from __future__ import annotations

import math
import random

from ..options import Options
from .effects import Effect, Multicast, Wake
from .exchange import Link
from .exchanges import Exchanges
from .ledger import Ledger
from .membership import Member, Membership
from .post import Post


class Dissemination:
    """Decides which way own writes go."""

    __slots__ = ("_effects", "_exchanges", "_ledger", "_membership", "_options", "_post", "_rng")

    def __init__(
        self,
        ledger: Ledger,
        membership: Membership,
        exchanges: Exchanges,
        post: Post,
        effects: list[Effect],
        options: Options,
        rng: random.Random,
    ) -> None:
        self._ledger, self._membership, self._exchanges = ledger, membership, exchanges
        self._post, self._effects, self._options, self._rng = post, effects, options, rng

    def flush(self, now: float) -> None:
        """Send what was written: by multicast while the budget lasts, by streams beyond."""
        outbox, ledger = self._ledger.outbox, self._ledger
        if outbox is None:
            return
        while (datagram := self.next_datagram(now)) is not None:
            self._effects.append(Multicast(datagram))
        start = None
        with ledger.lock:
            if not (outbox.pushing or outbox.idle) and (not self._post.has_multicast or outbox.overloaded()):
                start = outbox.start_pushing()
        if start is not None:
            self._start_pushing(start, now)
        for link in self._exchanges.links.values():
            if link.cursor is not None:
                self._effects.append(Wake(link.number))
        self.stop_pushing(now)

    def skip(self) -> None:
        """Nobody is there to send to: whoever comes is sent a delta."""
        if self._ledger.outbox is not None:
            with self._ledger.lock:
                self._ledger.outbox.skip_multicast()

    def next_datagram(self, now: float) -> tuple[bytes, ...] | None:
        """Return the next datagram of own writes, if it may be multicast now.  Thread-safe."""
        ledger, outbox, post = self._ledger, self._ledger.outbox, self._post
        if outbox is None or not post.has_multicast:
            return None
        with ledger.lock:
            datagram = outbox.next_datagram(now, ledger.state.known)
            if datagram is not None:
                post.multicasts += 1
        return datagram

    # -- pushing --------------------------------------------------------------------------------

    def _start_pushing(self, start: int, now: float) -> None:
        alive = self._membership.alive()
        if len(alive) > self._options.push_peers_max:
            alive = self._rng.sample(alive, _fanout(len(alive)))
        for member in alive:
            link = self._exchanges.link_of(member)
            if link is None:
                self._exchanges.connect(member.stream_address, now)
            elif link.cursor is None:
                link.cursor = start

    def stop_pushing(self, now: float) -> None:
        """Go back to multicast once every stream has carried all there is."""
        outbox = self._ledger.outbox
        if outbox is None or not outbox.pushing:
            return
        pushed = [link for link in self._exchanges.links.values() if link.cursor is not None]
        waiting = any(m.link is None and m.stream_address for m in self._membership.alive())
        with self._ledger.lock:
            head = outbox.closed_until
            if len(outbox.open) or any(link.cursor != head for link in pushed) or (waiting and not pushed):
                return
            outbox.pushing = False
            outbox.skip_multicast()
        for link in pushed:
            member = self._membership.members.get(link.boot or b"")
            if member is None or member.hears_by_multicast(now):
                link.cursor = None

    def join_pushing(self, member: Member, link: Link) -> None:
        """A stream has come while streams carry everything: it carries what its member lacks."""
        outbox = self._ledger.outbox
        if outbox is not None and outbox.pushing:
            link.cursor = member.confirmed.get(outbox.origin, 0)

    # -- members that multicast does not reach ----------------------------------------------------

    def stay_linked(self, now: float) -> list[tuple[Member, Link]]:
        """See that those whom multicast does not reach have streams; return those who must be told of the others.

        Beyond `push_peers_max` of them, each is linked to a few, and they tell each other.
        """
        deaf = self._membership.deaf(now)
        room = self._options.push_peers_max if len(deaf) <= self._options.push_peers_max else _fanout(len(deaf))
        fresh = []
        for member in deaf[:room]:
            link = self._exchanges.link_of(member)
            if link is None:
                self._exchanges.connect(member.stream_address, now)
            elif link.boot is not None:
                if link.cursor is None:
                    self.stream_to(member, link)
                if not link.told_of_others:  # it may be pushed to already, because we had much to send
                    fresh.append((member, link))
        return fresh

    def stream_to(self, member: Member, link: Link) -> None:
        """Multicast does not work between us: it gets everything by this stream."""
        link.cursor = member.confirmed.get(self._ledger.origin or b"", 0)


def _fanout(count: int) -> int:
    """Return to how many of `count` peers a rumour must be told to reach all."""
    return math.ceil(math.log2(count)) + 1
