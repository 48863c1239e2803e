"""What is known of one counter: how much each origin has added and subtracted, ever.  Pure.

1. Only an origin itself writes its slot, (added, subtracted), and both only rise.  So of
   several records of one origin the greatest is right, in whatever order they come, and
   however often they were folded into somebody else's record.
2. A reset remembers what of each slot had been seen.  What was added unknown to it stays.
3. The value is one exact sum, rounded once, so it does not depend on the order of the slots:
   every peer that holds the same rows reads the same float, to the last bit.

A row's part says what it is: `origin` is that origin's slot; `(origin, "folded")` the slots
of others, now gone, that it keeps for them; `(origin, "reset")` what it has reset.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

Slot = tuple[int | float, int | float]
"""All that was ever added, and all that was ever subtracted; neither is negative."""

NOTHING: Final[Slot] = (0, 0)
FOLDED: Final = "folded"
RESET: Final = "reset"


class Tally:
    """Slots and resets by origin, out of (part, value) rows; rows that hold neither are passed over."""

    __slots__ = ("folders", "resets", "slots", "writers")

    def __init__(self, rows: Iterable[tuple[Any, Any]] = ()) -> None:
        self.slots: dict[bytes, Slot] = {}
        self.resets: dict[bytes, Slot] = {}
        self.writers: set[bytes] = set()
        """Origins that have a row of their own."""
        self.folders: dict[bytes, set[bytes]] = {}
        """Whose slots each folder keeps."""
        for part, value in rows:
            self._enter(part, value)

    def _enter(self, part: Any, value: Any) -> None:
        match part:
            case bytes():
                slot = slot_of(value)
                if slot is not None:
                    self.writers.add(part)
                    raise_to(self.slots, part, slot)
            case (bytes(origin), "folded" | "reset" as kind) if isinstance(value, dict):
                self.writers.add(origin)
                for of, item in value.items():
                    slot = slot_of(item)
                    if type(of) is bytes and slot is not None:
                        raise_to(self.slots, of, slot)
                        if kind == RESET:
                            raise_to(self.resets, of, slot)
                        else:
                            self.folders.setdefault(origin, set()).add(of)

    @property
    def value(self) -> int | float:
        """The sum: an int as long as nobody counted in floats."""
        return exact_sum(self._terms())

    def _terms(self) -> Iterator[int | float]:
        for added, subtracted in self.slots.values():
            yield from (added, -subtracted)
        for added, subtracted in self.resets.values():
            yield from (-added, subtracted)

    def folded(self, gone: set[bytes], into: bytes) -> dict[Any, Any]:
        """Return the rows, by part, in which `into` keeps what the origins `gone` had written."""
        keepers = {into, *gone}
        kept = gone.union(*(of for origin, of in self.folders.items() if origin in keepers)) - {into}
        rows: dict[Any, Any] = {(into, FOLDED): {of: list(self.slots[of]) for of in sorted(kept & self.slots.keys())}}
        if self.resets:
            rows[into, RESET] = records(self.resets)
        return rows


def slot_of(value: Any) -> Slot | None:
    """Return the slot that a row's value is, None if it is none."""
    if isinstance(value, list) and len(value) == 2 and all(map(_is_amount, value)):
        return value[0], value[1]
    return None


def _is_amount(number: Any) -> bool:
    return (type(number) is int or (type(number) is float and math.isfinite(number))) and number >= 0


def raise_to(slots: dict[bytes, Slot], origin: bytes, slot: Slot) -> None:
    """Take the greater of what is known of an origin already and `slot`, of each half."""
    added, subtracted = slots.get(origin, NOTHING)
    slots[origin] = max(added, slot[0]), max(subtracted, slot[1])


def records(slots: Mapping[bytes, Slot]) -> dict[bytes, list[int | float]]:
    """Return slots as a row's value holds them, in one order, so that equal ones have equal bytes."""
    return {origin: list(slots[origin]) for origin in sorted(slots)}


def exact_sum(terms: Iterable[int | float]) -> int | float:
    """Return the sum of finite numbers, whatever their order, rounded once if there is a float."""
    whole, fractions = 0, list[float]()
    for term in terms:
        if type(term) is int:
            whole += term
        else:
            fractions.append(term)
    if not fractions:
        return whole
    try:
        return float(sum(map(Fraction, fractions), Fraction(whole))) if whole else math.fsum(fractions)
    except OverflowError:
        return whole + sum(sorted(fractions))
