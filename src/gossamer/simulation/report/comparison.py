"""What differs between the results of two versions: by scenario and figure, over the seeds that ran.

A run is a function of its seed, so runs of the same seed are compared pair by pair, too:
a figure that rose under nearly every seed has risen, however far the seeds lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from ..result import Result

CLEAR_P = 0.01
"""A change that chance alone would bring about less often than this is called clear."""

Played = tuple[str, str, int, str]
"""Scenario, variant, nodes and world."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Several values of a figure."""

    count: int
    least: float
    lower: float
    """A quarter of them are below."""
    middle: float
    upper: float
    """A quarter of them are above."""
    most: float


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one scenario, before and after."""

    played: Played
    figure: str
    before: Spread
    after: Spread
    rose: int
    """Seeds under which it rose."""
    fell: int

    @property
    def ratio(self) -> float:
        """The median after, by the median before; NaN where that is 0."""
        return self.after.middle / self.before.middle if self.before.middle else math.nan

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance: a sign test over the seeds."""
        return sign_test(self.rose, self.fell) < CLEAR_P

    @property
    def verdict(self) -> str:
        """The change in a word or two."""
        if not self.rose and not self.fell and self.before == self.after:
            return "same"
        if not self.is_clear:
            return "within chance"
        return "higher" if self.rose > self.fell else "lower"


def changes(before: Iterable[Result], after: Iterable[Result]) -> list[Change]:
    """Return every figure that both have, in the order of scenarios and names."""
    old, new = by_figure(before), by_figure(after)
    found = []
    for played, figure in sorted(old.keys() & new.keys()):
        was, is_now = old[played, figure], new[played, figure]
        pairs = [(was[seed], is_now[seed]) for seed in was.keys() & is_now.keys()]
        rose, fell = sum(b > a for a, b in pairs), sum(b < a for a, b in pairs)
        found.append(Change(played, figure, spread(list(was.values())), spread(list(is_now.values())), rose, fell))
    return found


def by_figure(results: Iterable[Result]) -> dict[tuple[Played, str], dict[int, float]]:
    """Return for each scenario and figure the value under each seed; what was skipped has none."""
    found: dict[tuple[Played, str], dict[int, float]] = {}
    for result in results:
        if result.outcome != "skipped":
            for figure, value in {**result.figures, "cpu_s": result.cpu_s}.items():
                found.setdefault((played(result), figure), {})[result.seed] = value
    return found


def played(result: Result) -> Played:
    """Return what was played, seed and version left out."""
    return result.scenario, result.variant, result.nodes, result.world


def spread(values: Sequence[float]) -> Spread:
    """Summarise at least one value."""
    lower, middle, upper = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Spread(len(values), min(values), lower, median(values) if len(values) > 1 else middle, upper, max(values))


def sign_test(rose: int, fell: int) -> float:
    """Return how often chance alone would be at least as one-sided.  O(seeds)."""
    seeds, fewer = rose + fell, min(rose, fell)
    if not seeds:
        return 1.0
    one_sided = sum(math.comb(seeds, k) for k in range(fewer + 1)) / (1 << seeds)
    return min(1.0, 2 * one_sided)
