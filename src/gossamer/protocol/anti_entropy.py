"""What we lack, when to ask for it, and whom: one repair ladder for every kind of gap.

A gap (a held batch, a missing dependency, a head that a beacon shows) waits for a short
random time, so that reordering alone costs nothing and one of many receivers asks for
all: hearing another's request silences ours for a while.  Then the origin is asked for
the batches; after two tries, or when too much is missing, a whole exchange is made.
The timer is the truncated exponential of RFC 5401 (NORM): n receivers of one loss send
about two requests, not n.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from ..crdt.dots import Origin
from ..options import Options

TRIES_MAX = 2
LIKELY_WRITES_A_BATCH = 32


@dataclass(slots=True)
class Gap:
    """The batches of `origin` in (after, until] are missing."""

    origin: Origin
    after: int
    until: int
    due: float
    tries: int = 0


class AntiEntropy:
    """The gaps we know of, and the exchanges that we want."""

    __slots__ = ("_options", "_rng", "gaps", "wanted")

    def __init__(self, options: Options, rng: random.Random) -> None:
        self._options = options
        self._rng = rng
        self.gaps: dict[Origin, Gap] = {}
        self.wanted: dict[bytes, float] = {}
        """Boot of a member -> when to exchange with it."""

    def backoff_s(self, members: int) -> float:
        """Return a random wait, short for few and late for most (RFC 5401, section 3.2.1)."""
        spread = 4 * self._options.repair_floor_s
        rate = math.log(members + 1) + 1
        u = self._rng.random()
        return self._options.repair_floor_s + spread / rate * math.log(1 + u * (math.exp(rate) - 1))

    def jitter_s(self, interval_s: float) -> float:
        """Return a random wait of up to two beacon intervals, so that not all exchange at once."""
        return self._rng.uniform(0, 2 * interval_s)

    def missing(self, origin: Origin, after: int, until: int, now: float, members: int) -> None:
        """Note that (after, until] of `origin` is missing."""
        gap = self.gaps.get(origin)
        if gap is None:
            self.gaps[origin] = Gap(origin, after, until, now + self.backoff_s(members))
        else:
            gap.after, gap.until = after, max(gap.until, until)

    def filled(self, origin: Origin, head: int) -> None:
        """Everything of `origin` up to `head` is known now."""
        gap = self.gaps.get(origin)
        if gap is not None:
            if gap.until <= head:
                del self.gaps[origin]
            elif head > gap.after:
                gap.after, gap.tries = head, 0

    def overheard(self, origin: Origin, after: int, until: int, now: float, members: int) -> None:
        """Somebody else asked for this: ours waits twice as long."""
        gap = self.gaps.get(origin)
        if gap is not None and after <= gap.after and until >= gap.until:
            gap.due = max(gap.due, now + 2 * self.backoff_s(members))

    def due_gaps(self, now: float) -> list[Gap]:
        """Return the gaps whose time has come."""
        return [gap for gap in self.gaps.values() if gap.due <= now]

    def beyond_repair(self, gap: Gap) -> bool:
        """Return whether only an exchange helps: asked twice already, or too much is missing."""
        too_many = self._options.repair_batches_max * LIKELY_WRITES_A_BATCH
        return gap.tries >= TRIES_MAX or gap.until - gap.after > too_many

    def asked(self, gap: Gap, now: float, members: int) -> None:
        """A repair was asked for; the next try comes later."""
        gap.tries += 1
        gap.due = now + (2 << gap.tries) * self.backoff_s(members)

    def want(self, boot: bytes, due: float) -> None:
        """Exchange with `boot` at `due`, or earlier if that was planned."""
        self.wanted[boot] = min(due, self.wanted.get(boot, math.inf))

    def next_wanted(self) -> float:
        """Return when an exchange is due."""
        return min(self.wanted.values()) if self.wanted else math.inf

    def next_due(self) -> float:
        """Return when something is due."""
        wanted = self.next_wanted()
        return min(wanted, min(gap.due for gap in self.gaps.values())) if self.gaps else wanted
