"""Every special method of a class that stands for a value which it looks up anew each time."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable
from typing import Any, Final

import gossamer

_ALONE: Final[dict[str, Callable[..., Any]]] = {
    **{f"__{name}__": getattr(operator, name) for name in ("neg", "pos", "abs", "invert", "index", "length_hint")},
    **{f"__{kind.__name__}__": kind for kind in (int, float, complex, bytes, str, bool)},
    **{f"__{fn.__name__}__": fn for fn in (math.trunc, math.floor, math.ceil, repr, hash, len, iter, reversed, dir)},
    "__round__": round,
    "__format__": format,
    "__enter__": lambda it: it.__enter__(),
    "__exit__": lambda it, *error: it.__exit__(*error),
    "__copy__": lambda it: copy.copy(it),
    "__deepcopy__": lambda it, memo: copy.deepcopy(gossamer.plain(it), memo),
    "__reduce_ex__": lambda it, _: (operator.getitem, ((gossamer.plain(it),), 0)),
    "__delitem__": operator.delitem,
}
_WITH_ANOTHER: Final = ("lt", "le", "eq", "ne", "gt", "ge", "getitem", "contains")
_ON_EITHER_SIDE: Final[dict[str, Callable[..., Any]]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod")},
    **{name: getattr(operator, name) for name in ("lshift", "rshift", "xor")},
    "and": operator.and_,
    "or": operator.or_,
    "divmod": divmod,
    "pow": pow,
}


def stands_for(attribute: str) -> Callable[[type], type]:
    """Return a decorator for a class whose instances stand for what their `attribute` is.

    An operator in place changes that, and leaves the instance what it is.
    """

    def real(it: Any) -> Any:
        return getattr(it, attribute)

    def decorate(cls: type) -> type:
        for name, fn in _ALONE.items():
            setattr(cls, name, _alone(real, fn))
        for name in _WITH_ANOTHER:
            setattr(cls, f"__{name}__", _left(real, getattr(operator, name)))
        for name, fn in _ON_EITHER_SIDE.items():
            setattr(cls, f"__{name}__", _left(real, fn))
            setattr(cls, f"__r{name}__", _right(real, fn))
            if name != "divmod":
                setattr(cls, f"__i{name}__", _in_place(real, getattr(operator, f"i{name}")))
        setattr(cls, "__setitem__", _set_item(real))  # noqa: B010
        return cls

    return decorate


def _alone(real: Callable[[Any], Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda it, *more: fn(real(it), *more)


def _left(real: Callable[[Any], Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda it, other, *more: fn(real(it), gossamer.plain(other), *more)


def _right(real: Callable[[Any], Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda it, other: fn(gossamer.plain(other), real(it))


def _set_item(real: Callable[[Any], Any]) -> Callable[..., Any]:
    def assign(it: Any, key: Any, value: Any) -> None:
        real(it)[gossamer.plain(key)] = value  # which knows what stands there already, as after `it[key] |= ...`

    return assign


def _in_place(real: Callable[[Any], Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    def operate(it: Any, other: Any) -> Any:
        fn(real(it), gossamer.plain(other))
        return it

    return operate
