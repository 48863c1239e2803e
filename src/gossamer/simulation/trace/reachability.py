"""Who does not reach whom in a network, as sides or as single ways, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Reaches = Callable[[str, str], bool]

PAIRS_OF_NODES_MAX = 64
"""Up to so many nodes, every pair is asked for; of more, sides are found and single ways are not."""


@dataclass(frozen=True, slots=True)
class Rift:
    """What is cut: the sides of a partition, or else single ways (sender, receiver)."""

    sides: tuple[tuple[str, ...], ...] = ()
    ways: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sides or self.ways)


@dataclass(slots=True)
class Cut:
    """A rift, and how long it lasted."""

    rift: Rift
    since: float
    until: float | None = None
    """None while it lasts."""


def rift_of(names: Sequence[str], reaches: Reaches) -> Rift:
    """Return what is cut between these nodes.  O(n²) up to 64 nodes, else O(n · sides)."""
    sides = sides_of(names, reaches)
    if len(names) > PAIRS_OF_NODES_MAX:
        return Rift(sides if len(sides) > 1 else ())
    side_of = {name: number for number, side in enumerate(sides) for name in side}
    ways = [(a, b) for a in names for b in names if a != b and not reaches(a, b)]
    if ways == [(a, b) for a in names for b in names if side_of[a] != side_of[b]]:
        return Rift(sides if len(sides) > 1 else ())
    return Rift(ways=tuple(ways))


def sides_of(names: Sequence[str], reaches: Reaches) -> tuple[tuple[str, ...], ...]:
    """Put each node to the first side whose first node it reaches, and is reached by."""
    sides: list[list[str]] = []
    for name in names:
        for side in sides:
            if reaches(name, side[0]) and reaches(side[0], name):
                side.append(name)
                break
        else:
            sides.append([name])
    return tuple(map(tuple, sides))
