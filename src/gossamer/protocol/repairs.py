"""The repair ladder: what a beacon or a held batch shows to be missing, and what is asked of us."""

from __future__ import annotations

from ..crdt.dots import Origin
from ..crdt.writes import Batch
from ..wire.codec import encode_message
from ..wire.framing import DATAGRAM_BODY_MAX, packed
from ..wire.messages import Beacon, Repair
from .absence import Absence
from .anti_entropy import AntiEntropy, Gap
from .effects import Effect, Multicast, Unicast
from .exchanges import Exchanges
from .ledger import Ledger
from .membership import Member, Membership

SHARED_REPAIR_S = 0.1
"""Two who ask for the same within this time are answered by multicast."""


class Repairs:
    """Notices what is missing, asks for it, and answers those who ask us."""

    def __init__(
        self,
        ledger: Ledger,
        membership: Membership,
        wants: AntiEntropy,
        exchanges: Exchanges,
        absence: Absence,
        effects: list[Effect],
    ) -> None:
        self._ledger = ledger
        self._membership = membership
        self._wants = wants
        self._exchanges = exchanges
        self._absence = absence
        self._effects = effects
        self._asked: dict[int, tuple[bytes, float]] = {}
        self.repaired_batches = 0

    # -- noticing -------------------------------------------------------------------------------

    def held(self, batch: Batch, now: float) -> None:
        """A batch came before what it follows or replaces."""
        known = self._ledger.state.known
        count = len(self._membership.members)
        head = known.sequence(batch.origin)
        if head < batch.after:
            self._wants.missing(batch.origin, head, batch.after, now, count)
        for dots in batch.past.values():
            for origin, sequence in dots:
                if origin != batch.origin and known.sequence(origin) < sequence:
                    self._wants.missing(origin, known.sequence(origin), sequence, now, count)

    def compare(self, member: Member, beacon: Beacon, now: float) -> int | None:
        """A beacon shows what its sender knows: the same as we, or something that one of us lacks.

        Return our own head at the moment when both knew the same; None if they do not.
        """
        ledger = self._ledger
        vector_digest, state_digest, head = ledger.digests()
        if beacon.vector_digest == vector_digest:
            self._wants.wanted.pop(member.boot, None)
            member.equal = True
            self._absence.end(now)
            if None not in (state_digest, beacon.state_digest) and state_digest != beacon.state_digest:
                self._exchanges.audit(member, now)
            return head
        member.equal = False
        known = ledger.state.known
        if beacon.origin is not None and beacon.head > known.sequence(beacon.origin):
            count = len(self._membership.members)
            self._wants.missing(beacon.origin, known.sequence(beacon.origin), beacon.head, now, count)
        elif member.boot not in self._wants.wanted:
            self._wants.want(member.boot, now + self._wants.jitter_s(member.interval_s))
        return None

    # -- asking ---------------------------------------------------------------------------------

    def ask_due(self, now: float) -> None:
        """Ask for the gaps whose time has come: their origin first, an exchange if that did not help."""
        wants, known = self._wants, self._ledger.state.known
        for gap in wants.due_gaps(now):
            wants.filled(gap.origin, known.sequence(gap.origin))
            if gap.origin not in wants.gaps:
                continue
            writer = self._membership.writer(gap.origin)
            if writer is None or wants.beyond_repair(gap):
                del wants.gaps[gap.origin]
                partner = writer or self._knows_most(gap.origin)
                if partner is not None:
                    wants.want(partner.boot, now)
                continue
            self._ask(writer, gap, now)

    def _ask(self, writer: Member, gap: Gap, now: float) -> None:
        request = encode_message(Repair(gap.origin, gap.after, gap.until))
        self._wants.asked(gap, now, len(self._membership.members))
        link = self._exchanges.link_of(writer)
        if writer.hears_by_multicast(now):
            self._effects.append(Multicast((request,)))
        elif link is not None:
            self._exchanges.send(link, request)
        elif writer.address is not None:
            self._effects.append(Unicast((request,), writer.address))

    def _knows_most(self, origin: Origin) -> Member | None:
        """Some member that may know more of a dead origin: one whose vector differs from ours."""
        digest = self._ledger.digests()[0]
        others = [m for m in self._membership.alive() if m.vector_digest != digest]
        return min(others, key=lambda m: m.asked_at, default=None)

    # -- answering ------------------------------------------------------------------------------

    def requested(self, member: Member, request: Repair, now: float) -> None:
        """Somebody lacks batches: send them if they are ours and still in the ring."""
        ledger, outbox = self._ledger, self._ledger.outbox
        if outbox is None or request.origin != ledger.origin:
            count = len(self._membership.members)
            self._wants.overheard(request.origin, request.after, request.until, now, count)
            return
        with ledger.lock:
            ledger.close_batch()
            found = outbox.after(request.after, 64 << 10)
        wanted = [e.data for e in found or () if e.after < request.until and len(e.data) + 2 <= DATAGRAM_BODY_MAX]
        self.repaired_batches += len(wanted)
        before, at = self._asked.get(request.after, (member.boot, now))
        self._asked = {after: who for after, who in self._asked.items() if now - who[1] < SHARED_REPAIR_S}
        self._asked[request.after] = member.boot, now
        shared = before != member.boot and now - at < SHARED_REPAIR_S
        for messages in map(tuple, packed(wanted)):
            if shared and member.hears_by_multicast(now):
                self._effects.append(Multicast(messages))
            elif member.address is not None and member.address[1]:
                self._effects.append(Unicast(messages, member.address))
