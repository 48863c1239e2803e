"""The passage of time: beacons, probes, gaps, exchanges, forgetting, expiry, each when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..crdt.writes import Key
from .effects import Presence
from .membership import Overdue

if TYPE_CHECKING:
    from .replica import Replica

UPKEEP_S = 10.0
"""How often delete records, buried writes and forgotten members are looked after."""
FLOWING_INTERVALS = 10
"""While writes flow, digests always differ a little: then exchange only so many intervals after the last."""


class Timers:
    """What is due when, for one replica."""

    def __init__(self, replica: Replica, now: float) -> None:
        self._replica = replica
        self._beacon_at = now
        self._upkeep_at = now + UPKEEP_S
        self._members_at = now
        self._next = now
        self._promised = now
        self._deletes: dict[Key, float] = {}
        self._head = 0
        self._head_at = now

    def soon(self, now: float) -> None:
        """Something changed: look again at once."""
        self._next = now

    def by(self, when: float, now: float) -> None:
        """Something is due at `when`: look again at once if that is earlier than what was promised."""
        if when < self._next:
            self._next = now

    def due(self, now: float) -> bool:
        """Whether something is due."""
        return self._next <= now

    def tick(self, now: float, wall_ms: int) -> float:
        """Do what is due at `now`; return when something is due next."""
        replica = self._replica
        if now - self._promised > replica.options.stall_s:
            replica.membership.forgive(now)
            replica.counts["stalls"] += 1
        if now >= self._beacon_at and not replica.introductions.leaving:
            self._beacon_at = now + replica.beacons.interval_s() * replica.rng.uniform(0.5, 1.5)
            replica.beacons.send(now)
            self._members_at = now  # who is silent is seen in the same turn: a quiet peer wakes once an interval
        if now >= self._members_at:
            self._probe(now, wall_ms)
            self._stay_linked(now)
            replica.dissemination.stop_pushing(now)
        replica.repairs.ask_due(now)
        self._exchange(now)
        self._try_hints(now)
        replica.settling.ask_due(now)
        if now >= replica.emissions.due:
            replica.emissions.tick(now)
        replica.courier.tick(now)
        if now >= replica.voting.due:
            replica.voting.tick(now, wall_ms)
        if now >= self._upkeep_at:
            self._upkeep(now, wall_ms)
        expiry_ms = replica.ledger.state.expiry.next_ms()
        if expiry_ms is not None and expiry_ms <= self._corrected(wall_ms):
            replica.ledger.lapse(self._corrected(wall_ms))
        self._next = self._promised = self._next_due(now, wall_ms)
        return self._next

    def _next_due(self, now: float, wall_ms: int) -> float:
        replica = self._replica
        due = min(self._beacon_at, self._members_at, self._upkeep_at, replica.wants.next_due())
        due = min(due, replica.hints.next_due(), replica.settling.due())
        due = min(due, replica.emissions.due, replica.courier.next_due(), replica.voting.due)
        expiry_ms = replica.ledger.state.expiry.next_ms()
        if expiry_ms is not None:
            due = min(due, now + max(0.0, (expiry_ms - self._corrected(wall_ms)) / 1000))
        return max(due, now + 0.001)

    def _corrected(self, wall_ms: int) -> int:
        """Our wall clock, moved by the median of the offsets measured to peers."""
        return wall_ms + self.offset_ms()

    def offset_ms(self) -> int:
        """Return the median measured offset of the living peers, ours (0) included."""
        return self._replica.membership.offset_ms()

    # -- members --------------------------------------------------------------------------------

    def _probe(self, now: float, wall_ms: int) -> None:
        replica = self._replica
        for member, how in replica.membership.overdue(now):
            if how is Overdue.GIVEN_UP:
                replica.introductions.gone(member, Presence.FAILED, now)
            elif how is Overdue.STILL_SILENT:
                replica.probes.ping_through_others(member, now, wall_ms)
            else:
                replica.probes.ping(member, replica.exchanges.link_of(member), now, wall_ms)
        suspects = any(m.presence is Presence.SUSPECT for m in replica.membership.alive())
        self._members_at = now + (
            replica.options.probe_timeout_s / 2 if suspects else 1.5 * replica.beacons.interval_s()
        )

    def _try_hints(self, now: float) -> None:
        replica = self._replica
        due = replica.hints.due(now)
        met = {m.stream_address for m in replica.membership.alive()} if due else set()
        for address in due:
            if address in met:
                replica.hints.met(address)
            else:
                replica.exchanges.connect(address, now)

    def _stay_linked(self, now: float) -> None:
        replica = self._replica
        fresh = replica.dissemination.stay_linked(now)
        for member, link in fresh:
            replica.introductions.tell_of_others(member, link)
        if fresh:
            replica.flush(now)

    # -- exchanges ------------------------------------------------------------------------------

    def _exchange(self, now: float) -> None:
        replica = self._replica
        wants = replica.wants
        if wants.next_wanted() > now:
            return
        digest, _, head = replica.ledger.digests()
        for boot, due in sorted(wants.wanted.items(), key=lambda item: item[1]):
            if due > now:
                break
            member = replica.membership.members.get(boot)
            if member is None or not member.alive or member.synced_at >= max(member.beacon_at, due):
                del wants.wanted[boot]
                continue
            if member.vector_digest == digest:
                del wants.wanted[boot]
                replica.settling.agreed(member, head)
                continue
            if (
                self._flowing(now)
                and not member.steady
                and now - member.asked_at < FLOWING_INTERVALS * member.interval_s
            ):
                wants.wanted[boot] = now + member.interval_s
                continue
            if replica.exchanges.begin(member, now):
                del wants.wanted[boot]
            else:
                wants.wanted[boot] = now + replica.rng.uniform(0.02, 0.1)

    def _flowing(self, now: float) -> bool:
        """Whether writes have been arriving or made within the last interval."""
        total = sum(self._replica.ledger.state.known.heads.values())
        if total != self._head:
            self._head, self._head_at = total, now
        return now - self._head_at < self._replica.beacons.interval_s()

    # -- upkeep ---------------------------------------------------------------------------------

    def _upkeep(self, now: float, wall_ms: int) -> None:
        replica = self._replica
        self._upkeep_at = now + UPKEEP_S
        for member in replica.membership.forget(now):
            replica.emissions.forget(member.boot)
        if abs(self.offset_ms()) <= replica.options.expiry_grace_s * 1000:
            replica.ledger.bury(self._corrected(wall_ms))
        self._forget_deletes(now)
        outbox = replica.ledger.outbox
        if outbox is not None:
            outbox.writers = 1 + sum(now - m.wrote_at < UPKEEP_S for m in replica.membership.alive())

    def _forget_deletes(self, now: float) -> None:
        """Forget the deletes that everybody knows, the old ones, and what is more than may be kept."""
        replica, options = self._replica, self._replica.options
        deletes = replica.ledger.deletes()
        seen = {key: self._deletes.get(key, now) for key in deletes}
        keep_s = UPKEEP_S if self._all_acknowledged() else options.forget_deletes_after_s
        excess = max(0, len(deletes) - options.deletes_max)
        replica.ledger.forget_deletes([*deletes[:excess], *(key for key, at in seen.items() if now - at > keep_s)])
        self._deletes = {key: at for key, at in seen.items() if key in replica.ledger.state.deletes}

    def _all_acknowledged(self) -> bool:
        """Whether every member, none of which has failed, said in its last beacon that it knows what we know."""
        members = self._replica.membership.members.values()
        alive = [m for m in members if m.alive]
        return bool(alive) and all(m.equal for m in alive) and not any(m.presence is Presence.FAILED for m in members)
