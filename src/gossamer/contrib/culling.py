"""Keeps the entries of a shelf below a number: what came first is removed.

Counting is O(entries), so it is not done at each write.  A process counts once while it adds 1 / 64 of what
is allowed; so each other process that adds at the same time may exceed that by as much.
"""

from __future__ import annotations

from collections.abc import Collection

from .shelf import Shelf

COUNTS_UNTIL_FULL = 64

_uncounted: dict[tuple[str, int], int] = {}
"""(Location, entries allowed) -> how many entries this process may add before it counts again."""


def make_room(shelf: Shelf, location: str, names: Collection[str], entries_max: int, frequency: int) -> None:
    """See to it that those of `names` that are new fit into `shelf`, beside what is there.

    If they do not, one in `frequency` of all entries is removed, for everybody; with a frequency of 0, all.
    """
    new = sum(name not in shelf for name in names)
    left = _uncounted.get((location, entries_max), 0) - new
    if new and left < 0:
        entries = shelf.keys()
        room = entries_max - len(entries) - new
        if room < 0 and frequency == 0:
            shelf.clear()
            room += len(entries)
        elif room < 0:
            victims = entries[: max(-room, len(entries) // frequency)]
            shelf.discard_many(victims)
            room += len(victims)
        left = min(room, entries_max // COUNTS_UNTIL_FULL)
    _uncounted[location, entries_max] = left
