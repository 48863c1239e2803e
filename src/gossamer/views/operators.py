"""What stands for its value in arithmetic and comparisons.

The results are plain: `cell + 1` is a number, not a cell.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any


def _left(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: operate(self.value, plain(other))


def _right(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: operate(plain(other), self.value)


def _alone(operate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: operate(self.value)


class ActsAsItsValue(ABC):
    """Operators, over `value`.  Equal to what its value is equal to, so it has no hash."""

    @property
    @abstractmethod
    def value(self) -> Any:
        """The value now."""

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.value) if digits is None else round(self.value, digits)

    def __trunc__(self) -> Any:
        return math.trunc(self.value)

    def __floor__(self) -> Any:
        return math.floor(self.value)

    def __ceil__(self) -> Any:
        return math.ceil(self.value)

    def __eq__(self, other: object) -> Any:
        return self.value == plain(other)

    def __ne__(self, other: object) -> Any:
        return self.value != plain(other)

    __hash__ = None  # type: ignore[assignment]

    __lt__ = _left(operator.lt)
    __le__ = _left(operator.le)
    __gt__ = _left(operator.gt)
    __ge__ = _left(operator.ge)
    __add__ = _left(operator.add)
    __radd__ = _right(operator.add)
    __sub__ = _left(operator.sub)
    __rsub__ = _right(operator.sub)
    __mul__ = _left(operator.mul)
    __rmul__ = _right(operator.mul)
    __truediv__ = _left(operator.truediv)
    __rtruediv__ = _right(operator.truediv)
    __floordiv__ = _left(operator.floordiv)
    __rfloordiv__ = _right(operator.floordiv)
    __mod__ = _left(operator.mod)
    __rmod__ = _right(operator.mod)
    __divmod__ = _left(divmod)
    __rdivmod__ = _right(divmod)
    __pow__ = _left(operator.pow)
    __rpow__ = _right(operator.pow)
    __and__ = _left(operator.and_)
    __rand__ = _right(operator.and_)
    __or__ = _left(operator.or_)
    __ror__ = _right(operator.or_)
    __xor__ = _left(operator.xor)
    __rxor__ = _right(operator.xor)
    __lshift__ = _left(operator.lshift)
    __rlshift__ = _right(operator.lshift)
    __rshift__ = _left(operator.rshift)
    __rrshift__ = _right(operator.rshift)
    __neg__ = _alone(operator.neg)
    __pos__ = _alone(operator.pos)
    __abs__ = _alone(operator.abs)
    __invert__ = _alone(operator.invert)


def plain(other: Any) -> Any:
    """Return the value of what stands for one, and anything else as it is."""
    return other.value if isinstance(other, ActsAsItsValue) else other
