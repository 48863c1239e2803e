"""Cells whose writes carry the token of a lease: of concurrent writes, that of the greatest token counts.

1. Of writes made without knowledge of each other, the one with the greatest token is read, then the
   one that would win in the map: (token, stamp, origin).  So what a paused ex-holder writes, not having
   heard of its successor, loses to what the successor wrote in that cell, everywhere and for ever.
2. A write with a smaller token than any seen here under the prefix is refused, here, before it is made:
   it would replace what it has seen, as every write does.
3. A cell that was removed stays as a token without a value: it fences too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, StaleToken
from .lease import LeaseHandle
from .space import Row, Rows
from .spaces import LEASE

if TYPE_CHECKING:
    from .mapping import MeshMapping

FENCE = None
"""The part that holds the greatest token used under the prefix; a cell's part is a tuple of its key."""


class Fenced(Mapping[Any, Any]):
    """The cells under one prefix: read as a mapping, written under a lease.  Thread-safe; never waits.

    Made by `mesh.fenced(prefix)`.  They are hidden from the dict, and replicated as it is.
    """

    def __init__(self, mesh: MeshMapping, prefix: str) -> None:
        if not isinstance(prefix, str) or not prefix:
            raise ConfigurationError(f"fenced cells need a prefix that is a non-empty str, not {prefix!r}")
        self._name = ("fenced", prefix)
        self._space = mesh._space(LEASE)

    # -- reading --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        cell = _greatest(self._space.rows(self._name), (key,))
        if len(cell) < 2:
            raise KeyError(key)
        return cell[1]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.snapshot())

    def __len__(self) -> int:
        return len(self.snapshot())

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict of the cells of this moment.  O(cells)."""
        rows = self._space.rows(self._name)
        cells = ((part[0], _greatest(rows, part)) for part in list(rows) if _is_cell(part))
        return {key: cell[1] for key, cell in cells if len(cell) == 2}

    def token(self, key: Any = FENCE) -> int:
        """Return the token under which a cell was written or removed; without `key`, the greatest seen; 0 if none."""
        rows = self._space.rows(self._name)
        return _fence(rows) if key is FENCE else _greatest(rows, (key,))[0]

    # -- writing --------------------------------------------------------------------------------

    def put(self, key: Any, value: Any, lease: LeaseHandle | int) -> None:
        """Write a cell under a lease that is held, or under its token.

        Raises LeaseLost if `lease` is not held, StaleToken if a greater token was seen here; nothing is written then.
        """
        self._write([(key, (value,))], lease)

    def remove(self, key: Any, lease: LeaseHandle | int) -> None:
        """Remove a cell under a lease, as `put` writes it.  Its token remains."""
        self._write([(key, ())], lease)

    def update(self, values: Mapping[Any, Any], lease: LeaseHandle | int) -> None:
        """Write several cells in one batch."""
        self._write([(key, (value,)) for key, value in values.items()], lease)

    def adopt(self, lease: LeaseHandle | int) -> None:
        """Write every cell that is there again under a new token, in one batch.  O(cells).

        From then on no late write of an earlier holder is read, in any of these cells.
        """
        self._write([(key, (value,)) for key, value in self.snapshot().items()], lease)

    def _write(self, cells: Iterable[tuple[Any, tuple[Any, ...]]], lease: LeaseHandle | int) -> None:
        token, cells = _token_of(lease), list(cells)

        def decide(rows: Rows) -> Iterator[Row]:
            fence = _fence(rows)
            greatest = max([fence, *(_greatest(rows, (key,))[0] for key, _ in cells)])
            if token < greatest:
                raise StaleToken(
                    f"token {token} was to be written under {self._name[1]!r}, where {greatest} was seen: another "
                    "holds the lease now.  Nothing was written; stop, and acquire the lease again"
                )
            if token > fence:
                yield FENCE, token
            for key, value in cells:
                yield (key,), (token, *value)

        self._space.change(self._name, decide)

    def __repr__(self) -> str:
        return f"Fenced({self._name[1]!r}, {self.snapshot()!r})"


def _token_of(lease: LeaseHandle | int) -> int:
    if isinstance(lease, LeaseHandle):
        return lease.token
    if type(lease) is not int or lease <= 0:
        raise ConfigurationError(f"a fenced write needs a lease that is held, or its token, not {lease!r}")
    return lease


def _is_cell(part: Any) -> bool:
    return type(part) is tuple and len(part) == 1


def _greatest(rows: Rows, part: Any) -> tuple[Any, ...]:
    """Return (token, value) of a cell, (token,) of one that was removed, (0,) of one that never was."""
    found: tuple[Any, ...] = (0,)
    for cell in rows.siblings(part):  # the visible one first: it stays where tokens are equal
        if type(cell) is tuple and len(cell) in (1, 2) and type(cell[0]) is int and cell[0] > found[0]:
            found = cell
    return found


def _fence(rows: Rows) -> int:
    return max((token for token in rows.siblings(FENCE) if type(token) is int), default=0)
