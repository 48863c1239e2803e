"""A figure of the project: what is measured, beside what, and how the table of them looks.

A figure is a number of rounds, each with the reading and that of a named reference
taken a moment before or after: the machine's mood divides out of their ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """One round: ours, and the reference's in the same unit."""

    value: float
    reference: float


Measure = Literal["value", "ratio"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure should be: of its value, or of its ratio to the reference."""

    at_least: float
    aim: float
    of: Measure = "value"
    aim_of: Measure = "value"
    better: Literal["more", "less"] = "more"

    def verdict(self, value: float, ratio: float) -> str:
        """Say how far the medians have come."""
        if self._reaches(ratio if self.aim_of == "ratio" else value, self.aim):
            return "aim"
        return "enough" if self._reaches(ratio if self.of == "ratio" else value, self.at_least) else "BELOW"

    def _reaches(self, found: float, wanted: float) -> bool:
        return found >= wanted if self.better == "more" else found <= wanted

    def __str__(self) -> str:
        sign = ">=" if self.better == "more" else "<="
        times = ["x" if of == "ratio" else "" for of in (self.of, self.aim_of)]
        return f"{sign} {short(self.at_least)}{times[0]}, aim {short(self.aim)}{times[1]}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A name, its rounds, and what they are held against."""

    name: str
    unit: str
    reference: str
    readings: tuple[Reading, ...]
    bound: Bound | None = None

    @property
    def values(self) -> list[float]:
        return [reading.value for reading in self.readings]

    @property
    def ratios(self) -> list[float]:
        return [reading.value / reading.reference for reading in self.readings]

    def row(self) -> list[str]:
        """Return the cells of the table, in the order of `TITLES`."""
        references = [reading.reference for reading in self.readings]
        wanted, verdict = "", ""
        if self.bound is not None:
            wanted = str(self.bound)
            verdict = self.bound.verdict(median(self.values), median(self.ratios))
        return [
            self.name,
            f"{short(median(self.values))} {self.unit}",
            spread(self.values),
            f"{short(median(references))} {self.reference}",
            f"{median(self.ratios):.3g}x",
            spread(self.ratios),
            wanted,
            verdict,
        ]


TITLES = ["figure", "median", "spread", "reference", "ratio", "spread", "wanted", ""]


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of a table of figures."""
    rows = [TITLES, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def spread(numbers: Sequence[float]) -> str:
    """Return the least and the greatest."""
    return f"{short(min(numbers))}..{short(max(numbers))}"


def short(number: float) -> str:
    """Return a number in three digits, with k and M for thousands and millions."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
