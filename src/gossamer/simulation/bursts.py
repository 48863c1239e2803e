"""Loss that comes in bursts: each link is good or bad for a while, and while it is bad, nothing arrives.

Both times are exponential, so that a link spends `share` of its time in bursts that last
`mean_s` on average.  This is the model of Gilbert (1960) and Elliott (1963) in continuous
time, with nothing lost in the good state and everything in the bad one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class _Phase:
    bad: bool
    until: float


class Bursts:
    """The phases of every link, each asked for when something is sent there."""

    __slots__ = ("_phases", "_rng", "mean_s", "share")

    def __init__(self, rng: random.Random) -> None:
        self.share = 0.0
        """Share of its time that a link is bad."""
        self.mean_s = 0.2
        """How long it is bad, on average."""
        self._rng = rng
        self._phases: dict[tuple[str, str], _Phase] = {}

    def loses(self, sender: str, receiver: str, now: float) -> bool:
        """Return whether the way from one to the other is bad now.  O(phases since it was last asked)."""
        if self.share >= 1:
            return True
        phase = self._phases.get((sender, receiver))
        if phase is None:
            bad = self._rng.random() < self.share
            phase = self._phases[sender, receiver] = _Phase(bad, now + self._lasts_s(bad))
        while phase.until <= now:
            phase.bad = not phase.bad
            phase.until += self._lasts_s(phase.bad)
        return phase.bad

    def _lasts_s(self, bad: bool) -> float:
        mean_s = self.mean_s if bad else self.mean_s * (1 - self.share) / self.share
        return self._rng.expovariate(1 / mean_s)
