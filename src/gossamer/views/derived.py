"""A cell that is calculated from others, and is calculated again when one of them changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from ..errors import ConfigurationError
from .observable import Observable
from .operators import ActsAsItsValue

T = TypeVar("T")

_NEVER: Any = object()


class Derived(ActsAsItsValue, Observable, Generic[T]):
    """`fn` of the values of other cells: a formula that is always up to date and is nowhere stored.

    Made by `mesh.derived(fn, *cells)`; `fn` may be a format string.  Each peer calculates for
    itself, when the value is read and an input is another than the last time.  What `fn` raises comes
    out of the read.  Inputs are cells of any mesh: values, counters, shared sets, derived ones.
    """

    def __init__(self, fn: Callable[..., T] | str, cells: tuple[Observable, ...]) -> None:
        for cell in cells:
            if not isinstance(cell, Observable):
                raise ConfigurationError(
                    f"a derived cell is calculated from cells, not from {type(cell).__name__}; wrap a key as "
                    "mesh.value(key), and a constant into the function"
                )
        if not callable(fn) and not isinstance(fn, str):
            raise ConfigurationError(f"a derived cell needs a function or a format string, not {type(fn).__name__}")
        self._fn = cast(Callable[..., T], fn.format if isinstance(fn, str) else fn)
        self._cells = cells
        self._last: tuple[tuple[Any, ...], Any] = (), _NEVER

    @property
    def value(self) -> T:
        """The result of the function for what the inputs hold now."""
        inputs = tuple(cell.value for cell in self._cells)
        known, result = self._last  # one tuple, so that threads need no lock, which a fork might leave locked
        if result is _NEVER or not _same(known, inputs):
            result = self._fn(*inputs)
            self._last = inputs, result
        return cast(T, result)

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        for cell in dict.fromkeys(map(_Same, self._cells)):
            cell.it._subscribe(fn, call)

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        for cell in dict.fromkeys(map(_Same, self._cells)):
            cell.it._unsubscribe(fn)

    def __repr__(self) -> str:
        return f"Derived({self.value!r})"


class _Same:
    """A cell by identity: cells equal what their values equal, and have no hash."""

    __slots__ = ("it",)

    def __init__(self, it: Observable) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it is other.it


def _same(known: tuple[Any, ...], inputs: tuple[Any, ...]) -> bool:
    """Whether these are the same inputs: equal, and of one type, for 1 and 1.0 print differently."""
    return len(known) == len(inputs) and all(
        old is new or (type(old) is type(new) and old == new) for old, new in zip(known, inputs, strict=True)
    )
