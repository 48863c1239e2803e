"""A dict that several peers change at once: one row for each leaf, so that who writes one leaf undoes no other.

A row's part is the path to what it holds: *(value,)* for a leaf, *()* for a dict within the dict.  Whoever
writes a leaf writes the dicts above it too, so a leaf that was written while another removed the
dict around it stays, and so does that dict.  Of two who write one leaf, the later wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..errors import InvalidKey
from ..wire.keys import checked_key
from ..wire.values import freeze
from .dict_like import DictLike
from .list_body import kept
from .rows import GONE, Rows
from .space import Row, Space

_DICT: tuple[()] = ()
"""What the row of a dict within the dict holds."""


class SharedDict(DictLike[Any]):
    """The dict at one path of an object.  Thread-safe.  Values other than dicts are read frozen, and assigned whole."""

    def __init__(self, space: Space, name: Any, path: tuple[Any, ...], wrap: Callable[[SharedDict], Any]) -> None:
        self._space, self._name, self._path, self._wrap = space, name, path, wrap

    def child(self, key: Any) -> SharedDict:
        """Return the dict that is, or would be, the value of a key."""
        return SharedDict(self._space, self._name, (*self._path, key), self._wrap)

    def is_at(self, other: object) -> bool:
        """Whether both are the same dict."""
        return isinstance(other, SharedDict) and (self._name, self._path) == (other._name, other._path)

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed it, or put something else there."""
        return not self._path or _row(self._space.rows(self._name), self._path) == _DICT

    @property
    def where(self) -> str:
        """The key of the object and the path within it, to be read by people."""
        return f"the object {self._name[1]!r}" + "".join(f"[{key!r}]" for key in self._path)

    def batch(self) -> AbstractContextManager[None]:
        """Return a batch of the mesh."""
        return self._space.batch()

    # -- reading --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        row = _row(self._space.rows(self._name), (*self._path, key)) if _may_be_key(key) else None
        if row is None:
            raise KeyError(key)
        return row[0] if row else self._wrap(self.child(key))

    def __contains__(self, key: object) -> bool:
        return _may_be_key(key) and _row(self._space.rows(self._name), (*self._path, key)) is not None

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict, as of one moment; dicts within it are frozen.  O(leaves of the object)."""
        return {key: freeze(value) for key, value in _tree(self._space.rows(self._name), self._path).items()}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.snapshot())

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self.snapshot())[::-1])

    def __len__(self) -> int:
        return len(self.snapshot())

    # -- writing --------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        rows = written((*self._path, _checked(key)), value)
        leaf = not isinstance(value, Mapping)
        self._change(lambda held: [*_below(held, (*self._path, key), leaf), *self._above(), *rows])

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put several keys, in one batch: all or nothing, everywhere."""
        rows: dict[Any, Any] = {}
        changed = dict(other, **kwargs)
        for key, value in changed.items():
            rows.update(written((*self._path, _checked(key)), value))

        def decide(held: Rows) -> list[Row]:
            leaves = {key: not isinstance(value, Mapping) for key, value in changed.items()}
            replaced = [row for key, leaf in leaves.items() for row in _below(held, (*self._path, key), leaf)]
            return [*replaced, *self._above(), *rows.items()]

        self._change(decide)

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a key and return its value, or `default` if it is absent.  One of several threads gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        path = (*self._path, key)
        found: list[Any] = []

        def decide(held: Rows) -> list[Row]:
            row = _row(held, path)
            if row is not None:
                found[:] = [row[0] if row else freeze(_tree(held, path))]
            return _below(held, path, leaf=True)

        if _may_be_key(key):
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
        path = (*self._path, _checked(key))
        rows = written(path, default)
        self._change(lambda held: None if _row(held, path) is not None else [*self._above(), *rows])
        return self[key]

    def clear(self) -> None:
        """Remove all keys that are seen here, in one batch."""
        self._change(lambda held: [row for row in _below(held, self._path, leaf=False) if row[0] != self._path])

    def _change(self, decide: Callable[[Rows], list[Row] | None]) -> None:
        self._space.change(self._name, decide)

    def _above(self) -> list[Row]:
        """Return the rows of the dict itself and of those around it, which outlive what others remove meanwhile."""
        return [(self._path[: depth + 1], _DICT) for depth in range(len(self._path))]

    def __repr__(self) -> str:
        return repr(self.snapshot())

    def __reduce__(self) -> Any:
        return dict, (self.snapshot(),)


def written(path: tuple[Any, ...], value: Any) -> list[Row]:
    """Return the rows that hold a value.  Raises InvalidKey or UnsendableValue for what cannot travel."""
    if not isinstance(value, Mapping):
        return [(path, (kept(value),))]
    items = [row for key, item in value.items() for row in written((*path, _checked(key)), item)]
    return [(path, _DICT), *items] if path else items


def _below(rows: Rows, path: tuple[Any, ...], leaf: bool) -> list[Row]:
    """Return what removes a path and all that is under it.

    Where a leaf is, and no dict is about to be, what may be under it is not seen, and is not looked for.
    """
    if leaf and _row(rows, path):
        return [(path, GONE)]
    return [(part, GONE) for part in rows if type(part) is tuple and part[: len(path)] == path]


def _row(rows: Rows, path: tuple[Any, ...]) -> Any:
    """Return what a row holds; None if there is none, or what a stranger may have sent."""
    row = rows.get(path)
    return row if type(row) is tuple and len(row) < 2 else None


def _tree(rows: Rows, root: tuple[Any, ...]) -> dict[Any, Any]:
    """Return a dict of dicts.  A row whose parent is a leaf, as two can make apart, is not seen."""
    dicts: dict[Any, dict[Any, Any]] = {root: {}}
    depth = len(root)
    parts = [part for part in rows if type(part) is tuple and len(part) > depth]
    for part in sorted(parts, key=len):
        parent, row = dicts.get(part[:-1]), _row(rows, part)
        if parent is not None and row is not None:
            parent[part[-1]] = row[0] if row else dicts.setdefault(part, {})
    return dicts[root]


def _may_be_key(key: object) -> bool:
    hash(key)  # raises TypeError for what no dict takes
    try:
        checked_key(key)
    except InvalidKey:
        return False
    return True


def _checked(key: object) -> Any:
    hash(key)
    return checked_key(key)
