"""Which kinds of objects there are, each with a space of keys of its own; and how many such keys a map holds.

The numbers are on the wire: one that was used is never used for anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from ..crdt.writes import Held, Key, Replaced
from ..wire.keys import SpaceKey
from .space import Space

if TYPE_CHECKING:
    from .mapping import MeshMapping

COUNTER: Final = 1
SET: Final = 2
LIST: Final = 3
VALUE: Final = 4
OBJECT: Final = 5
LEASE: Final = 6
CHANNEL: Final = 7
OFFER: Final = 8
"""Who serves what, and takes part in which channel: see `offers`."""


class Attentive(Protocol):
    """An object that keeps something beside its rows."""

    def attend(self) -> None:
        """Watch the rows from now on."""


Kept = TypeVar("Kept", bound=Attentive)


class Spaces:
    """The spaces of one mesh that are in use.  But for `space`, all is called under the ledger's lock."""

    __slots__ = ("_kept", "_lapsed", "_making", "_mapping", "_used", "count")

    def __init__(self, mapping: MeshMapping) -> None:
        self.count = sum(type(key) is SpaceKey for key in mapping._live)
        """How many keys of reserved spaces are live and not hidden by their expiry: `len` leaves these out."""
        self._mapping = mapping
        self._used: dict[int, Space] = {}
        self._making: list[tuple[int, list[Replaced]]] = []
        """What was replaced while a space is being made, in whichever thread, by the space's number."""
        self._kept: dict[tuple[int, Any], Any] = {}
        self._lapsed: set[SpaceKey] = set()

    def space(self, number: int) -> Space:
        """Return one space, made and indexed when it is first asked for: O(keys of the mesh) if any is reserved."""
        space = self._used.get(number)
        return self._made(number) if space is None else space

    def _made(self, number: int) -> Space:
        """Make a space: its rows are looked for without the lock, and what changes meanwhile is put right after.

        Two threads that make one at once both do that, and the first to finish is right.
        """
        making: tuple[int, list[Replaced]] = number, []
        with self._mapping._ledger.lock:
            live = self._mapping._live.copy() if self.count else {}
            space = Space(self._mapping, number)
            self._making.append(making)
        try:
            space.index(live)
        finally:
            with self._mapping._ledger.lock:
                self._making = [other for other in self._making if other is not making]
                if number not in self._used:
                    space.replaced(making[1])
                    self._used[number] = space
        return self._used[number]

    def kept(self, number: int, name: Any, make: Callable[[Space, Any], Kept]) -> Kept:
        """Return the one object of this kind and name, made with `make(space, name)` when it is first asked for."""
        found: Any = self._kept.get((number, name))
        if found is None:
            made = make(self.space(number), name)
            found = self._kept.setdefault((number, name), made)
            if found is made:
                made.attend()
        return cast(Kept, found)

    def replaced(self, replaced: Sequence[Replaced]) -> list[SpaceKey]:
        """Count what came and went; return, for each object in use that changed, `SpaceKey(number, (name,))`."""
        rows = [row for row in replaced if type(row[0]) is SpaceKey]
        for key, before, after in rows:
            assert type(key) is SpaceKey
            was_counted = before is not None and key not in self._lapsed
            self._lapsed.discard(key)
            self.count += (after is not None) - was_counted
            if key.space == OFFER:
                self._mapping.offers.note(key.key, after is not None)
        return self._index(rows) if rows and (self._used or self._making) else []

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> list[SpaceKey]:
        """Leave out what has just ceased to be seen; return the objects in use that this concerns."""
        rows = []
        for key, _, held in lapsed:
            if type(key) is SpaceKey:
                if key in self._mapping._hidden and key not in self._lapsed:
                    self._lapsed.add(key)
                    self.count -= 1
                rows.append(Replaced(key, None, held))
        return self._index(rows) if rows and (self._used or self._making) else []

    def _index(self, rows: Sequence[Replaced]) -> list[SpaceKey]:
        changed = []
        for number, missed in self._making:
            missed += [row for row in rows if row.key.space == number]  # type: ignore[attr-defined]
        for number, space in self._used.items():
            own = [row for row in rows if row.key.space == number]  # type: ignore[attr-defined]
            for name in space.replaced(own) if own else ():
                changed.append(SpaceKey(number, (name,)))
                if type(name) is tuple and len(name) > 2 and name[0] == "object":  # of the content of an object
                    changed.append(SpaceKey(OBJECT, ((name[1],),)))
        return changed
