"""A dict that several peers change at once: one row for each leaf, so that who writes one leaf undoes no other.

Whoever writes a leaf writes the dicts above it too, so a leaf that was written while another removed the
dict around it stays, and so does that dict.  Of two who write one leaf, the later wins; lists and sets within it
merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..errors import ObjectGone
from ..wire.values import freeze
from .counter import Counter
from .dict_like import DictLike
from .dict_rows import DICT, DictRows, Path, checked, may_be_key, row_at
from .nested import Nested
from .space import Placed, Reader, Rows, Space

if TYPE_CHECKING:
    from .mapping import MeshMapping


class SharedDict(DictLike[Any]):
    """The dict at one path of an object.  Thread-safe.  Dicts, lists and sets in it are live, all else is frozen."""

    def __init__(
        self, mapping: MeshMapping, name: Path, path: Path, wrap: Callable[[SharedDict | Nested], Any]
    ) -> None:
        self.rows = DictRows(mapping, name)
        self._path, self._wrap = path, wrap

    def child(self, key: Any) -> SharedDict:
        """Return the dict that is, or would be, the value of a key."""
        return SharedDict(self.rows.mapping, self.rows.name, (*self._path, key), self._wrap)

    def is_at(self, rows: DictRows, path: Path) -> bool:
        """Whether this is what stands there."""
        return (self.rows.name, self._path) == (rows.name, path) and self.rows.mapping is rows.mapping

    def holds(self, key: Any, held: object) -> bool:
        """Whether something is what stands under a key of this dict."""
        return isinstance(held, SharedDict | Nested) and held.is_at(self.rows, (*self._path, key))

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed it, or put something else there."""
        return not self._path or row_at(self.rows.read(), self._path) == DICT

    @property
    def mesh(self) -> Any:
        """The mesh that it is of."""
        return self.rows.mapping

    @property
    def key(self) -> Any:
        """The key of the object that it is, or is within."""
        return self.rows.name[1]

    def there(self) -> SharedDict:
        """Return itself; raise ObjectGone if it is not there any more."""
        if not self.is_there:
            where = f"the object {self.key!r}" + "".join(f"[{key!r}]" for key in self._path)
            raise ObjectGone(f"{where} holds no dict any more; look it up again")
        return self

    def batch(self) -> AbstractContextManager[None]:
        """Return a batch of the mesh."""
        return self.rows.mapping.batch()

    # -- reading --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        path = (*self._path, key)
        row = row_at(self.rows.read(), path) if may_be_key(key) else None
        if row is None:
            raise KeyError(key)
        if not row:
            return self._wrap(self.child(key))
        if len(row) == 2:
            return self._wrap(Nested(self.rows, path, row))
        return self.rows.leaf(path, row, _now)

    def __contains__(self, key: object) -> bool:
        return may_be_key(key) and row_at(self.rows.read(), (*self._path, key)) is not None

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict; dicts, lists and sets within it are frozen.  O(all that is in the object).

        What others change meanwhile is in it or not, leaf by leaf.
        """
        return {key: freeze(value) for key, value in self.rows.tree(self._path, _now).items()}

    def __iter__(self) -> Iterator[Any]:
        depth, rows = len(self._path), self.rows.read()
        parts = [part for part in rows if type(part) is tuple and len(part) == depth + 1 and part[:depth] == self._path]
        return iter([part[-1] for part in parts if row_at(rows, part) is not None])

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])

    def __len__(self) -> int:
        return len(list(iter(self)))

    # -- writing --------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        self.update({checked(key): value})

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put several keys, in one batch: all or nothing, everywhere."""
        changed = {(*self._path, checked(key)): value for key, value in dict(other, **kwargs).items()}
        rows = {path: self.rows.written(path, value) for path, value in changed.items()}

        def decide(read: Reader) -> Iterator[Placed]:
            yield from self.rows.around(self._path)
            for path, value in changed.items():
                yield from self.rows.replaced(read, path, value, rows[path])

        if rows:
            self._change(decide)

    def add(self, key: Any, amount: int | float = 1) -> None:
        """Add to the number under a key, 0 if there is none, as a counter does: of two who add at once, both count.

        (`it[key] += 1` reads and assigns, and of two who do that at once the later counts.)  A key that
        another removes meanwhile stays removed.  Raises TypeError if something else is there.
        """
        path = (*self._path, checked(key))
        name, gone_of = self.rows.within(path), mapping_gone_of(self.rows.mapping)
        counter = Counter(self.rows.counters, name, gone_of, _elsewhere, _elsewhere)
        with self.batch():
            self._change(lambda read: self._number_at(read, path))
            counter.add(amount)

    def _number_at(self, read: Reader, path: Path) -> list[Placed]:
        row = row_at(self.rows.read_by(read), path)
        if row is None:
            return [*self.rows.around(self._path), *self.rows.replaced(read, path, 0, self.rows.written(path, 0))]
        if not row or type(row[0]) not in (int, float):
            raise TypeError(f"only to a number can be added, and {path[-1]!r} holds none")
        return self.rows.around(self._path)

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a key and return its value, or `default` if it is absent.  One of several threads gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        path = (*self._path, key)
        found: list[Any] = []

        def decide(read: Reader) -> Iterable[Placed]:
            row = row_at(self.rows.read_by(read), path)
            if row is not None:
                found[:] = [self.rows.value(path, row, read) if row else freeze(self.rows.tree(path, read))]
            return self.rows.removed(read, path, leaf=True)

        if may_be_key(key):
            self._change(decide)
        if found or default:
            return [*found, *default][0]
        raise KeyError(key)

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) that was first seen here last."""
        for key in reversed(self):
            try:
                return key, self.pop(key)
            except KeyError:
                continue  # somebody else was faster
        raise KeyError("popitem(): dictionary is empty")

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; if it is absent, put `default` there first.  Atomic among threads."""
        path = (*self._path, checked(key))
        rows = self.rows.written(path, default)

        def decide(read: Reader) -> Iterable[Placed]:
            if row_at(self.rows.read_by(read), path) is not None:
                return []
            return [*self.rows.around(self._path), *self.rows.replaced(read, path, default, rows)]

        self._change(decide)
        return self[key]

    def clear(self) -> None:
        """Remove all keys that are seen here, in one batch."""

        def decide(read: Reader) -> list[Placed]:
            gone = self.rows.removed(read, self._path, leaf=False)
            return [row for row in gone if (row.name, row.part) != (self.rows.name, self._path)]

        self._change(decide)

    def _change(self, decide: Callable[[Reader], Iterable[Placed]]) -> None:
        self.rows.objects.change_many(decide)

    def __repr__(self) -> str:
        return repr(self.snapshot())

    def __reduce__(self) -> Any:
        return dict, (self.snapshot(),)


def mapping_gone_of(mapping: Any) -> Callable[[set[bytes]], set[bytes]]:
    """Return what a counter asks who has gone; a mapping without objects knows of nobody."""
    return getattr(mapping, "_gone_origins", lambda origins: set())


def _now(space: Space, name: Any) -> Rows:
    return space.rows(name)


def _elsewhere(*_: Any) -> None:
    """Who listens to what is within an object listens to the object: see `watched`."""
