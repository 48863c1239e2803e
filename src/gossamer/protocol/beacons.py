"""I am here, with this digest: said to all at an interval that grows with their number."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Options
from ..wire.messages import Beacon, Introduce
from .emissions import Emissions
from .ledger import Ledger
from .membership import Member, Membership
from .post import Post

BEACON_BYTES = 250
"""What a beacon takes on the wire, sealed, with the headers below it: generously."""
BEACON_SHARE = 0.05
DEAF_TO_MAX = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a replica is, by the names that never change while it runs."""

    peer: bytes
    boot: bytes
    name: str
    stream_port: int = 0
    unicast_port: int = 0


class Beacons:
    """What we say of ourselves, unasked and asked."""

    __slots__ = ("_emissions", "_identity", "_ledger", "_membership", "_options", "_post")

    def __init__(
        self,
        identity: Identity,
        ledger: Ledger,
        membership: Membership,
        post: Post,
        emissions: Emissions,
        options: Options,
    ) -> None:
        self._identity, self._ledger, self._membership = identity, ledger, membership
        self._post, self._emissions, self._options = post, emissions, options

    def interval_s(self) -> float:
        """Return the mean time between beacons: scaled, as RTCP's (RFC 3550), so that N of them keep to 5 %."""
        count = 1 + len(self._membership.alive())
        share = BEACON_SHARE * self._options.bandwidth_bits_per_s
        return max(self._options.beacon_interval_s, count * BEACON_BYTES * 8 / share)

    def beacon(self, now: float, to: Member | None = None) -> Beacon:
        """Return what we announce: who we are, a digest of what we know, and whom we hear badly.

        O(members); O(1) if it is said to one member only, which need not hear of the others.
        """
        vector_digest, state_digest, head = self._ledger.digests()
        deaf_to = [m.boot for m in (self._membership.alive() if to is None else (to,)) if not m.audible(now)]
        return Beacon(
            self._identity.peer,
            self._identity.stream_port,
            self._ledger.origin,
            head,
            vector_digest,
            state_digest,
            self._post.multicasts + 1,
            tuple(deaf_to[:DEAF_TO_MAX]),
            False,
            int(self.interval_s() * 1000),
        )

    def send(self, now: float) -> None:
        """Announce ourselves to all, and apart to each whom multicast does not reach."""
        events = self._emissions.head(now)
        self._post.to_all(self.beacon(now), *events)
        for member in self._membership.deaf(now):
            self._post.to(member, self.beacon(now, member), *events)

    def introduction(self, *, reply_wanted: bool) -> Introduce:
        """Return who we are, by every name."""
        me = self._identity
        return Introduce(
            me.peer,
            self._ledger.origin,
            me.name,
            me.stream_port,
            reply_wanted,
            unicast_port=me.unicast_port,
            boot=me.boot,
            events=self._emissions.ring.emitted,
        )
