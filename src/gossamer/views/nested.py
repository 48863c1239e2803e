"""A list or a set within a dict of an object: itself, and seen by others if it is changed in place.

Whoever adds something to it writes the dicts around it too: so what is added while another removes the
list, or the dict around it, stays, and so do these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from ..errors import ObjectGone
from ..wire.values import FrozenList, FrozenSet
from .dict_rows import LIST, DictRows, Path, row_at
from .rows import GONE
from .shared_list import SharedList
from .shared_set import SharedSet
from .space import Decision, Placed, Reader, Row, Space
from .spaces import LIST as LISTS


class Nested:
    """A list or a set at a path.  Thread-safe; it holds nothing but the path."""

    __slots__ = ("_kind", "_path", "_rows")

    def __init__(self, rows: DictRows, path: Path, kind: tuple[str, None]) -> None:
        self._rows, self._path, self._kind = rows, path, kind

    def is_at(self, rows: DictRows, path: Path) -> bool:
        """Whether this is what stands there."""
        return (self._rows.name, self._path) == (rows.name, path) and self._rows.mapping is rows.mapping

    @property
    def mesh(self) -> Any:
        """The mesh that it is of."""
        return self._rows.mapping

    @property
    def key(self) -> Any:
        """The key of the object that it is within."""
        return self._rows.name[1]

    @property
    def is_list(self) -> bool:
        """Whether it is a list, not a set."""
        return self._kind == LIST

    def batch(self) -> AbstractContextManager[None]:
        """Return a batch of the mesh."""
        return self._rows.mapping.batch()

    def merging(self) -> SharedList | SharedSet:
        """Return what merges.  Raises ObjectGone if it was removed, or something else was put in its place."""
        if row_at(self._rows.read(), self._path) != self._kind:
            raise self._gone()
        mapping, name = self._rows.mapping, self._rows.within(self._path)
        if self.is_list:
            return mapping._spaces.kept(
                LISTS, name, lambda space, name: SharedList(self._ground(space), name, _elsewhere, _elsewhere)
            )
        return SharedSet(self._ground(self._rows.sets), name, "add", _elsewhere, _elsewhere)

    def value(self) -> Any:
        """Return its value, frozen, as of one moment.  O(its size).  Raises ObjectGone."""
        merging = self.merging()
        return FrozenList(merging.copy()) if isinstance(merging, SharedList) else FrozenSet(merging.snapshot())

    def _ground(self, space: Space) -> Space:
        return _SpaceWithin(space, self._rows, self._path, self._kind)

    def _gone(self) -> ObjectGone:
        where = f"the object {self.key!r}" + "".join(f"[{key!r}]" for key in self._path)
        return ObjectGone(f"{where} holds no {self._kind[0]} any more; look it up again")


class _SpaceWithin(Space):
    """A space as one who stands within a dict sees it: what adds something there writes the dicts around too."""

    def __init__(self, space: Space, rows: DictRows, path: Path, kind: tuple[str, None]) -> None:
        self.number, self._mapping = space.number, space._mapping
        self._objects, self._watchers = space._objects, space._watchers
        self._within, self._path, self._kind = rows, path, kind

    def write(self, name: Any, rows: Iterable[Row], *, ttl: float | None = None) -> None:
        """Write rows of one object, and the dicts around it."""
        rows = list(rows)
        self.change(name, lambda _: rows, ttl=ttl)

    def change(self, name: Any, decide: Decision, *, ttl: float | None = None) -> None:
        """Write the rows that `decide` returns, and the dicts around it if one of them adds something."""
        decided = False

        def decide_all(read: Reader) -> Iterator[Placed]:
            nonlocal decided
            if not decided and row_at(self._within.read_by(read), self._path) != self._kind:
                raise Nested(self._within, self._path, self._kind)._gone()
            decided = True  # and when a batch is made, what was decided then stands, whoever removed it meanwhile
            rows = dict(decide(read(self, name)) or ())
            yield from (Placed(self, name, part, value, ttl) for part, value in rows.items())
            if any(value is not GONE for value in rows.values()):
                yield from self._within.around(self._path[:-1])
                yield Placed(self._within.objects, self._within.name, self._path, self._kind)

        self.change_many(decide_all)


def _elsewhere(*_: Any) -> None:
    """Who listens to what is within an object listens to the object: see `watched`."""
