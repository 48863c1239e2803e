"""A list that several peers change at once, and that ends in the same order everywhere.

1. Whoever appends or inserts adds an element; concurrent ones all survive, and what one writer
   put down in one go stays together.
2. A delete removes the element that it saw.  One that was assigned to meanwhile, elsewhere, stays.
3. An element that two move at once stands where the later of them put it: it is never doubled.

Each element is a row of its own (see `list_order`), so what is sent of an append is that element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import index as as_index
from typing import Any, overload

from .list_body import ListBody, kept
from .list_like import ListLike
from .list_order import ListOrder
from .observable import Observable
from .rows import GONE, Rows
from .space import Row, Space


class SharedList(ListLike, Observable):
    """A list on all peers; made by `mesh.shared_list(name)`.  Thread-safe, and atomic among threads call by call.

    What is read is frozen, as everywhere in a mesh: assign a changed copy.  Iterating walks a snapshot.  Slices,
    `+`, `*` and `copy()` give plain lists, and so do `copy.copy` and `pickle`; for JSON, dump `list(shared)`.
    Looking at an element is O(1), finding where to put one O(log n) comparisons, and neither waits for the network.
    """

    def __init__(
        self, space: Space, name: Any, subscribe: Callable[..., None], unsubscribe: Callable[..., None]
    ) -> None:
        self._name, self._number = name, space.number
        self._subscribe_to, self._unsubscribe_from = subscribe, unsubscribe
        self._body = ListBody(space, name)

    def attend(self) -> None:
        """Watch the rows from now on.  The mesh has called this."""
        self._body.attend()

    @property
    def name(self) -> Any:
        """The name by which all peers know it."""
        return self._name

    @property
    def value(self) -> list[Any]:
        """A plain list of all elements, as of this moment."""
        return self[:]

    # -- reading --------------------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._body.elements(index)[1]
        where = as_index(index)
        return self._body.read(lambda order, rows: rows[_at(order, where)])

    def __len__(self) -> int:
        return self._body.read(lambda order, _: len(order))

    def copy(self) -> list[Any]:
        """Return a plain list of all elements as of this moment.  O(n)."""
        return self[:]

    # -- adding ---------------------------------------------------------------------------------

    def insert(self, index: int, value: Any) -> None:
        """Put an element before that at `index`, as `list.insert` does."""
        self._insert(lambda order: slice(as_index(index), None).indices(len(order))[0], [value])

    def append(self, value: Any) -> None:
        """Put an element at the end."""
        self._insert(len, [value])

    def extend(self, values: Iterable[Any]) -> None:
        """Put several at the end, in one batch: all or nothing, everywhere, and nobody's between them."""
        self._insert(len, values)

    def _insert(self, where: Callable[[ListOrder], int], values: Iterable[Any]) -> None:
        values = [kept(value) for value in values]
        if values:
            self._body.change(lambda order, _: self._inserted(order, where(order), values))

    def _inserted(self, order: ListOrder, index: int, values: list[Any]) -> list[Row]:
        places, moved = self._body.lay(order, index, len(values))
        return [*moved, *zip(places, values, strict=True)]

    # -- assigning ------------------------------------------------------------------------------

    @overload
    def __setitem__(self, index: int, value: Any) -> None: ...

    @overload
    def __setitem__(self, index: slice, value: Iterable[Any]) -> None: ...

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            self._assign(index, [kept(item) for item in value])
        else:
            where, item = as_index(index), kept(value)
            self._body.change(lambda order, _: [(_at(order, where), item)])

    def _assign(self, span: slice, values: list[Any]) -> None:
        def decide(order: ListOrder, rows: Rows) -> list[Row]:
            start, _, step = span.indices(len(order))
            ids = order.ids(span)
            if step != 1:
                if len(ids) != len(values):
                    raise ValueError(
                        f"attempt to assign sequence of size {len(values)} to extended slice of size {len(ids)}"
                    )
                return list(zip(ids, values, strict=True))
            added = self._inserted(order, start, values) if values else []
            return [*added, *_gone(ids, rows)] if added else _gone(ids, rows)

        self._body.change(decide)

    # -- removing -------------------------------------------------------------------------------

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            self._body.change(lambda order, rows: _gone(order.ids(index), rows))
        else:
            self.pop(index)

    def pop(self, index: int = -1) -> Any:
        """Remove the element at `index` and return it.  Of several threads, each gets another one.

        Two peers that pop at once may both get the same element: for work that is to be done once, use a channel.
        """
        where = as_index(index)
        found: list[Any] = []

        def decide(order: ListOrder, rows: Rows) -> list[Row]:
            if not len(order):
                raise IndexError("pop from empty list")
            id_ = _at(order, where, "pop index out of range")
            found[:] = [rows[id_]]
            return _gone([id_], rows)

        self._body.change(decide)
        return found[0]

    def remove(self, value: Any) -> None:
        """Remove the first element that equals `value`.  Raises ValueError if there is none."""
        ids, values = self._snapshot()
        while value in values:
            index = values.index(value)
            if self._removed(ids[index]):
                return
            del ids[index], values[index]  # somebody else was faster
        raise ValueError("list.remove(x): x not in list")

    def _removed(self, id_: bytes) -> bool:
        there: list[bool] = []

        def decide(order: ListOrder, rows: Rows) -> list[Row]:
            there.append(id_ in order)
            return _gone([id_], rows)

        self._body.change(decide)
        return there[0]

    def clear(self) -> None:
        """Remove all elements that are seen here, in one batch.  What others add meanwhile stays."""
        self._body.change(lambda _, rows: [(part, GONE) for part in rows])

    # -- moving ---------------------------------------------------------------------------------

    def move(self, source: int, target: int) -> None:
        """Let the element at index `source` stand at index `target`, as `insert(target, pop(source))` does.

        But it stays itself: what another assigns to it meanwhile is kept, and two who move it at once do not double it.
        """
        source, target = as_index(source), as_index(target)

        def decide(order: ListOrder, _: Rows) -> list[Row]:
            id_ = _at(order, source, "move source out of range")
            places, moved = self._body.lay(order, slice(target, None).indices(len(order) - 1)[0], 1, without=id_)
            return [*moved, ((id_,), places[0])]

        self._body.change(decide)

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Put all elements in order, as `list.sort` does.  What others add meanwhile keeps its end or its start."""
        ids, values = self._snapshot()
        ranks = list(map(key, values)) if key is not None else values
        self._arrange([ids[i] for i in sorted(range(len(ids)), key=ranks.__getitem__, reverse=reverse)])

    def reverse(self) -> None:
        """Put all elements in the opposite order."""
        self._arrange(self._snapshot()[0][::-1])

    def _arrange(self, ids: list[bytes]) -> None:
        def decide(order: ListOrder, _: Rows) -> list[Row] | None:
            if ids == order.ids():
                return None
            present = [id_ for id_ in ids if id_ in order]
            places = self._body.places(None, None, len(present)) or []
            return [((id_,), place) for id_, place in zip(present, places, strict=True)]

        self._body.change(decide)

    def _snapshot(self) -> tuple[list[bytes], list[Any]]:
        return self._body.elements()

    # -- telling --------------------------------------------------------------------------------

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        self._subscribe_to(self._number, self._name, fn, call)

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        self._unsubscribe_from(self._number, self._name, fn)

    def __repr__(self) -> str:
        return f"SharedList({self._name!r}, {self[:]!r})"


def _at(order: ListOrder, index: int, message: str = "list index out of range") -> bytes:
    try:
        return order.at(index)
    except IndexError:
        raise IndexError(message) from None


def _gone(ids: Iterable[bytes], rows: Rows) -> list[Row]:
    """Return what removes elements, and where they were moved to."""
    return [(part, GONE) for id_ in ids for part in (id_, (id_,)) if part in rows]
