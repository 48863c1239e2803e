"""One key of the mesh as a cell: something to hold in the hand, read, set, and listen to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ..wire.keys import checked_key
from .changes import Change
from .observable import Observable, subscribe, tell
from .operators import ActsAsItsValue, plain

if TYPE_CHECKING:
    from .objects import MeshWithObjects

T = TypeVar("T")


class Value(ActsAsItsValue, Observable, Generic[T]):
    """The value of one key: `mesh[key]` and `mesh.value(key).value` are the same.

    Made by `mesh.value(key, default)`; where the key is absent, `default` is read, and nothing is
    written.  Stands for its value in arithmetic and comparisons; `cell += 1` sets the key.  The last
    writer wins, as for every key: to count, use `mesh.counter`.  Thread-safe.
    """

    def __init__(self, mesh: MeshWithObjects, key: Any, default: T) -> None:
        self._mesh = mesh
        self._key = checked_key(key)
        self._default = default

    @property
    def key(self) -> Any:
        """The key in the mesh."""
        return self._key

    @property
    def value(self) -> T:
        """What the key holds, or the default; inside `with cell as unchanged:`, a copy to change in place."""
        work = self._work()
        return cast(T, self._mesh.get(self._key, self._default) if work is None else work.value)

    @value.setter
    def value(self, value: T) -> None:
        self.set(value)

    def get(self) -> T:
        """Return `value`."""
        return self.value

    def set(self, value: T, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value` under the key, as `mesh.set` does; with `force`, listeners are told even if it is equal."""
        work = self._work()
        if work is None:
            self._mesh.set(self._key, value, ttl=ttl, force=force)
        else:
            work.value = value

    def delete(self) -> None:
        """Delete the key, if it is there: the default is read then."""
        self._mesh.pop(self._key, None)

    def touch(self) -> None:
        """Tell listeners, everywhere, as if the value had changed.  Nothing if the key is absent."""
        if self._key in self._mesh:
            self.set(self.value, force=True)

    def change(self, fn: Callable[[T], T]) -> T:
        """Set the value to `fn(value)` and return that; atomic among the threads of this process, not among peers.

        `fn` runs under the mesh's lock, so it is quick and uses nothing of the mesh.
        """
        work = self._work()
        if work is not None:
            work.value = fn(work.value)
            return cast(T, work.value)
        return cast(T, self._mesh._change_key(self._key, self._default, fn))

    # -- in place -------------------------------------------------------------------------------

    def __enter__(self) -> Unchanged:
        work = self._work()
        if work is None:
            work = _Work(self, Unchanged(self._key), copy.deepcopy(self.value))
            _working.set((*_working.get(), work))
        work.depth += 1
        return work.unchanged

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        work = self._work()
        assert work is not None
        work.depth -= 1
        if work.depth:
            return False
        _working.set(tuple(other for other in _working.get() if other is not work))
        if error is None:
            self.set(work.value, force=True)
        return error is work.unchanged

    def _work(self) -> _Work | None:
        for work in _working.get():
            if work.cell is self:
                return work
        return None

    # -- telling --------------------------------------------------------------------------------

    def on_change(self, fn: Any = None, *, value_only: bool = False, no_args: bool = False) -> Any:
        """Call `fn(cell, old, new)` on each change of the key; `fn(new)` if `value_only`, `fn()` if `no_args`.

        Without `fn`, a decorator.  Where the key is absent, `old` or `new` is the default.
        """
        if fn is None:
            return lambda fn: self.on_change(fn, value_only=value_only, no_args=no_args)

        def call(change: Change) -> None:
            old = self._default if change.old is None else change.old
            new = change.new if change.kind == "set" else self._default
            tell(fn, self, old, new, value_only, no_args)

        self._mesh._listeners.add(fn, call=call, key=self._key)
        self._mesh._start_listening()
        return fn

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        subscribe(self._mesh._listeners, self._key, fn, call)
        self._mesh._start_listening()

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        self._mesh._listeners.remove_one(fn, self._key)

    def __repr__(self) -> str:
        return f"Value({self._key!r}, {self.value!r})"


class Unchanged(Exception):
    """Raised inside `with cell as unchanged:` by `raise unchanged`: leave the block, and write nothing."""


@dataclass(slots=True, eq=False)
class _Work:
    """What a `with` block of one thread or task changes in place."""

    cell: Value[Any]
    unchanged: Unchanged
    value: Any
    depth: int = 0


_working: ContextVar[tuple[_Work, ...]] = ContextVar("working", default=())


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    """Return an in-place operator, which sets the key and keeps the cell."""
    operate = getattr(ActsAsItsValue, f"__{name}__")

    def change(self: Value[Any], other: Any) -> Value[Any]:
        self.change(lambda value: operate(_Plain(value), plain(other)))
        return self

    return change


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    value: Any


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
    setattr(Value, f"__i{_name}__", _in_place(_name))
