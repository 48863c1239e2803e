"""Who serves what, and who takes part in which channel: rows of the map that every peer has, hidden from the mapping.

One row for each (role, name, boot), put by that boot and removed when it leaves.  A row of a
boot that is not there any more means nothing; see `stale`.  The index is kept up as rows
change, so a mesh without services pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..wire.keys import SpaceKey
from .spaces import OFFER

SERVES = "serve"
SENDS = "send"
HEARS = "hear"
BOOT_BYTES = 12
STALE_AFTER_S = 3600
"""A boot that started longer ago, and that nobody here knows, will not come back."""


def offer_key(role: str, name: str, boot: bytes) -> SpaceKey:
    """Return where it stands that `boot` has this role for this name."""
    return SpaceKey(OFFER, (role, name, boot))


class Offers:
    """The index of all rows.  Written under the lock, read from any thread without it."""

    __slots__ = ("_boots", "on_change")

    def __init__(self) -> None:
        self._boots: dict[tuple[str, str], tuple[bytes, ...]] = {}
        self.on_change: Callable[[], None] = lambda: None

    def note(self, key: Any, is_there: bool) -> None:
        """A row was put or removed.  What is none, in its space, is ignored.  O(boots with the same role and name)."""
        match key:
            case (str(role), str(name), bytes(boot)) if len(boot) == BOOT_BYTES:
                boots = tuple(other for other in self._boots.get((role, name), ()) if other != boot)
                if is_there:
                    boots = (*boots, boot)
                if boots:
                    self._boots[role, name] = boots
                else:
                    self._boots.pop((role, name), None)
                self.on_change()

    def boots(self, role: str, name: str) -> tuple[bytes, ...]:
        """Return who has this role for this name, there or not."""
        return self._boots.get((role, name), ())

    def names(self, role: str) -> dict[str, tuple[bytes, ...]]:
        """Return all that somebody has this role for, and who."""
        return {name: boots for (each, name), boots in list(self._boots.items()) if each == role}

    def of(self, boot: bytes) -> list[SpaceKey]:
        """Return the rows of one boot."""
        return [offer_key(*name, boot) for name, boots in list(self._boots.items()) if boot in boots]

    def stale(self, known: Iterable[bytes], wall_s: int) -> list[SpaceKey]:
        """Return the rows of boots that are not `known` and started long ago: they died, and nobody tidied up."""
        here = set(known)
        return [
            offer_key(*name, boot)
            for name, boots in list(self._boots.items())
            for boot in boots
            if boot not in here and int.from_bytes(boot[:4], "big") < wall_s - STALE_AFTER_S
        ]
