"""How a mesh is doing, in words and numbers: whom it sees, who is behind, and why."""

from __future__ import annotations

from dataclasses import dataclass

from .peers import Directory, Peer
from .protocol.effects import Presence
from .protocol.membership import Member
from .views.brief import shortened
from .views.shown import ROWS_MAX, ShownAsTable, Table

TITLE_MAX = 300
"""Characters of what people are shown above the peers."""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What we know of one peer."""

    peer: Peer
    presence: str
    """alive, suspect, failed or left."""
    last_heard_s: float
    """Seconds since its last sign of life."""
    in_step: bool
    """Whether its latest beacon said that it knows exactly what we know."""
    multicast: bool
    """Whether multicast works between us; if not, streams carry everything."""
    stream: bool
    """Whether a stream is open."""
    clock_offset_s: float | None
    """How far its wall clock is ahead of ours; None if it was not measured."""
    why: str
    """In words: what keeps the two of us apart, or "in step"."""


@dataclass(frozen=True, slots=True)
class Status(ShownAsTable):
    """How a mesh is doing, as this peer sees it."""

    name: str
    me: Peer
    keys: int
    conflicts: int
    caught_up: bool
    """Whether an exchange with every peer found at the start has ended."""
    multicast: bool
    """Whether this host could join the multicast group."""
    unsent: int
    """Own writes that have not been handed to the network; alone, there is nobody to send them to."""
    peers: tuple[PeerStatus, ...]
    why: str
    """In words: alone, in step, or behind whom."""

    def _table(self) -> Table:
        rows = [
            (shortened(row.peer.name), row.presence, f"{row.last_heard_s:.1f} s ago", shortened(row.why))
            for row in self.peers[:ROWS_MAX]
        ]
        counted = f"{self.keys:,} keys, {self.conflicts:,} conflicts"
        title = f"{self.name!r}, as {self.me.name!r} sees it: {counted}, {self.why}"
        return Table(
            shortened(title, TITLE_MAX), ("peer", "presence", "heard", "how it is"), rows, len(self.peers) - len(rows)
        )


def peer_statuses(directory: Directory, now: float) -> tuple[PeerStatus, ...]:
    """Return what we know of each peer that we have met."""
    met = [member for member in directory.members() if member.introduced or member.alive]
    return tuple(_peer_status(directory.peer(member), member, now) for member in met)


def why(rows: tuple[PeerStatus, ...]) -> str:
    """Say how a mesh is doing, in one sentence."""
    here = [row for row in rows if row.presence in (Presence.ALIVE, Presence.SUSPECT)]
    if not here:
        return "alone: no other peer of this mesh was heard"
    behind = [row for row in here if not row.in_step]
    if behind:
        return "; ".join(f"{row.peer.name}: {row.why}" for row in behind)
    return "in step with " + ", ".join(row.peer.name for row in here)


def unsent(directory: Directory) -> int:
    """Return how many of our writes nobody was sent yet."""
    replica = directory.replica
    outbox = replica.ledger.outbox
    if outbox is None or not any(member.alive for member in directory.members()):
        return 0
    sent = outbox.multicast_until
    if outbox.pushing:
        cursors = [link.cursor for link in list(replica.exchanges.links.values()) if link.cursor is not None]
        sent = min(cursors, default=sent)
    return max(0, replica.ledger.head() - sent)


def _peer_status(peer: Peer, member: Member, now: float) -> PeerStatus:
    multicast = member.hears_by_multicast(now)
    return PeerStatus(
        peer,
        member.presence.value,
        now - member.heard_at,
        member.equal and member.alive,
        multicast,
        member.link is not None,
        None if member.offset_ms is None else member.offset_ms / 1000,
        _why(member, multicast, now - member.heard_at),
    )


def _why(member: Member, multicast: bool, silent_s: float) -> str:
    match member.presence:
        case Presence.LEFT:
            return "it said goodbye"
        case Presence.FAILED:
            return f"nobody reaches it; last heard {silent_s:.1f} s ago"
        case Presence.SUSPECT:
            return f"silent for {silent_s:.1f} s; being probed"
    if member.equal:
        return "in step"
    if not multicast and member.link is None:
        return "multicast does not work between us, and no stream is open yet"
    return "it knew something else than we at its last beacon"
