"""Figures as people read them; the unit is the end of a figure's name."""

from __future__ import annotations

import math

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_BITS = ((1e9, "Gbit"), (1e6, "Mbit"), (1e3, "kbit"), (1.0, "bit"))


def shown(figure: str, value: float) -> str:
    """Return a figure with its unit: `shown("agreement_s", 0.25)` is "250 ms"."""
    if math.isnan(value):
        return "–"
    base, rate = (figure.removesuffix("_per_s"), "/s") if figure.endswith("_per_s") else (figure, "")
    match base.rpartition("_")[2]:
        case "s":
            return scaled(value, _SECONDS) + rate
        case "ms":
            return scaled(value / 1000, _SECONDS) + rate
        case "bytes":
            return scaled(value, _BYTES) + rate
        case "bits":
            return scaled(value, _BITS) + rate
        case "share":
            return f"{value:.1%}".replace("%", " %")
    return plain(value) + rate


def label(figure: str) -> str:
    """Return the name of a figure in words, without its unit."""
    base, rate = (figure.removesuffix("_per_s"), ", a second") if figure.endswith("_per_s") else (figure, "")
    words, _, unit = base.rpartition("_")
    return (words if words and unit in ("s", "ms", "bytes", "bits", "share") else base).replace("_", " ") + rate


def counted(number: int, noun: str) -> str:
    """Return how many there are: "no cut", "1 cut", "2 cuts"."""
    return f"{plain(number) if number else 'no'} {noun}{'s' if number > 1 else ''}"


def scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    """Return `value` in the greatest unit of which it is at least one."""
    for size, unit in units:
        if abs(value) >= size:
            return f"{plain(value / size)} {unit}"
    return f"{plain(value / units[-1][0])} {units[-1][1]}" if value else f"0 {units[0][1]}"


def plain(value: float) -> str:
    """Return a number with three digits that count, thousands set apart."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"
