"""Who takes part, in the program's terms: members and origins as `Peer`s."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .crdt.dots import Origin
from .protocol.effects import Presence
from .protocol.membership import Member
from .protocol.replica import Replica
from .views.shown import ShownAsLine

SHORT_HEX_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Peer(ShownAsLine):
    """A participant as others see it.  Two are equal if they are the same run of the same program."""

    name: str
    """What it calls itself, by default host:pid."""
    id: str
    """32 hex digits, a hash of its public key; new each time it joins.  Empty if we never met it."""
    host: str = field(default="", compare=False)
    """Where it was last heard from; empty for ourselves, and for a peer that only others have met."""

    def __str__(self) -> str:
        return self.name


class Directory:
    """Which peer is behind a member or an origin.  Asked from any thread; the members belong to the loop."""

    def __init__(self) -> None:
        self._replica: Replica | None = None
        self._writers: dict[Origin, Peer] = {}

    def follow(self, replica: Replica) -> None:
        """Look things up in `replica` from now on: a fork's child has another."""
        self._replica = replica

    @property
    def replica(self) -> Replica:
        """Whom we follow."""
        assert self._replica is not None
        return self._replica

    @property
    def me(self) -> Peer:
        """Ourselves, as others see us."""
        identity = self.replica.identity
        return Peer(identity.name, identity.peer.hex())

    def members(self) -> list[Member]:
        """Return all members, those that have gone too."""
        return list(self.replica.membership.members.values())

    def present(self) -> frozenset[Peer]:
        """Return the peers that are there, as far as we know."""
        return frozenset(self.peer(member) for member in self.members() if member.announced and member.alive)

    def peer(self, member: Member) -> Peer:
        """Return a member as the program sees it."""
        host = member.address[0] if member.address else ""
        peer = Peer(member.name or member.boot.hex()[-SHORT_HEX_DIGITS:], member.peer.hex(), host)
        for origin in tuple(member.origins):
            self._writers[origin] = peer
        return peer

    def writer(self, origin: Origin) -> Peer:
        """Return who writes under `origin`; nobody knows more of one that was never met than its number."""
        if origin == self.replica.ledger.origin:
            return self.me
        known = self._writers.get(origin)
        if known is None:
            for member in self.members():
                if origin in member.origins:
                    return self.peer(member)
        return known or Peer(origin.hex()[-SHORT_HEX_DIGITS:], "")

    def boot(self, boot: bytes) -> Peer:
        """Return who runs, or ran, as `boot`."""
        if boot == self.replica.identity.boot:
            return self.me
        member = self.replica.membership.members.get(boot)
        return Peer(boot.hex()[-SHORT_HEX_DIGITS:], "") if member is None else self.peer(member)

    def writing(self) -> set[Origin]:
        """Return the origins under which somebody may still write: ours, and those of members that said no goodbye."""
        members = [member for member in self.members() if member.presence is not Presence.LEFT]
        theirs = {origin for member in members for origin in (*member.origins, member.origin) if origin}
        ours = self.replica.ledger.origin
        return theirs if ours is None else {ours, *theirs}

    def behind(self, dots: Iterable[tuple[Origin, int]], wanted: Iterable[Peer | str] | None) -> list[Peer]:
        """Return who has not confirmed all of `dots`: of those that are there, or of those `wanted`, there or not."""
        needed = dict(dots)
        if wanted is None:
            here = [member for member in self.members() if member.announced and member.alive]
            return [self.peer(member) for member in here if not _confirms(member, needed)]
        late = []
        for who in wanted:
            name = who if isinstance(who, str) else who.id
            found = [member for member in self.members() if name in (member.name, member.peer.hex())]
            if not any(_confirms(member, needed) for member in found):
                late.append(self.peer(found[-1]) if found else who if isinstance(who, Peer) else Peer(who, ""))
        return late


def _confirms(member: Member, needed: dict[Origin, int]) -> bool:
    return all(member.confirmed.get(origin, 0) >= sequence for origin, sequence in needed.items())
