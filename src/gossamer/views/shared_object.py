"""One object under a key: what it is now, and how it is made, assigned and removed.

An object is a list, a set, a dict, a number, each of which merges in its own way, or any other value, of which
the last writer's counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ObjectGone
from ..wire.values import FrozenDict, FrozenList, FrozenSet, freeze
from .counter import Counter
from .dict_rows import DictRows
from .kinds import DICT, GONE, LIST, NUMBER, SET, VALUE, Marker, marker_for, marker_of
from .list_start import first_elements
from .nested import Nested
from .rows import GONE as REMOVED
from .rows import Rows
from .shared_dict import SharedDict
from .shared_list import SharedList
from .shared_set import SharedSet
from .space import Placed, Reader, Row, Space
from .spaces import COUNTER as COUNTERS
from .spaces import LIST as LISTS
from .spaces import OBJECT as OBJECTS
from .spaces import SET as SETS

if TYPE_CHECKING:
    from .objects import MeshWithObjects

_numbers = count(1)
"""With our origin, they make generations that nobody else makes."""

Merging: TypeAlias = "SharedList | SharedSet | SharedDict | Counter"


class SharedObject:
    """What is known of one object.  Thread-safe; it holds nothing but the key, so it never grows old."""

    __slots__ = ("_mesh", "_wrap", "key")

    def __init__(self, mesh: MeshWithObjects, key: Any, wrap: Callable[[SharedDict | Nested], Any]) -> None:
        self.key = key
        self._mesh, self._wrap = mesh, wrap

    def batch(self) -> AbstractContextManager[None]:
        """Return a batch of the mesh."""
        return self._mesh.batch()

    def is_same(self, other: SharedObject) -> bool:
        """Whether both are one object of one mesh."""
        return self._mesh is other._mesh and self.key == other.key

    # -- what it is -----------------------------------------------------------------------------

    @property
    def marker(self) -> Marker | None:
        """Return what it is now; None if there is no such object."""
        marker = self._known(self._space.rows((self.key,)))
        return None if marker is None or marker.kind == GONE else marker

    def what(self) -> Marker:
        """Return what it is now; raise ObjectGone if it was deleted."""
        marker = self.marker
        if marker is None:
            raise ObjectGone(f"the object {self.key!r} was deleted; mesh.object({self.key!r}, ...) makes another")
        return marker

    def merging(self, marker: Marker) -> Merging | None:
        """Return what merges behind it; None if it is a register."""
        mesh, name = self._mesh, ("object", self.key, marker.generation)
        match marker.kind:
            case "list":
                return mesh._kept_list(name)
            case "set":
                return mesh._set_of(name)
            case "number":
                return mesh._counter_of(name)
            case "dict":
                return SharedDict(mesh, name, (), self._wrap)
        return None

    @property
    def mesh(self) -> MeshWithObjects:
        """The mesh that it is of."""
        return self._mesh

    def kind(self) -> type:
        """Return the type of its value.  O(1), but for a number, which may have become a float."""
        marker = self.what()
        kind = {LIST: list, SET: set, DICT: dict}.get(marker.kind)
        return type(self.value(marker) if marker.kind == NUMBER else marker.value) if kind is None else kind

    def value(self, marker: Marker | None = None) -> Any:
        """Return its value, frozen, as of one moment.  O(its size)."""
        marker = marker or self.what()
        merging = self.merging(marker)
        match merging:
            case None:
                return marker.value
            case SharedList():
                return FrozenList(merging.copy())
            case SharedSet():
                return FrozenSet(merging.snapshot())
            case SharedDict():
                return freeze(merging.snapshot())
            case Counter():
                counted = merging.value
                return marker.value + counted if counted else marker.value
        raise AssertionError(merging)

    # -- what is made of it ---------------------------------------------------------------------

    def create(self, factory: Callable[[], Any], plain: Callable[[Any], Any]) -> None:
        """Make the object if there is none.  `factory` is not called if there is one."""
        if self.marker is None:
            value = plain(factory())
            marker_for(value, b"")  # raises what an assignment raises, before anything is written
            with self._mesh.batch():
                self._mark(lambda old: old and old.kind != GONE, value, lambda old: old.generation if old else b"")
                self._fill(self.what(), value)

    def replace(self, value: Any) -> None:
        """Let it be `value`, whatever it was; what others add to what it was is not seen any more."""
        generation = self._new_generation()
        marker_for(value, generation)
        with self._mesh.batch():
            self._clear()
            self._mark(lambda _: False, value, lambda _: generation)
            self._fill(self.what(), value)

    def assign(self, new: Any) -> None:
        """Let its value be `new` after an operator in place: a number by the difference, which merges."""
        marker = self.what()
        if marker.kind == NUMBER and type(new) in (int, float):
            counter = self.merging(marker)
            assert isinstance(counter, Counter)
            counter.add(new - self.value(marker))
        elif marker.kind == VALUE and marker_for(new, b"").kind == VALUE:
            self._mark(lambda _: False, new, lambda _: marker.generation)
        else:
            self.replace(new)

    def delete(self) -> None:
        """Remove it.  Raise ObjectGone if it is not there."""
        self.what()
        generation = self._new_generation()
        with self._mesh.batch():
            self._clear()
            self._space.write((self.key,), [(None, (GONE, generation, None))])

    def _mark(
        self, keep: Callable[[Marker | None], Any], value: Any, generation: Callable[[Marker | None], bytes]
    ) -> None:
        def decide(rows: Rows) -> list[Row] | None:
            old = self._known(rows)
            return None if keep(old) else [(None, tuple(marker_for(value, generation(old))))]

        self._space.change((self.key,), decide)

    def _fill(self, marker: Marker, value: Any) -> None:
        name = ("object", self.key, marker.generation)
        if marker.kind == LIST and type(value) in (list, FrozenList):
            self._mesh._space(LISTS).write(name, first_elements(value))
        elif marker.kind == SET and type(value) in (set, FrozenSet):
            self._mesh._set_of(name).update(value)
        elif marker.kind == DICT and type(value) in (dict, FrozenDict):
            rows = DictRows(self._mesh, name).written((), value)
            self._space.change_many(lambda _: rows)

    def _clear(self) -> None:
        """Remove what is known of its content."""
        marker = self.marker
        if marker is not None and marker.kind != VALUE:
            name = ("object", self.key, marker.generation)
            space = self._mesh._space({LIST: LISTS, SET: SETS, NUMBER: COUNTERS, DICT: OBJECTS}[marker.kind])
            within = DictRows(self._mesh, name) if marker.kind == DICT else None
            self._space.change_many(lambda read: self._content_removed(read, space, name, within))

    def _content_removed(self, read: Reader, space: Space, name: Any, within: DictRows | None) -> Iterator[Placed]:
        if within is not None:
            yield from within.removed(read, (), leaf=False)
        yield from (Placed(space, name, part, REMOVED) for part in read(space, name))

    def _known(self, rows: Rows) -> Marker | None:
        return marker_of(rows.get(None))

    def _new_generation(self) -> bytes:
        return self._space.origin() + next(_numbers).to_bytes(6, "big")

    @property
    def _space(self) -> Space:
        return self._mesh._space(OBJECTS)
