"""One candidate for a quorum lease, from its first request to the end of what it held.

It holds the lease while a majority of the voters is bound to it.  It counts from before it
asked, and stops early by what clocks may differ in rate: then whoever holds next was given
a vote that had been promised to us, and whose promise was over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b

from ..wire.messages import LEASE_MS_MAX, TERMS_BYTES, Vote

CLOCK_RATE_ERROR = 0.01
"""By how much of a second a monotonic clock may be wrong in each second."""
ATTEMPT_S_MAX = 1.0
LEASE_S_MAX = LEASE_MS_MAX / 1000
"""How long a lease may last without being renewed."""


class Phase(Enum):
    """Where a candidacy stands."""

    ASKING = "asking"
    RESTING = "resting"
    HELD = "held"
    RENEWING = "renewing"
    ENDED = "ended"


def terms_of(voters: tuple[str, ...], ttl_ms: int) -> bytes:
    """Return what a voter compares: who may vote, and for how long.  Different terms exclude each other."""
    text = "\0".join([str(ttl_ms), *sorted(voters)])
    return blake2b(text.encode(), digest_size=TERMS_BYTES, person=b"gossamer votes").digest()


def holds_for_s(ttl_s: float, margin_s: float) -> float:
    """Return how long a holder may count on a promise of `ttl_s`, by its own clock, from before it asked.

    (1 - 2e) ttl - margin: its clock may run slow by e and the voters' fast by e.
    """
    return ttl_s * (1 - 2 * CLOCK_RATE_ERROR) - margin_s


@dataclass(slots=True, eq=False)
class Candidacy:
    """A candidate's state.  `Voting` moves it; whoever waits reads it, from any thread."""

    lease: str
    voters: tuple[str, ...]
    ttl_ms: int
    margin_s: float
    number: int
    """Tells this candidate from others of this process."""
    floor: int = 0
    """A ballot that ours must exceed."""
    changed: Callable[[], object] = lambda: None
    """Called in the loop when it came to hold the lease, or lost it."""
    phase: Phase = Phase.ASKING
    token: int = 0
    until: float = -math.inf
    """The end of what it holds, by our monotonic clock."""
    attempt: int = 0
    ballot: int = 0
    asked_at: float = 0.0
    due: float = 0.0
    failures: int = 0
    asked: dict[str, bytes] = field(default_factory=dict)
    """Whom this attempt counts on: voter -> boot."""
    answers: dict[str, Vote] = field(default_factory=dict)
    doubled: frozenset[str] = frozenset()
    """Voters of whose name there are two: they are not asked."""
    missing: tuple[str, ...] = ()
    """Who did not answer the last attempt that failed."""
    blocker: tuple[str, float] | None = None
    """Who had too many votes for it, and for how many seconds more."""

    @property
    def majority(self) -> int:
        """How many votes it needs."""
        return len(self.voters) // 2 + 1

    @property
    def attempt_s(self) -> float:
        """How long one attempt may take."""
        return min(ATTEMPT_S_MAX, self.ttl_ms / 4000)

    def valid(self, now: float, margin_s: float = 0.0) -> bool:
        """Whether it holds the lease now, and for `margin_s` seconds more."""
        return self.token > 0 and self.phase is not Phase.ENDED and now + margin_s < self.until

    def begin(self, ballot: int, now: float) -> None:
        """Begin to ask, under a ballot."""
        self.attempt += 1
        self.ballot, self.asked_at = ballot, now
        self.asked, self.answers = {}, {}

    def answered(self, vote: Vote, boot: bytes, now: float) -> bool:
        """Take an answer; return whether it brought the majority."""
        if vote.attempt != self.attempt or self.asked.get(vote.voter) != boot:
            return False
        self.answers[vote.voter] = vote
        if not vote.granted:
            self.floor = max(self.floor, vote.ballot)
        if self.phase not in (Phase.ASKING, Phase.RENEWING) or self.votes() < self.majority:
            return False
        until = self.asked_at + holds_for_s(self.ttl_ms / 1000, self.margin_s)
        if now >= until or (self.phase is Phase.RENEWING and now >= self.until):
            return False  # it took so long that it is over, or what was to be renewed is
        self.token, self.until, self.phase, self.failures = self.ballot, until, Phase.HELD, 0
        return True

    def votes(self) -> int:
        """Return how many gave us their vote in this attempt."""
        return sum(vote.granted for vote in self.answers.values())

    def hopeless(self) -> bool:
        """Whether so many refused that this attempt cannot succeed."""
        return len(self.answers) - self.votes() > len(self.voters) - self.majority

    def silent(self) -> list[str]:
        """Return the voters that have not answered this attempt."""
        return [voter for voter in self.voters if voter not in self.answers]

    def held_by(self) -> tuple[str, float] | None:
        """Return who has the votes that we need, as voters say, and for how many seconds more at most."""
        bound = [(vote.wait_ms / 1000, vote.holder) for vote in self.answers.values() if vote.holder]
        if len(bound) <= len(self.voters) - self.majority:
            return None
        wait_s, holder = max(bound)
        return holder, wait_s
