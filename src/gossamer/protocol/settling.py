"""Who is known to know which write: what `settled()` and an orderly end rest on.

A member knows a write when it said so, or when its vector equalled ours while ours
held it.  Nothing else counts: not a digest of its own, not that something was sent.
"""

from __future__ import annotations

from ..crdt.dots import Origin
from ..wire.messages import Settled, SettledQuery
from .effects import Confirmed, Effect
from .exchanges import Exchanges
from .ledger import Ledger
from .membership import Member, Membership
from .post import Post

ASK_AGAIN_S = 0.25
PENDING_MAX = 4096


class Settling:
    """The questions that we ask, and those that we owe an answer."""

    __slots__ = ("_again_at", "_effects", "_exchanges", "_ledger", "_membership", "_owed", "_post", "_questions")

    def __init__(
        self, ledger: Ledger, membership: Membership, exchanges: Exchanges, post: Post, effects: list[Effect]
    ) -> None:
        self._ledger, self._membership, self._exchanges = ledger, membership, exchanges
        self._post, self._effects = post, effects
        self._questions: dict[tuple[Origin, int], None] = {}
        self._owed: dict[tuple[bytes, Origin, int], None] = {}
        self._again_at = 0.0

    # -- asking ---------------------------------------------------------------------------------

    def ask(self, origin: Origin, sequence: int, now: float) -> None:
        """Ask every member to confirm that it knows this write, again and again, until `forget`."""
        self._questions[origin, sequence] = None
        self._again_at = now

    def forget(self, origin: Origin, sequence: int) -> None:
        """Stop asking."""
        self._questions.pop((origin, sequence), None)

    def unsettled(self, origin: Origin, sequence: int) -> list[Member]:
        """Return the living members that have not confirmed this write."""
        return [m for m in self._membership.alive() if m.confirmed.get(origin, 0) < sequence]

    def due(self) -> float:
        """Return when to ask again; infinity if there is nothing to ask."""
        return self._again_at if self._questions else float("inf")

    def ask_due(self, now: float) -> None:
        """Ask those who have not answered."""
        if now < self.due():
            return
        self._again_at = now + ASK_AGAIN_S
        for origin, sequence in list(self._questions):
            for member in self.unsettled(origin, sequence):
                self._post.to(member, SettledQuery(origin, sequence))

    def confirmed(self, member: Member, origin: Origin, sequence: int) -> None:
        """It has told that it knows this write, and with it all before."""
        if member.confirmed.get(origin, 0) < sequence:
            member.confirmed[origin] = sequence
            self._effects.append(Confirmed(member.boot, origin, sequence))

    def agreed(self, member: Member, head: int) -> None:
        """Its vector equalled ours when our own head was `head`: it knows what we knew then."""
        known, origin = self._ledger.state.known, self._ledger.origin
        if origin is not None:
            if member.confirmed.get(origin, 0) < head:
                self.confirmed(member, origin, head)
            if member.link is not None:
                link = self._exchanges.link_of(member)
                if link is not None and link.cursor is not None:
                    link.cursor = max(link.cursor, head)
        if self._questions:
            for asked, wanted in list(self._questions):
                if asked != origin and known.sequence(asked) >= wanted:
                    self.confirmed(member, asked, wanted)

    # -- answering ------------------------------------------------------------------------------

    @property
    def owes(self) -> bool:
        """Whether anybody waits for an answer."""
        return bool(self._owed)

    def asked(self, member: Member, query: SettledQuery) -> None:
        """A member wants to know when we know a write: answer at once, or once we do."""
        while len(self._owed) >= PENDING_MAX:
            del self._owed[next(iter(self._owed))]
        self._owed[member.boot, query.origin, query.sequence] = None
        self.answer()

    def answer(self) -> None:
        """Answer those who wait for us to know a write that we know now."""
        known = self._ledger.state.known
        for boot, origin, sequence in [owed for owed in self._owed if known.sequence(owed[1]) >= owed[2]]:
            del self._owed[boot, origin, sequence]
            member = self._membership.members.get(boot)
            if member is not None:
                self._post.to(member, Settled(origin, sequence))
