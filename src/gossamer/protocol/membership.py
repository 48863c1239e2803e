"""Who takes part, and how sure we are: membership by any proof of life.

Every authenticated packet proves that its boot lives.  A member silent for a few beacon
intervals is probed directly, then through three others, and only when nobody reached it
for the suspicion time is it called failed.  A peer whose own timers ran late was itself
the one that stalled: it forgives everyone's silence on waking.  The confirmation path is
that of SWIM (Das, Gupta & Motivala 2002) and Lifeguard (Dadgar et al. 2018), started by
beacons instead of by random probes.  Nothing here ever drives the deletion of data.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from enum import Enum

from ..crdt.dots import Origin
from ..crdt.vector_clock import VectorClock
from ..options import Options
from ..wire.messages import Beacon, Introduce
from .effects import Address, Presence

INDIRECT_PROBES = 3


class Overdue(Enum):
    """How far the silence of a member has gone."""

    SILENT = "probe it"
    STILL_SILENT = "let others probe it"
    GIVEN_UP = "call it failed"


@dataclass(slots=True, eq=False)
class Member:
    """One boot of one peer, as we see it."""

    boot: bytes
    address: Address | None
    heard_at: float
    first_heard_at: float
    peer: bytes = b""
    name: str = ""
    origin: Origin | None = None
    origins: set[Origin] = field(default_factory=set)
    stream_port: int = 0
    presence: Presence = Presence.ALIVE
    introduced: bool = False
    announced: bool = False
    interval_s: float = 1.0
    vector_digest: bytes = b""
    state_digest: bytes | None = None
    stalled: bool = False
    wrote_at: float = -math.inf
    multicast_at: float = -math.inf
    multicasts_sent: int = 0
    multicasts_first: int = 0
    multicasts_heard: int = 0
    reception: float = 1.0
    deaf_to_us: bool = False
    suspect_at: float = 0.0
    probed: int = 0
    confirmed: dict[Origin, int] = field(default_factory=dict)
    offset_ms: int | None = None
    version: tuple[int, int] = (1, 1)
    link: int | None = None
    synced_at: float = -math.inf
    beacon_at: float = -math.inf
    steady: bool = False
    equal: bool = False
    audited_at: float = -math.inf
    asked_at: float = -math.inf
    left_at: float = 0.0
    heard_base: VectorClock | None = None
    sent_base: VectorClock | None = None

    @property
    def alive(self) -> bool:
        """Whether we count on it: alive, or suspected but not given up."""
        return self.presence in (Presence.ALIVE, Presence.SUSPECT)

    @property
    def stream_address(self) -> Address | None:
        """Where it listens for streams, if we know."""
        if self.address is None or not self.stream_port:
            return None
        return self.address[0], self.stream_port

    def hears_by_multicast(self, now: float) -> bool:
        """Whether multicast works both ways between us, as far as beacons tell."""
        return not self.deaf_to_us and self.audible(now)

    def audible(self, now: float) -> bool:
        """Whether its multicast reaches us well."""
        return now - self.multicast_at < 4 * self.interval_s + 1 and self.reception >= 0.8


class Membership:
    """The table of members, by boot."""

    __slots__ = ("_alive", "_measurements", "_offset_ms", "_options", "_rng", "_runs", "members")

    def __init__(self, options: Options, rng: random.Random) -> None:
        self.members: dict[bytes, Member] = {}
        self._options = options
        self._rng = rng
        self._alive: list[Member] | None = None
        self._runs: dict[bytes, list[Member]] = {}
        """The members that are runs of one peer."""
        self._measurements = 0
        self._offset_ms = 0, 0
        """After so many measurements, the median."""

    def heard(self, boot: bytes, address: Address | None, multicast: bool, now: float) -> tuple[Member, bool]:
        """Note a proof of life.  Return the member, and whether it is new or was given up."""
        member = self.members.get(boot)
        if member is None:
            member = self.members[boot] = Member(boot, address, now, now)
            member.multicasts_first = -1
            if self._alive is not None:
                self._alive.append(member)
                self._measurements += 1
            if address is not None:  # met by a datagram: give its multicast a chance before calling us deaf to it
                member.multicast_at = now
            return member, True
        member.heard_at = now
        if address is not None:
            member.address = address
        if multicast:
            member.multicasts_heard += 1
            member.multicast_at = now
        back = member.presence is Presence.FAILED
        if member.presence is not Presence.ALIVE:
            self.proven(member)
        return member, back

    def proven(self, member: Member) -> None:
        """It lives, whatever we thought: unless it said goodbye, which no boot takes back."""
        if member.presence is not Presence.LEFT:
            member.presence, member.probed = Presence.ALIVE, 0
            self._alive = None

    def gone(self, member: Member, presence: Presence, now: float) -> None:
        """It said goodbye (LEFT), or nobody reaches it (FAILED).

        We remember it for long, and thousands may come and go: so not what it knew, which would be O(origins) each.
        """
        member.presence, member.left_at = presence, now
        member.heard_base = member.sent_base = None
        self._alive = None

    def beacon(self, member: Member, beacon: Beacon, multicast: bool, now: float) -> None:
        """Take what a beacon says of its sender."""
        member.stream_port = beacon.stream_port
        self._peer(member, beacon.peer)
        self._origin(member, beacon.origin)
        member.steady = beacon.vector_digest == member.vector_digest
        member.beacon_at = now
        member.vector_digest, member.state_digest = beacon.vector_digest, beacon.state_digest
        member.interval_s = min(60.0, max(0.05, beacon.interval_ms / 1000))
        member.stalled = beacon.stalled
        member.version = beacon.protocol_min, beacon.protocol_max
        if multicast:
            member.multicast_at = now
            self._measure(member, beacon)

    def _measure(self, member: Member, beacon: Beacon) -> None:
        """Compare what the sender has multicast with what we heard of it, over some twenty datagrams."""
        if member.multicasts_first < 0 or beacon.multicasts < member.multicasts_first:
            member.multicasts_first, member.multicasts_heard = beacon.multicasts, 0
            return
        sent = beacon.multicasts - member.multicasts_first
        if sent >= 20:
            member.reception = min(1.0, member.multicasts_heard / sent)
            member.multicasts_first, member.multicasts_heard = beacon.multicasts, 0

    def introduced(self, member: Member, message: Introduce) -> None:
        """Take what a peer says of itself."""
        member.name, member.introduced = message.name, True
        self._peer(member, message.peer)
        member.stream_port = message.stream_port or member.stream_port
        self._origin(member, message.origin)
        if member.address is not None and message.unicast_port:
            member.address = member.address[0], message.unicast_port

    def _peer(self, member: Member, peer: bytes) -> None:
        if peer != member.peer:
            self._forget_run(member)
            member.peer = peer
            self._runs.setdefault(peer, []).append(member)

    def _forget_run(self, member: Member) -> None:
        runs = self._runs.get(member.peer)
        if runs is not None and member in runs:
            runs.remove(member)
            if not runs:
                del self._runs[member.peer]

    def _origin(self, member: Member, origin: Origin | None) -> None:
        if origin is not None and origin != member.origin:
            member.origin = origin
            member.origins.add(origin)

    # -- the passage of time --------------------------------------------------------------------

    def forgive(self, now: float) -> None:
        """We were stalled: nobody's silence counts from before."""
        for member in self.alive():
            member.heard_at = max(member.heard_at, now - member.interval_s)
            member.presence, member.probed = Presence.ALIVE, 0

    def suspicion_s(self) -> float:
        """Return how long a suspect may defend itself: longer in a larger mesh."""
        return self._options.suspicion_s * (1 + math.log10(1 + len(self.alive())))

    def overdue(self, now: float) -> list[tuple[Member, Overdue]]:
        """Return who has been silent for too long, and how far that has gone."""
        due = []
        for member in self.alive():
            silence_s = now - member.heard_at
            if silence_s <= self._options.suspect_after_beacons * member.interval_s * 1.5:
                continue
            if member.presence is Presence.ALIVE:
                member.presence, member.suspect_at, member.probed = Presence.SUSPECT, now, 1
                due.append((member, Overdue.SILENT))
            elif now - member.suspect_at >= self.suspicion_s():
                due.append((member, Overdue.GIVEN_UP))
            elif now - member.suspect_at >= self._options.probe_timeout_s * member.probed:
                member.probed += 1
                due.append((member, Overdue.STILL_SILENT))
        return due

    def forget(self, now: float) -> list[Member]:
        """Drop members that have been gone for long; return them."""
        gone = [m for m in self.members.values() if not m.alive and now - m.left_at > self._options.forget_peer_after_s]
        for member in gone:
            del self.members[member.boot]
            self._forget_run(member)
        return gone

    # -- questions ------------------------------------------------------------------------------

    def alive(self) -> list[Member]:
        """Return the members we count on, in the order we met them."""
        if self._alive is None:
            self._alive = [member for member in list(self.members.values()) if member.alive]
            self._measurements += 1
        return self._alive

    def earlier_runs(self, member: Member) -> list[Member]:
        """Return the other members we count on that are runs of the same peer."""
        return [other for other in self._runs.get(member.peer, ()) if other is not member and other.alive]

    def measured(self, member: Member, offset_ms: int) -> None:
        """Its wall clock is ahead of ours by so much."""
        member.offset_ms = offset_ms
        self._measurements += 1

    def offset_ms(self) -> int:
        """Return the median measured offset of the living members, ours (0) included.

        O(1), but O(n log n) after a member came, went or was measured.  From any thread: what was
        reckoned while another measurement came is never taken for newer than it is.
        """
        alive, measurements = self.alive(), self._measurements
        reckoned, offset_ms = self._offset_ms
        if reckoned != measurements:
            offset_ms = self._median_offset_ms(alive)
            self._offset_ms = measurements, offset_ms
        return offset_ms

    def _median_offset_ms(self, alive: list[Member]) -> int:
        offsets = sorted([0, *(member.offset_ms for member in alive if member.offset_ms is not None)])
        return offsets[(len(offsets) - 1) // 2]

    def writer(self, origin: Origin) -> Member | None:
        """Return the living member that writes under `origin`, if we know it."""
        return next((member for member in self.alive() if origin in member.origins), None)

    def helpers(self, target: Member) -> list[Member]:
        """Return up to three others that may reach `target` for us."""
        others = [m for m in self.alive() if m is not target and m.presence is Presence.ALIVE and m.address]
        return self._rng.sample(others, min(INDIRECT_PROBES, len(others)))

    def deaf(self, now: float) -> list[Member]:
        """Return the living members between which and us multicast does not work."""
        return [m for m in self.alive() if not m.hears_by_multicast(now)]
