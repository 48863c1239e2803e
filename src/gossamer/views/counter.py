"""A number that all peers add to and subtract from, and that loses no step of any of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import UnsendableValue
from .observable import Observable
from .operators import ActsAsItsValue
from .space import GONE, Row, Rows, Space
from .tally import NOTHING, RESET, Slot, Tally, records, slot_of

FOLD_ORIGINS_MIN = 16
"""Slots of writers that have gone are folded when there are so many: each costs a row, and time in each read."""


class Counter(ActsAsItsValue, Observable):
    """A number to which every peer may add at any time, cut off or not; all steps count, each once.

    Made by `mesh.counter(name)`; all counters of one name are one.  Stands for its value in
    arithmetic and comparisons.  `counter += 1` adds.  Adding never waits, costs O(1), and
    travels as the sum of what was added since the last time it was sent.  Thread-safe.
    """

    def __init__(
        self,
        space: Space,
        name: Any,
        gone_of: Callable[[set[bytes]], set[bytes]],
        subscribe: Callable[..., None],
        unsubscribe: Callable[..., None],
    ) -> None:
        """`gone_of` says which of some origins nobody writes under any more, as far as we know."""
        self._space = space
        self._name = name
        self._gone_of = gone_of
        self._subscribe_to, self._unsubscribe_from = subscribe, unsubscribe

    @property
    def name(self) -> Any:
        """Its name."""
        return self._name

    @property
    def value(self) -> int | float:
        """The sum of all steps that we have heard of: an int, unless somebody counted in floats.

        O(writers that ever counted here).  The same everywhere, to the last bit, once the same was heard.
        """
        return Tally(self._space.rows(self._name).every()).value

    def add(self, amount: int | float = 1) -> None:
        """Add to it; a negative amount subtracts.  Raise UnsendableValue for what is no finite number."""
        step = _step(amount)
        if step != NOTHING:
            self._space.change(self._name, lambda rows: self._stepped(rows, step))

    def subtract(self, amount: int | float = 1) -> None:
        """Subtract from it."""
        self.add(-amount if isinstance(amount, int | float) else amount)

    def reset(self) -> None:
        """Take away what is known to have been added, here and now.

        Steps that others make meanwhile, and that we have not heard of, still count: so the value is 0
        here, and afterwards the sum of these everywhere.
        """
        self._space.change(self._name, self._reset)

    def __iadd__(self, amount: Any) -> Counter:
        self.add(amount)
        return self

    def __isub__(self, amount: Any) -> Counter:
        self.subtract(amount)
        return self

    def __repr__(self) -> str:
        return f"Counter({self._name!r}, {self.value!r})"

    # -- what is written: under the lock ----------------------------------------------------------

    def _stepped(self, rows: Rows, step: Slot) -> Iterator[Row]:
        origin = self._space.origin()
        slot = slot_of(rows.get(origin))
        if slot is None:  # our first step, or somebody took us for gone and keeps our slot
            tally = Tally(rows.every())
            slot = tally.slots.get(origin, NOTHING)
            yield from self._folded(rows, tally, origin)
        added, subtracted = slot[0] + step[0], slot[1] + step[1]
        if not (_is_finite(added) and _is_finite(subtracted)):
            raise UnsendableValue(f"the counter {self._name!r} would pass the greatest float, so nothing was added")
        yield origin, [added, subtracted]

    def _folded(self, rows: Rows, tally: Tally, origin: bytes) -> Iterator[Row]:
        """Keep the slots of writers that have gone in one row of ours, and remove theirs, in the same batch.

        Whoever is mistaken about who has gone, or folds what another folds too, does no harm: see `tally`.
        """
        if len(tally.writers) < FOLD_ORIGINS_MIN:
            return
        gone = self._gone_of(tally.writers - {origin})
        if len(gone) >= FOLD_ORIGINS_MIN:
            yield from tally.folded(gone, origin).items()
            yield from ((part, GONE) for part in rows if _owner(part) in gone)

    def _reset(self, rows: Rows) -> list[Row] | None:
        tally = Tally(rows.every())
        if tally.slots == tally.resets:
            return None
        return [((self._space.origin(), RESET), records(tally.slots))]

    # -- telling --------------------------------------------------------------------------------

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        self._subscribe_to(self._space.number, self._name, fn, call)

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        self._unsubscribe_from(self._space.number, self._name, fn)


def _step(amount: Any) -> Slot:
    """Return an amount as what it adds and what it subtracts."""
    if isinstance(amount, ActsAsItsValue):
        amount = amount.value
    if isinstance(amount, int):
        number: int | float = int(amount)
    elif isinstance(amount, float):
        number = float(amount)
    else:
        raise UnsendableValue(f"a counter takes int and float, not {type(amount).__name__}; nothing was added")
    if not _is_finite(number):
        raise UnsendableValue(f"a counter takes finite numbers, not {number!r}; nothing was added")
    return (number, 0) if number > 0 else (0, -number)


def _is_finite(number: int | float) -> bool:
    return type(number) is int or math.isfinite(number)


def _owner(part: Any) -> Any:
    return part[0] if type(part) is tuple and part else part
