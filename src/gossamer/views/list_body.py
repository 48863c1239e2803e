"""The rows of one list, in order: read as of one moment, and changed atomically.

1. The order is kept from one use to the next.  Whatever is written, by whomever, only marks its
   element, under the ledger's lock; the next to look puts those elements right.
2. Many of them, as when a long list is looked at for the first time, are put right in a copy and without the
   lock, so nobody who writes meanwhile waits; what was marked meanwhile is put right after.
3. Inside `mesh.batch()`, what the batch wrote is put right in a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count, islice
from typing import Any, Final, TypeVar

from ..errors import InvalidKey
from ..wire.keys import checked_key
from ..wire.values import IMMUTABLE_TYPES, decode_value, encode_value
from .list_order import ListOrder
from .positions import POSITION_BYTES_MAX, run, writer_of
from .rows import OverlaidRows, Rows
from .space import Row, Space

T = TypeVar("T")

AT_ONCE: Final = 256
"""So many elements are read, or put in order, under the lock."""

_FEW: Final = 8
_MOVES_AT_ONCE: Final = 1 << 23
"""To put one element in order moves those behind it, a thousand in a microsecond or two."""

_ROUNDS_MAX: Final = 3
"""Whoever finds that as much has changed again is not kept from looking for ever."""

_ROOMY_BYTES_MAX: Final = POSITION_BYTES_MAX // 4
"""Where a neighbourhood is laid out anew, places are at most so long: room for as many inserts again."""

_REACH: Final = 8
"""So many elements on either side are laid out anew at first; twice as many each time that that is not enough."""


class ListBody:
    """Thread-safe.  `_stale` are the parts that have changed since we looked; None for all of them."""

    def __init__(self, space: Space, name: Any) -> None:
        check_name(name)
        self._space, self._name = space, name
        self._numbers = count(1)
        self._attends = False
        self._order = ListOrder()
        self._stale: set[Any] | None = None
        self._renewals = 0
        self._missed: list[set[Any]] = []
        """What was marked while somebody puts a copy right: a set for each."""
        self._draft: _Draft | None = None

    def attend(self) -> None:
        """Watch the rows from now on."""
        self._space.watch(self._name, self._note)
        with self._space.lock:
            self._attends, self._stale = True, None

    def _note(self, parts: Sequence[Any]) -> None:
        if self._stale is not None:
            self._stale.update(parts)
        for missed in self._missed:
            missed.update(parts)

    def read(self, look: Callable[[ListOrder, Rows], T]) -> T:
        """Return `look(order, rows)`, as of one moment.

        It runs under the lock: quick, and using nothing of the mesh.
        """
        self._catch_up()
        rows = self._space.rows(self._name)
        with self._space.lock:
            return look(self._ordered(rows), rows)

    def elements(self, span: slice = slice(None)) -> tuple[list[bytes], list[Any]]:
        """Return ids and values of the elements at these indexes, as of one moment.  Many are read without the lock."""
        self._catch_up()
        rows = self._space.rows(self._name)
        with self._space.lock:
            pairs = self._ordered(rows).pairs(span)
            if len(pairs) <= AT_ONCE:
                return [id_ for _, id_ in pairs], [rows[id_] for _, id_ in pairs]
            rows = rows.frozen(pairs)
        return [id_ for _, id_ in pairs], [rows[id_] for _, id_ in pairs]

    def change(self, decide: Callable[[ListOrder, Rows], Iterable[Row] | None]) -> None:
        """Write the rows that `decide(order, rows)` returns, atomically among threads.  It runs under the lock.

        What it decides inside `mesh.batch()` stays decided, for places are each made once; but in a child that
        was forked meanwhile, which writes under a name of its own, it is decided again.
        """
        self._catch_up()
        made: tuple[bytes, list[Row]] | None = None

        def decide_once(rows: Rows) -> list[Row]:
            nonlocal made
            origin = self._space.origin()
            if made is None or made[0] != origin:
                made = origin, list(decide(self._ordered(rows), rows) or ())
            draft = self._draft
            if draft is not None and isinstance(rows, OverlaidRows) and rows.written is draft.written:
                draft.stale.update(part for part, _ in made[1])
            return made[1]

        try:
            self._space.change(self._name, decide_once)
        except BaseException:
            self._draft = None  # it may hold what was then refused
            raise

    # -- the order: without the lock ------------------------------------------------------------

    def _catch_up(self) -> None:
        """Put much that has changed right before the lock is taken; little is put right under it."""
        for _ in range(_ROUNDS_MAX):
            if not self._is_far_behind():  # without the lock: what is marked right now is little
                return
            with self._space.lock:
                if not self._is_far_behind():
                    return
                first, missed = self._stale is None, set[Any]()
                stale = set(self._stale or ())
                order = ListOrder() if first else self._order.copy()
                rows = self._space.live_rows(self._name).frozen()
                renewals = self._renewals
                self._missed = [*self._missed, missed]
            caught_up = False
            try:
                order.renew(rows if first else stale, rows)
                caught_up = True
            finally:
                with self._space.lock:
                    self._missed = [other for other in self._missed if other is not missed]
                    if caught_up and self._renewals == renewals:  # else another was faster
                        self._order, self._stale = order, missed
                        self._renewals += 1

    def _is_far_behind(self) -> bool:
        stale = self._stale
        if stale is None:
            return self._attends
        return len(stale) > AT_ONCE or (len(stale) > _FEW and len(stale) * len(self._order) > _MOVES_AT_ONCE)

    # -- the order: under the lock --------------------------------------------------------------

    def _ordered(self, rows: Rows) -> ListOrder:
        if not isinstance(rows, OverlaidRows):
            self._renew(rows)
            if self._draft is not None and self._draft.renewals != self._renewals:
                self._draft = None  # it would not be used again
            return self._order
        self._renew(rows.under)
        draft = self._draft
        if draft is None or draft.written is not rows.written or draft.renewals != self._renewals:
            draft = self._draft = _Draft(rows.written, self._order.copy(), self._renewals)
        draft.order.renew(draft.stale, rows)
        draft.stale.clear()
        return draft.order

    def _renew(self, rows: Rows) -> None:
        stale = self._stale
        if stale is None:
            self._order = ListOrder()
            self._order.renew(rows, rows)
            self._stale = set() if self._attends else None
        elif stale:
            self._order.renew(stale, rows)
            stale.clear()
        else:
            return
        self._renewals += 1

    # -- room ------------------------------------------------------------------------------------

    def lay(
        self, order: ListOrder, index: int, amount: int, without: bytes | None = None
    ) -> tuple[list[bytes], list[Row]]:
        """Return places for so many elements before that at `index`, and the rows that make room for them.

        Called from within a change.  `without` is an element that is about to leave its own place, and not counted.
        Nearly always there is room; where many have inserted at one spot again and again, the elements around it
        move to places as short as those of a new list, and keep their order.
        """
        skip = len(order) if without is None else order.index(without)
        before, after = order.place_at(index - (index <= skip)), order.place_at(index + (index >= skip))
        places = self.places(before, after, amount)
        if places is not None:
            return places, []
        if without is not None:
            order = order.copy()
            order.drop(without)
        reach = max(_REACH, amount)
        while True:
            low, high = max(0, index - reach), min(len(order), index + reach)
            everything = high - low == len(order)
            places = self.places(order.place_at(low - 1), order.place_at(high), high - low + amount)
            if places is not None and (everything or max(map(len, places)) <= _ROOMY_BYTES_MAX):
                break
            reach *= 2
        new = places[index - low : index - low + amount]
        del places[index - low : index - low + amount]
        return new, [((id_,), place) for id_, place in zip(order.ids(slice(low, high)), places, strict=True)]

    def places(self, before: bytes | None, after: bytes | None, amount: int) -> list[bytes] | None:
        """Return so many new places, in order; None if there is no room.  Called from within a change."""
        numbers = list(islice(self._numbers, amount))
        return run(before, after, writer_of(self._space.origin()), numbers)


def kept(value: Any) -> Any:
    """Return a value as a reader gets it: what the program changes afterwards is not in the object."""
    return value if type(value) in IMMUTABLE_TYPES else decode_value(encode_value(value))


def check_name(name: Any) -> None:
    """Raise InvalidKey for a name that would leave no room for a place beside it."""
    try:
        checked_key((name, (bytes(POSITION_BYTES_MAX),)))
    except InvalidKey as error:
        raise InvalidKey(f"the name of a list is too long, or nests too deep, to stand in keys: {error}") from None


class _Draft:
    """The order as one open batch would have it."""

    __slots__ = ("order", "renewals", "stale", "written")

    def __init__(self, written: dict[Any, Any], order: ListOrder, renewals: int) -> None:
        self.written, self.order, self.renewals = written, order, renewals
        self.stale: set[Any] = set(written)
