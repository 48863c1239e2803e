"""What Python may ask of a value, as functions of values: special names, by how many others take part."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

ALONE: Final[dict[str, Callable[..., Any]]] = {
    "__neg__": operator.neg,
    "__pos__": operator.pos,
    "__abs__": abs,
    "__invert__": operator.invert,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__index__": operator.index,
    "__bytes__": bytes,
    "__trunc__": math.trunc,
    "__floor__": math.floor,
    "__ceil__": math.ceil,
    "__round__": round,
    "__hash__": hash,
    "__len__": len,
    "__iter__": iter,
    "__reversed__": reversed,
}
"""Of the value alone (`round` may be given digits)."""

WITH_ANOTHER: Final[dict[str, Callable[..., Any]]] = {
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
    "__getitem__": operator.getitem,
    "__contains__": operator.contains,
}
"""Of the value and another."""

ON_EITHER_SIDE: Final[dict[str, Callable[..., Any]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "matmul": operator.matmul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "divmod": divmod,
    "pow": pow,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}
"""Of the value and another, in either order: `__add__`, `__radd__`, and in place `__iadd__`."""

NOT_IN_PLACE: Final = frozenset({"divmod"})

PARSED: Final[dict[type, tuple[str, ...]]] = {
    str: ("__int__", "__float__", "__complex__", "__bytes__"),
    bytes: ("__int__", "__float__", "__complex__"),
}
"""Of what numbers are made though it has no special name for that; and what `bytes` would otherwise try to iterate."""


def has(kind: type, name: str) -> bool:
    """Return whether values of a type can be asked this."""
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return found is not None or name in PARSED.get(kind, ())
