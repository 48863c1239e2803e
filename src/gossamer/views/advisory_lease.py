"""A lease that is a row of the map: held by whoever is seen to have written it last.

In a connected mesh that is on time, at most one peer believes to hold it for longer than
`settle`.  Each side of a partition may have a holder: hence its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import LeaseHeld
from ..protocol.candidacy import holds_for_s
from .leases import Host, LeaseState, Story, Wait
from .space import GONE, Row, Rows
from .spaces import LEASE

HOLDER = "holder"


class Claim(NamedTuple):
    """What the row says."""

    token: int
    until_ms: int
    name: str
    peer: str


def claim_of(value: Any) -> Claim | None:
    """Return what a row says, None for one that a stranger filled with something else."""
    if type(value) is tuple and list(map(type, value)) == [int, int, str, str]:
        return Claim(*value)
    return None


class AdvisoryState(LeaseState):
    """One program's share in an advisory lease."""

    def __init__(self, host: Host, name: str, ttl: float, timeout: float | None) -> None:
        super().__init__(host, name, ttl, timeout)
        self._row = ("advisory", self.name)
        self._space = host._space(LEASE)

    @property
    def settle_s(self) -> float:
        """How long a claim must stand unchallenged: 2 * dissemination + 2 * clock offset."""
        options, alive = self.host.options, self.host.replica.membership.alive()
        offset_ms = max((abs(member.offset_ms) for member in list(alive) if member.offset_ms is not None), default=0)
        return 2 * options.lease_dissemination_s + 2 * min(offset_ms / 1000, options.clock_drag_s)

    def holder(self) -> str | None:
        """Return the name of who holds it, as far as we have heard."""
        claim = self._claim()
        return None if claim is None else claim.name

    def _claim(self) -> Claim | None:
        return self._seen_in(self._space.rows(self._row))

    def _seen_in(self, rows: Rows) -> Claim | None:
        claim = claim_of(rows.get(HOLDER))
        return claim if claim is not None and claim.until_ms > self.host.seen_ms() else None

    def _is_ours(self) -> bool:
        claim = self._claim()
        return claim is not None and claim.token == self.token and claim.peer == self.host.me.id

    # -- acquiring --------------------------------------------------------------------------------

    def acquiring(self, timeout: float | None) -> Story:
        """Claim it once nobody else holds it, and see whether that stands."""
        self.release()
        self.begins()
        deadline = None if timeout is None else self.now() + timeout
        try:
            while not self.is_held:
                left_s = None if deadline is None else max(0.0, deadline - self.now())
                if not (yield Wait(lambda: self._claim() is None, left_s)):
                    raise LeaseHeld(f"waited {timeout} s for the lease {self.name!r}, which {self.holder()} holds")
                self.awake()
                if self._write(anew=True) and not (yield Wait(lambda: not self._is_ours(), self.settle_s)):
                    self._confirm()
        finally:
            if not self.is_held:
                self._give_up()

    def _confirm(self) -> None:
        self._space.watch(self._row, self._changed)
        self.acquired()
        self.is_held = True
        if not self._is_ours():  # while we were about to watch
            self._changed(())

    def _write(self, *, anew: bool) -> bool:
        """Write the row: to claim it if nobody has it, or to renew what is ours.  Return whether we did."""
        asked_at, done = self.now(), []

        def decide(rows: Rows) -> Iterator[Row]:
            claim, host = self._seen_in(rows), self.host
            if anew is (claim is None) and (claim is None or claim.token == self.token):
                if anew:
                    told = [said.token for said in map(claim_of, rows.siblings(HOLDER)) if said is not None]
                    self.token = max([host._ledger.clock.tick(host._wall_ms()), *(token + 1 for token in told)])
                done.append(True)
                until_ms = host.seen_ms() + round(self.ttl_s * 1000)
                yield HOLDER, tuple(Claim(self.token, until_ms, host.me.name, host.me.id))

        self._space.change(self._row, decide, ttl=self.ttl_s)
        if done:
            self.until = asked_at + holds_for_s(self.ttl_s, self.host.options.lease_margin_s)
        return bool(done)

    # -- holding ----------------------------------------------------------------------------------

    def renewing(self) -> Story:
        """Write the row again, if it is still ours."""
        if self.left_s():
            self._write(anew=False)
        return
        yield

    def release(self) -> None:
        """Remove the row, if it is ours."""
        self._lost_told = True
        self._give_up()

    def _give_up(self) -> None:
        self.is_held = False
        self._space.unwatch(self._row, self._changed)
        if self.token and self.lives() and self._is_ours():
            self._space.change(self._row, self._removed)

    def _removed(self, rows: Rows) -> Iterator[Row]:
        claim = self._seen_in(rows)
        if claim is not None and claim.token == self.token:
            yield HOLDER, GONE

    def _changed(self, parts: Sequence[Any]) -> None:
        """The row was written, or ran out.  Under the lock."""
        claim = self._seen_in(self._space.live_rows(self._row))
        if self.is_held and (claim is None or claim.token != self.token):
            self.is_held = False
            self.tell_lost()
