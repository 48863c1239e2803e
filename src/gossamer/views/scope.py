"""The keys of a mesh under a prefix, as a mapping of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InvalidKey
from .dict_like import DictLike
from .shown import ShownAsTable, Table

if TYPE_CHECKING:
    from .mapping import MeshMapping

_NOWHERE = object()


class Scope(ShownAsTable, DictLike[str]):
    """What stands in a mesh under a prefix, without it: a live view.  Every operation is the mesh's own.

    Looking one key up costs what it costs in the mesh; iterating and `len` are O(keys of the mesh).
    """

    def __init__(self, mesh: MeshMapping, prefix: str) -> None:
        if not isinstance(prefix, str) or not prefix.strip("/"):
            raise ConfigurationError(f"a scope needs a prefix that is a non-empty str, not {prefix!r}")
        self._mesh = mesh
        self._prefix = prefix.rstrip("/") + "/"

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._mesh[self._sought(key)]
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        return self._sought(key) in self._mesh

    def __iter__(self) -> Iterator[str]:
        return self._inner(iter(self._mesh))

    def iterate_to_read(self) -> Iterator[str]:
        """Iterate for one who will then read each key, once, as `dict(scope)` does."""
        return self._inner(self._mesh.iterate_to_read())

    def __reversed__(self) -> Iterator[str]:
        return self._inner(reversed(self._mesh))

    def __len__(self) -> int:
        return sum(1 for _ in self._inner(key for key, _ in self._mesh.visible()))

    def snapshot(self) -> dict[str, Any]:
        """Return a plain dict of what is visible under the prefix at this moment.  O(keys of the mesh)."""
        start = len(self._prefix)
        return {
            key[start:]: self._mesh.decoded_of(key, write) for key, write in self._mesh.visible() if self._holds(key)
        }

    def __setitem__(self, key: Any, value: Any) -> None:
        self._mesh[self._full(key)] = value

    def set(self, key: str, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value` under `key`, as the mesh's own `set` does."""
        self._mesh.set(self._full(key), value, ttl=ttl, force=force)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; if it is absent, put `default` there first."""
        return self._mesh.setdefault(self._full(key), default)

    def __delitem__(self, key: Any) -> None:
        try:
            del self._mesh[self._sought(key)]
        except KeyError:
            raise KeyError(key) from None

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value, or `default` if it is absent."""
        try:
            return self._mesh.pop(self._sought(key), *default)
        except KeyError:
            raise KeyError(key) from None

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the (key, value) whose key was first seen here last."""
        for key in reversed(self):
            try:
                return key, self.pop(key)
            except KeyError:
                continue  # somebody else was faster
        raise KeyError("popitem(): the scope is empty")

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put several keys, as one batch."""
        with self._mesh.batch():
            super().update(other, **kwargs)

    def clear(self) -> None:
        """Delete every key under the prefix, as one batch."""
        with self._mesh.batch():
            for key in self:
                self.pop(key, None)

    def scope(self, prefix: str) -> Scope:
        """Return a scope within this one."""
        return Scope(self._mesh, self._prefix + prefix.lstrip("/"))

    def _table(self) -> Table:
        rows = [(key, write) for key, write in self._mesh.visible() if self._holds(key)]
        return self._mesh.table_of(rows, f"Scope {self._prefix!r}", skip=len(self._prefix))

    def __repr__(self) -> str:
        return f"Scope({self._prefix!r}, {self.snapshot()!r})"

    def _sought(self, key: object) -> Any:
        """Return the mesh's key to look up; for what cannot be a key here, one that is never there."""
        if isinstance(key, str):
            return self._prefix + key
        hash(key)  # raises TypeError for what no dict takes
        return _NOWHERE

    def _full(self, key: object) -> str:
        if not isinstance(key, str):
            raise InvalidKey(f"a key inside a scope is a str, not {type(key).__name__}; use the mesh itself for others")
        return self._prefix + key

    def _inner(self, keys: Iterator[Any]) -> Iterator[str]:
        start = len(self._prefix)
        return (key[start:] for key in keys if self._holds(key))

    def _holds(self, key: object) -> bool:
        return type(key) is str and key.startswith(self._prefix)
