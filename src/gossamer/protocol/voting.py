"""The votes of one replica: it asks others for theirs, and gives its own.

A candidate asks every voter, again and again while an attempt lasts.  One that got too
few gives back what it got, and tries again after a while that grows and that chance
decides, under a greater ballot, so that of several candidates one soon comes through.
"""

from __future__ import annotations

import math
import random

from ..crdt.clock import STAMP_MAX
from ..wire.messages import Vote, VoteRequest, VoteReturn
from .beacons import Identity
from .candidacy import Candidacy, Phase, terms_of
from .ledger import Ledger
from .membership import Member, Membership
from .post import Post
from .voter import Voter

ASK_AGAIN_S = 0.1
REST_S = 0.05
REST_S_MAX = 0.8


class Voting:
    """The voter, and the candidates, of one replica."""

    __slots__ = ("_candidates", "_identity", "_ledger", "_membership", "_post", "_rng", "_voter", "due")

    def __init__(
        self, identity: Identity, ledger: Ledger, membership: Membership, post: Post, rng: random.Random, now: float
    ) -> None:
        self._identity, self._ledger, self._membership = identity, ledger, membership
        self._post, self._rng = post, rng
        self._voter = Voter(now)
        self._candidates: dict[int, Candidacy] = {}
        self.due = math.inf
        """When `tick` should be called; infinity while there is no candidate."""

    # -- candidates -----------------------------------------------------------------------------

    def run(self, candidacy: Candidacy, now: float) -> None:
        """Let it ask for votes, until it has a majority or `withdraw` is called."""
        candidacy.phase, candidacy.token, candidacy.until, candidacy.due = Phase.RESTING, 0, -math.inf, now
        self._candidates[candidacy.number] = candidacy
        self.due = now

    def renew(self, candidacy: Candidacy, now: float) -> None:
        """Ask the voters to go on promising; if too few do, it holds what it held, and no longer."""
        if candidacy.phase is Phase.HELD and candidacy.valid(now):
            candidacy.phase = Phase.RENEWING
            candidacy.begin(candidacy.token, now)
            candidacy.due = self.due = now

    def withdraw(self, candidacy: Candidacy) -> None:
        """It no longer holds or wants the lease: give back all votes."""
        if self._candidates.pop(candidacy.number, None) is not None:
            candidacy.phase = Phase.ENDED
            self._give_back(candidacy)

    def present(self, voters: tuple[str, ...]) -> list[str]:
        """Return which of these voters are there, once each, as far as we know."""
        return [voter for voter in voters if len(self._named(voter)) == 1]

    def doubled(self, voters: tuple[str, ...]) -> frozenset[str]:
        """Return the voters of whose name there are two: neither may be counted on."""
        return frozenset(voter for voter in voters if len(self._named(voter)) > 1)

    def _named(self, voter: str) -> list[Member | None]:
        """Return who is there under that name or peer id; None stands for ourselves."""
        found: list[Member | None] = [m for m in self._membership.alive() if voter in (m.name, m.peer.hex())]
        return [None, *found] if voter in self._own_names else found

    @property
    def _own_names(self) -> tuple[str, str]:
        return self._identity.name, self._identity.peer.hex()

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: float, wall_ms: int) -> None:
        """Ask, rest, or find that it is over."""
        for candidacy in list(self._candidates.values()):
            self._turn(candidacy, now, wall_ms)
        self.due = min((c.due for c in self._candidates.values()), default=math.inf)

    def _turn(self, candidacy: Candidacy, now: float, wall_ms: int) -> None:
        if candidacy.token and now >= candidacy.until:
            self._end(candidacy)
            return
        if now < candidacy.due:
            return
        match candidacy.phase:
            case Phase.RESTING:
                self._begin(candidacy, now, wall_ms)
            case Phase.ASKING | Phase.RENEWING if now >= candidacy.asked_at + candidacy.attempt_s:
                self._failed(candidacy, now)
            case Phase.ASKING | Phase.RENEWING:
                self._ask(candidacy, now)
            case _:
                candidacy.due = candidacy.until

    def _begin(self, candidacy: Candidacy, now: float, wall_ms: int) -> None:
        with self._ledger.lock:
            tick = self._ledger.clock.tick(wall_ms)
        candidacy.phase = Phase.ASKING
        candidacy.floor = max(candidacy.floor, candidacy.ballot)
        candidacy.begin(min(STAMP_MAX, max(tick, candidacy.floor + 1)), now)
        self._ask(candidacy, now)

    def _ask(self, candidacy: Candidacy, now: float) -> None:
        candidacy.due = min(now + ASK_AGAIN_S, candidacy.asked_at + candidacy.attempt_s)
        candidacy.doubled = self.doubled(candidacy.voters)
        for voter in candidacy.silent():
            named = self._named(voter)
            if len(named) != 1:
                continue
            if candidacy.phase not in (Phase.ASKING, Phase.RENEWING):
                break  # our own answer has decided it
            [member] = named
            candidacy.asked[voter] = self._identity.boot if member is None else member.boot
            request = self._request(candidacy, voter)
            if member is not None:
                self._post.to(member, request)
            else:
                own = self._voter.asked(request, self._identity.boot, self._identity.name, now)
                self._answered(candidacy, own, self._identity.boot, now)

    def _request(self, candidacy: Candidacy, voter: str) -> VoteRequest:
        return VoteRequest(
            candidacy.lease,
            voter,
            terms_of(candidacy.voters, candidacy.ttl_ms),
            candidacy.number,
            candidacy.attempt,
            candidacy.ballot,
            candidacy.ttl_ms,
        )

    def _failed(self, candidacy: Candidacy, now: float) -> None:
        candidacy.missing, candidacy.blocker = tuple(candidacy.silent()), candidacy.held_by()
        if candidacy.phase is Phase.RENEWING:
            candidacy.phase, candidacy.due = Phase.HELD, candidacy.until
            candidacy.changed()
            return
        self._give_back(candidacy)
        candidacy.phase = Phase.RESTING
        rest_s = min(REST_S_MAX, REST_S * 2**candidacy.failures)
        candidacy.failures = min(8, candidacy.failures + 1)
        candidacy.due = now + self._rng.uniform(rest_s / 2, rest_s * 1.5)
        candidacy.changed()

    def _end(self, candidacy: Candidacy) -> None:
        self._candidates.pop(candidacy.number, None)
        candidacy.phase = Phase.ENDED
        self._give_back(candidacy)
        candidacy.changed()

    def _give_back(self, candidacy: Candidacy) -> None:
        back = VoteReturn(candidacy.lease, candidacy.number, candidacy.ballot)
        for boot in set(candidacy.asked.values()):
            if boot == self._identity.boot:
                self._voter.returned(back, boot)
            elif (member := self._membership.members.get(boot)) is not None:
                self._post.to(member, back)

    # -- messages -------------------------------------------------------------------------------

    def asked(self, member: Member, request: VoteRequest, now: float) -> None:
        """Another wants our vote."""
        if request.voter in self._own_names:
            self._post.to(member, self._voter.asked(request, member.boot, member.name, now))

    def answered(self, member: Member, vote: Vote, now: float) -> None:
        """A voter has answered."""
        candidacy = self._candidates.get(vote.candidate)
        if candidacy is not None and candidacy.lease == vote.lease:
            self._answered(candidacy, vote, member.boot, now)

    def returned(self, member: Member, message: VoteReturn) -> None:
        """A candidate no longer needs our vote."""
        self._voter.returned(message, member.boot)

    def _answered(self, candidacy: Candidacy, vote: Vote, boot: bytes, now: float) -> None:
        if candidacy.answered(vote, boot, now):
            candidacy.due = candidacy.until
            candidacy.changed()
        elif candidacy.phase in (Phase.ASKING, Phase.RENEWING) and candidacy.hopeless():
            self._failed(candidacy, now)
        self.due = min(self.due, candidacy.due)
