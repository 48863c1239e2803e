"""One voter of quorum leases: to whom it gave its vote, for how long, and under which ballot.

1. While a promise runs, by this machine's own monotonic clock, the vote is nobody else's.
2. A vote is given under a greater ballot than any before, so of two holders whose votes
   came from majorities, the later has the greater ballot: no clock is asked for that.
3. Promises are kept in memory alone.  So a voter that has just started gives nobody its
   vote for as long as one may have run that its last life gave: the ttl, in the request.

See Gray & Cheriton, *Leases* (1989), and Lamport's ballots.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.messages import LEASE_MS_MAX, Vote, VoteRequest, VoteReturn

PROMISES_MAX = 4096
"""Leases that one voter keeps in mind."""

Holder = tuple[bytes, int]
"""The boot of a candidate, and the number of the candidate there."""

__all__ = ["PROMISES_MAX", "Holder", "Promise", "Voter"]


@dataclass(slots=True)
class Promise:
    """The last vote given for one lease."""

    holder: Holder
    name: str
    ballot: int
    terms: bytes
    until: float
    returned: bool = False

    def binds(self, now: float) -> bool:
        """Whether nobody else may have the vote yet."""
        return not self.returned and now < self.until


class Voter:
    """Gives votes, each to one candidate at a time."""

    __slots__ = ("_born", "_floor", "_promises")

    def __init__(self, now: float) -> None:
        self._born = now
        self._promises: dict[str, Promise] = {}
        self._floor = 0
        """The greatest ballot of the promises that were dropped to make room."""

    def asked(self, request: VoteRequest, boot: bytes, name: str, now: float) -> Vote:
        """Answer a request of the peer `name`.  Doubled and late requests do no harm.  O(1)."""
        bound_until = self._born + request.ttl_ms / 1000
        if now < bound_until:
            return self._refusal(request, 0, bound_until - now, "")
        holder = boot, request.candidate
        promise = self._promises.get(request.lease)
        if promise is None:
            if request.ballot <= self._floor or not self._has_room(now):
                return self._refusal(request, self._floor, 0, "")
        elif promise.binds(now) and (promise.holder != holder or promise.terms != request.terms):
            return self._refusal(request, promise.ballot, promise.until - now, promise.name)
        elif request.ballot < promise.ballot or (
            request.ballot == promise.ballot and (promise.holder != holder or promise.returned)
        ):
            return self._refusal(request, promise.ballot, 0, "")
        until = now + request.ttl_ms / 1000
        self._promises[request.lease] = Promise(holder, name, request.ballot, request.terms, until)
        return Vote(request.lease, request.voter, request.candidate, request.attempt, True, request.ballot)

    def returned(self, message: VoteReturn, boot: bytes) -> None:
        """A holder, or who did not become one, gives a vote back.  That of a later ballot is another."""
        promise = self._promises.get(message.lease)
        if promise is not None and promise.holder == (boot, message.candidate) and promise.ballot <= message.ballot:
            promise.returned = True

    def _refusal(self, request: VoteRequest, ballot: int, wait_s: float, holder: str) -> Vote:
        wait_ms = min(LEASE_MS_MAX, max(0, round(wait_s * 1000)))
        return Vote(request.lease, request.voter, request.candidate, request.attempt, False, ballot, wait_ms, holder)

    def _has_room(self, now: float) -> bool:
        """Make room for one promise more, if one may be forgotten: its ballot stays a floor for all."""
        if len(self._promises) < PROMISES_MAX:
            return True
        past = [(promise.until, lease) for lease, promise in self._promises.items() if not promise.binds(now)]
        if not past:
            return False
        self._floor = max(self._floor, self._promises.pop(min(past)[1]).ballot)
        return True
