"""How a dict stands in rows, and what stands within it: dicts, lists, sets, numbers, and any other value.

A row's part is the path to what it holds: *(value,)* for a leaf, *()* for a dict within the dict, *("list", None)* and
*("set", None)* for those.  A dict's leaves are rows beside it.  What is in a list or a set, and what is counted to a
number, stands where those of `mesh` do, under the dict's name and the path: so it merges by the same rules.
What holds such names has no generation of its own: removing takes away what it has seen, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import InvalidKey
from ..wire.keys import checked_key
from ..wire.values import FrozenList, FrozenSet
from .elements import part_of
from .list_body import check_name, kept
from .list_order import ListOrder
from .list_start import first_elements
from .rows import GONE, UNREADABLE, Rows
from .space import Placed, Reader
from .spaces import COUNTER as COUNTERS
from .spaces import LIST as LISTS
from .spaces import OBJECT as OBJECTS
from .spaces import SET as SETS
from .tally import RESET, Tally, records

if TYPE_CHECKING:
    from .mapping import MeshMapping

Path: TypeAlias = tuple[Any, ...]

DICT: Final[tuple[()]] = ()
"""What the row of a dict within the dict holds."""
LIST: Final = ("list", None)
SET: Final = ("set", None)


class DictRows:
    """The rows of one dict, under a name that begins every path.  It holds nothing, so it never grows old."""

    __slots__ = ("counters", "lists", "mapping", "name", "objects", "sets")

    def __init__(self, mapping: MeshMapping, name: Path) -> None:
        self.mapping, self.name = mapping, name
        space = mapping._space  # of all now: within a change, which runs under the lock, none can be made
        self.objects, self.lists = space(OBJECTS), space(LISTS)
        self.sets, self.counters = space(SETS), space(COUNTERS)

    def within(self, path: Path) -> Path:
        """Return the name under which stands what is in a list or a set, or is counted to a number, at a path."""
        return (*self.name, path)

    def read(self) -> Rows:
        """Return the rows, as they are now or will be after an open batch."""
        return self.objects.rows(self.name)

    def read_by(self, read: Reader) -> Rows:
        """Return the rows as a change reads them."""
        return read(self.objects, self.name)

    # -- what is read ---------------------------------------------------------------------------

    def leaf(self, path: Path, row: tuple[Any, ...], read: Reader) -> Any:
        """Return the value of a leaf: of a number, with what was counted to it."""
        value = row[0]
        if type(value) in (int, float):
            counted = read(self.counters, self.within(path))
            if counted:
                return value + Tally(counted.every()).value
        return value

    def value(self, path: Path, row: tuple[Any, ...], read: Reader) -> Any:
        """Return what stands at a path, plain; a dict empty."""
        if row == LIST:
            return FrozenList(_elements(read(self.lists, self.within(path))))
        if row == SET:
            rows = read(self.sets, self.within(path))
            return FrozenSet(element for element in rows.values() if not isinstance(element, list | dict | set))
        return self.leaf(path, row, read) if row else {}

    def tree(self, root: Path, read: Reader) -> dict[Any, Any]:
        """Return a dict of dicts.  A row whose parent is no dict, as two can make apart, is not seen."""
        rows = self.read_by(read)
        dicts: dict[Any, dict[Any, Any]] = {root: {}}
        depth = len(root)
        parts = [part for part in rows if type(part) is tuple and len(part) > depth]
        for part in sorted(parts, key=len):
            parent, row = dicts.get(part[:-1]), row_at(rows, part)
            if parent is not None and row is not None:
                parent[part[-1]] = self.value(part, row, read) if row else dicts.setdefault(part, {})
        return dicts[root]

    # -- what is written ------------------------------------------------------------------------

    def written(self, path: Path, value: Any) -> list[Placed]:
        """Return the rows that hold a value.  Raises InvalidKey or UnsendableValue for what cannot travel."""
        if isinstance(value, Mapping):
            items = [row for key, item in value.items() for row in self.written((*path, checked(key)), item)]
            return [self._row(path, DICT), *items] if path else items
        if type(value) in (list, FrozenList):
            name = self.within(path)
            check_name(name)
            return [self._row(path, LIST), *(Placed(self.lists, name, *row) for row in first_elements(value))]
        if type(value) in (set, FrozenSet):
            name = self.within(path)
            return [self._row(path, SET), *(Placed(self.sets, name, part_of(each), each) for each in value)]
        return [self._row(path, (kept(value),))]

    def around(self, path: Path) -> list[Placed]:
        """Return the rows of a dict and of those around it, which then outlive what others remove meanwhile."""
        return [self._row(path[: depth + 1], DICT) for depth in range(len(path))]

    def removed(self, read: Reader, path: Path, *, leaf: bool) -> Iterator[Placed]:
        """Yield what removes a path and all that is under it; `leaf` if no dict is about to be there."""
        rows = self.read_by(read)
        for part in _below(rows, path, leaf):
            yield self._row(part, GONE)
            yield from self._content_removed(read, part, row_at(rows, part))

    def replaced(self, read: Reader, path: Path, value: Any, rows: Iterable[Placed]) -> Iterator[Placed]:
        """Yield what puts `rows`, those of `value`, in the place of what is seen at a path."""
        is_number = type(value) in (int, float)
        counted = self.counters, self.within(path)
        for row in self.removed(read, path, leaf=not isinstance(value, Mapping)):
            if not (is_number and (row.space, row.name) == counted):
                yield row
        if is_number:
            yield from self._counted_reset(read(*counted), counted[1])
        elif not isinstance(value, Mapping):  # also what is not seen, behind something of another type
            kind = LIST if type(value) in (list, FrozenList) else SET if type(value) in (set, FrozenSet) else ()
            yield from self._content_removed(read, path, kind)
        yield from rows

    def _counted_reset(self, rows: Rows, name: Path) -> Iterator[Placed]:
        """Yield what takes away all that is known to have been counted: what others count meanwhile still counts."""
        tally = Tally(rows.every()) if rows else None
        if tally is not None and tally.slots != tally.resets:
            yield Placed(self.counters, name, (self.counters.origin(), RESET), records(tally.slots))

    def _content_removed(self, read: Reader, path: Path, row: tuple[Any, ...] | None) -> Iterator[Placed]:
        space = self.lists if row == LIST else self.sets if row == SET else None
        if space is None and row and type(row[0]) in (int, float):
            space = self.counters
        if space is not None:
            name = self.within(path)
            yield from (Placed(space, name, part, GONE) for part in read(space, name))

    def _row(self, path: Path, row: Any) -> Placed:
        return Placed(self.objects, self.name, path, row)


def row_at(rows: Rows, path: Path) -> tuple[Any, ...] | None:
    """Return what a row holds; None if there is none, or what a stranger may have sent."""
    row = rows.get(path)
    return row if type(row) is tuple and (len(row) < 2 or row in (LIST, SET)) else None


def may_be_key(key: object) -> bool:
    """Return whether something can be a key of a dict; raise TypeError for what no dict takes."""
    hash(key)
    try:
        checked_key(key)
    except InvalidKey:
        return False
    return True


def checked(key: object) -> Any:
    """Return a key as a dict keeps it; raise TypeError or InvalidKey."""
    hash(key)
    return checked_key(key)


def _below(rows: Rows, path: Path, leaf: bool) -> list[Path]:
    """Return what there is of a path and under it.

    Where something other than a dict is, and no dict is about to be, what may be under it is not seen, nor looked for.
    """
    if leaf and row_at(rows, path):
        return [path]
    return [part for part in rows if type(part) is tuple and part[: len(path)] == path]


def _elements(rows: Rows) -> list[Any]:
    order = ListOrder()
    order.renew(rows, rows)
    return [value for value in (rows[id_] for id_ in order.ids()) if value is not UNREADABLE]
