"""Getting to know each other: strangers, those who come back, those who leave, and who tells whom of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..wire.codec import encode_message
from ..wire.messages import Goodbye, Introduce, Peers
from .effects import Joined, Left, Presence, Unicast
from .exchange import Link
from .membership import Member

if TYPE_CHECKING:
    from .replica import Replica

PEERS_TOLD_MAX = 256
SYNCED_LATELY_S = 1.0
CATCH_UP_SOON_S = 0.01


class Introductions:
    """Who is met, announced and missed, by one replica."""

    __slots__ = ("_replica", "leaving")

    def __init__(self, replica: Replica) -> None:
        self.leaving = False
        self._replica = replica

    def meet(self, member: Member, now: float, wall_ms: int) -> None:
        """A stranger, or one back from the dead: get to know it, and catch up with it."""
        replica = self._replica
        if replica.ledger.alone:
            replica.ledger.meet()
        if member.left_at:
            replica.hints.again(now)
        if not self.leaving:
            replica.post.to(member, replica.beacons.introduction(reply_wanted=not member.introduced))
        if member.introduced:
            self.announce(member, now, wall_ms)
        if now - replica.started_at < replica.options.settle_s or member.announced:
            replica.wants.want(member.boot, now + replica.rng.uniform(0, CATCH_UP_SOON_S))
        replica.timers.soon(now)

    def introduced(self, member: Member, message: Introduce, now: float, wall_ms: int) -> None:
        """A member says who it is, and perhaps asks who we are."""
        replica = self._replica
        replica.membership.introduced(member, message)
        replica.emissions.met(member, message.events, now)
        self.announce(member, now, wall_ms)
        if message.reply_wanted and not self.leaving:
            beacon = replica.beacons.beacon(now, member)
            replica.post.to(member, replica.beacons.introduction(reply_wanted=False), beacon)

    def introduced_on(self, link: Link, message: Introduce, now: float, wall_ms: int) -> None:
        """A stream begins: whoever is at its other end says who it is."""
        replica = self._replica
        if message.boot == replica.identity.boot:
            if link.outgoing:
                replica.hints.ours(link.address)
            replica.exchanges.close(link, "a stream to ourselves")
            return
        link.boot = message.boot
        if link.outgoing:
            replica.hints.met(link.address)
        member, new = replica.membership.heard(message.boot, None, False, now)
        if member.address is None:  # met by this stream: its multicast has yet to prove itself
            member.address = link.address[0], message.unicast_port
            member.multicast_at = -math.inf
        elif link.outgoing:  # it may have moved: here it has just proven to be
            member.address = link.address[0], message.unicast_port
        replica.membership.introduced(member, message)
        replica.emissions.met(member, message.events, now)
        fresh = member.link is None
        if fresh:
            member.link = link.number
        if new:
            self.meet(member, now, wall_ms)
        self.announce(member, now, wall_ms)
        if fresh:
            replica.courier.linked(member.boot, now)
        replica.probes.ping(member, link, now, wall_ms)
        if member.hears_by_multicast(now):
            replica.dissemination.join_pushing(member, link)
        else:
            replica.dissemination.stream_to(member, link)
            self.tell_of_others(member, link)
        replica.emissions.linked(link)
        if member.synced_at < now - SYNCED_LATELY_S:
            replica.wants.want(member.boot, now)
            replica.timers.soon(now)

    def announce(self, member: Member, now: float, wall_ms: int) -> None:
        """Tell that it is there, once we know who it is; an earlier run of the same peer has ended then."""
        if member.announced or not member.introduced or not member.alive:
            return
        for older in self._replica.membership.earlier_runs(member):
            self.gone(older, Presence.LEFT, now)
        member.announced = True
        self._replica.effects.append(Joined(member.boot))
        self._tell_others_of(member)
        self._replica.probes.ping(member, None, now, wall_ms)

    def gone(self, member: Member, presence: Presence, now: float) -> None:
        """It said goodbye, or nobody reaches it."""
        replica = self._replica
        replica.membership.gone(member, presence, now)
        if not replica.membership.alive():
            replica.absence.begin(member.heard_at)
        if member.announced:
            member.announced = False
            replica.effects.append(Left(member.boot, presence))
        replica.courier.gone(member.boot, now)
        if member.stream_address is not None and presence is Presence.FAILED:
            replica.hints.add(member.stream_address, now, replica.options.retry_peers_s)

    def leave(self) -> None:
        """Say goodbye, by every way."""
        replica = self._replica
        self.leaving = True
        goodbye = Goodbye(replica.ledger.origin, replica.ledger.head())
        replica.post.to_all(goodbye)
        data = encode_message(goodbye)
        for member in replica.membership.alive():
            link = replica.exchanges.link_of(member)
            if link is not None:
                replica.exchanges.send(link, data)
            elif member.address is not None:
                replica.effects.append(Unicast((data,), member.address))

    # -- telling others -------------------------------------------------------------------------

    def told(self, peers: Peers, now: float) -> None:
        """Somebody tells us where others are."""
        replica = self._replica
        for boot, host, port in peers.addresses:
            member = replica.membership.members.get(boot)
            moved = member is not None and member.link is None and member.stream_address != (host, port)
            if port and boot != replica.identity.boot and (member is None or moved):
                replica.hint((host, port), now)

    def tell_of_others(self, member: Member, link: Link) -> None:
        """One whom multicast does not reach is told where all others are."""
        link.told_of_others = True
        known = [
            (other.boot, *other.stream_address)
            for other in self._replica.membership.alive()
            if other is not member and other.stream_address is not None
        ]
        if known:
            self._replica.exchanges.send(link, encode_message(Peers(tuple(known[:PEERS_TOLD_MAX]))))

    def _tell_others_of(self, member: Member) -> None:
        """Those whom multicast does not reach are told where to find one who joined."""
        if member.stream_address is None:
            return
        news = encode_message(Peers(((member.boot, *member.stream_address),)))
        for link in self._replica.exchanges.links.values():
            if link.cursor is not None and link.boot not in (None, member.boot):
                self._replica.exchanges.send(link, news)
