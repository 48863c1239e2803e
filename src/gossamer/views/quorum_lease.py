"""A lease that a majority of named voters grants: no two hold it at once, whatever the network does.

That rests on clocks whose *rates* differ by less than 2 %, on voters that are who they say, and on
voters that wait a ttl after a start; on nothing else.  A side without a majority has no holder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import ConfigurationError, LeaseHeld, NoQuorum
from ..protocol.candidacy import Candidacy, Phase, holds_for_s
from .leases import Host, LeaseState, Story, Wait, checked_voters
from .space import GONE, Row, Rows
from .spaces import LEASE

TOKEN, HOLDER = "token", "holder"
SLEPT_S_MIN = 0.01
"""Less than that is how well two clocks can be compared, and no sleep."""


class QuorumState(LeaseState):
    """One program's share in a quorum lease."""

    def __init__(self, host: Host, name: str, voters: Sequence[Any], ttl: float, timeout: float | None) -> None:
        super().__init__(host, name, ttl, timeout)
        self.voters = checked_voters(voters)
        self._row = ("quorum", self.name)
        self._space = host._space(LEASE)
        margin_s = host.options.lease_margin_s
        if holds_for_s(self.ttl_s, margin_s) <= 0:
            raise ConfigurationError(f"ttl={ttl!r} leaves nothing to hold: it must exceed lease_margin_s = {margin_s}")
        number = host.replica.rng.getrandbits(53)
        self._candidacy = Candidacy(
            self.name, self.voters, round(self.ttl_s * 1000), margin_s, number, changed=self._changed
        )

    @property
    def has_quorum(self) -> bool:
        """Whether a majority of the voters is there, as far as we know."""
        return len(self.host.replica.voting.present(self.voters)) >= self._candidacy.majority

    def holder(self) -> str | None:
        """Return the name of who holds it, as far as we have heard."""
        told = _told(self._space.rows(self._row).get(HOLDER))
        return None if told is None else told[0]

    # -- acquiring --------------------------------------------------------------------------------

    def acquiring(self, timeout: float | None) -> Story:
        """Ask the voters, again and again."""
        self.release()
        self.begins()
        self._check_terms()
        candidacy, won = self._candidacy, False
        deadline = None if timeout is None else self.now() + max(timeout, candidacy.attempt_s + 0.1)
        try:
            while not won:
                self._boot = self.host.replica.identity.boot
                candidacy.floor = max(candidacy.floor, self._greatest_token())
                self.awake()
                self._in_loop(lambda: self.host.replica.voting.run(candidacy, self.host.clock.monotonic()))
                left_s = None if deadline is None else max(0.0, deadline - self.now())
                if not (yield Wait(lambda: candidacy.phase is Phase.HELD or self._is_other_life(), left_s)):
                    raise self._why(timeout)
                won = not self._is_other_life()
                self._take()
        finally:
            if not won:
                self._in_loop(lambda: self.host.replica.voting.withdraw(candidacy))

    def _take(self) -> None:
        self.token, self.until = self._candidacy.token, self._candidacy.until
        self.acquired()
        self.is_held = True
        self._tell()
        self._changed()  # it may be over already

    def _tell(self) -> None:
        """Let all know of the token, so that a later ballot exceeds it, and, for a while, of us."""
        token = self.token

        def later(rows: Rows) -> Iterator[Row]:
            if self._greatest_in(rows) < token:
                yield TOKEN, token

        self._space.change(self._row, later)
        self._tell_holder()

    def _tell_holder(self) -> None:
        told = self.host.me.name, self._candidacy.ttl_ms, self.voters
        self._space.write(self._row, [(HOLDER, told)], ttl=self.ttl_s)

    def _check_terms(self) -> None:
        """Two candidates with other voters would each have a majority of their own."""
        told = _told(self._space.rows(self._row).get(HOLDER))
        if told is not None and told[1:] != (self._candidacy.ttl_ms, self.voters):
            raise ConfigurationError(
                f"{told[0]} holds the lease {self.name!r} with voters={list(told[2])} and ttl={told[1] / 1000}, and we "
                f"would ask {list(self.voters)} for ttl={self.ttl_s}: give the same in every program.  To change them, "
                "let the lease run out first"
            )

    def _greatest_token(self) -> int:
        return self._greatest_in(self._space.rows(self._row))

    def _greatest_in(self, rows: Rows) -> int:
        return max((token for token in rows.siblings(TOKEN) if type(token) is int), default=0)

    def _is_other_life(self) -> bool:
        return bool(self.host.replica.identity.boot != self._boot)

    def _why(self, timeout: float | None) -> LeaseHeld | NoQuorum:
        candidacy = self._candidacy
        if candidacy.blocker is not None:
            name, wait_s = candidacy.blocker
            return LeaseHeld(
                f"waited {timeout} s for the lease {self.name!r}, for which {name} has the votes, for at most "
                f"{wait_s:.1f} s more unless it renews"
            )
        missing = candidacy.missing if candidacy.failures else candidacy.silent()
        twice = "".join(
            f"; two peers call themselves {name!r}, and neither counts" for name in sorted(candidacy.doubled)
        )
        waits = "" if missing else "; they have started within the last ttl, or vote under other terms"
        return NoQuorum(
            f"waited {timeout} s for {candidacy.majority} of the voters {', '.join(self.voters)} to grant the lease "
            f"{self.name!r}; without an answer: {', '.join(missing) or 'none'}{twice}{waits}"
        )

    # -- holding ----------------------------------------------------------------------------------

    def renewing(self) -> Story:
        """Ask the voters to go on promising; whoever cannot be reached in time ends it no earlier."""
        candidacy, slept_s = self._candidacy, self._slept_s
        if not self.left_s():
            return
        before = candidacy.until
        self.host._before_use()
        if self.host.clock.slept() - slept_s > SLEPT_S_MIN:
            return  # the machine slept since it was acquired: what the loop's clock says of it is too late
        renewed: list[bool] = []

        def begin() -> None:
            self.host.replica.voting.renew(candidacy, self.host.clock.monotonic())
            renewed.append(True)

        self._in_loop(begin)
        yield Wait(lambda: renewed and candidacy.phase is not Phase.RENEWING, candidacy.attempt_s + 0.1)
        if candidacy.phase is not Phase.ENDED and candidacy.until > before and self.is_held:
            self.until = candidacy.until
            self._tell_holder()

    def release(self) -> None:
        """Give the votes back."""
        self._lost_told = True
        if self.is_held:
            self.is_held = False
            if self.lives():
                self._space.change(self._row, self._forgotten)
                self._in_loop(lambda: self.host.replica.voting.withdraw(self._candidacy))

    def _forgotten(self, rows: Rows) -> Iterator[Row]:
        told = _told(rows.get(HOLDER))
        if told is not None and told[0] == self.host.me.name:
            yield HOLDER, GONE

    def _changed(self) -> None:
        """The candidacy has moved.  In the loop."""
        if self._candidacy.phase is Phase.ENDED and self.is_held:
            self.is_held = False
            self.tell_lost()

    def _in_loop(self, fn: Callable[[], object]) -> None:
        def run() -> None:
            fn()
            self.host.replica.timers.soon(self.host.clock.monotonic())
            self.host.driver.perform()

        self.host.driver.call_soon(run)


def _told(value: Any) -> tuple[str, int, tuple[str, ...]] | None:
    """Return who said to hold it, for how many ms, and granted by whom; None for what a stranger put there."""
    if type(value) is tuple and list(map(type, value)) == [str, int, tuple]:
        return value
    return None
