"""Under which part a set keeps an element: one for all that Python calls equal, the same at every peer.

`1 == 1.0 == True == Decimal(1)`, and so they are one element, as they are in Python's own
sets.  NaN, which equals nothing there, is one element here: else no peer could remove it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Context, Decimal
from hashlib import blake2b
from typing import Any, Final

from ..errors import UnsendableValue
from ..wire.values import encode_value

PART_BYTES_MAX: Final = 128
"""An element whose bytes are more is known by their hash, so that any element fits a key."""

_EXACT: Final = Context(prec=4096)
_INTEGERS_BELOW: Final = 1 << 8000
"""Beyond, no int could be sent that a Decimal might be equal to."""


def part_of(element: object) -> bytes:
    """Return the bytes under which a set keeps `element`.  O(its size).

    Raises UnsendableValue for what has no hash, or cannot travel.
    """
    try:
        hash(element)
    except TypeError:
        raise UnsendableValue(
            f"a {type(element).__name__} cannot be in a set, because it can change and so has no hash; nothing was "
            f"stored.  Use a tuple for a list, a frozenset for a set, and a tuple of pairs for a dict"
        ) from None
    data = encode_value(_canonical(element))
    return data if len(data) <= PART_BYTES_MAX else blake2b(data, digest_size=32, person=b"gossamer set").digest()


def _canonical(element: Any) -> Any:
    canonical = _FORMS.get(type(element))
    return element if canonical is None else canonical(element)


def _number(number: float) -> int | float:
    return int(number) if math.isfinite(number) and number.is_integer() else number


def _decimal(number: Decimal) -> Any:
    if number.is_nan():
        return math.nan
    if number.is_finite() and abs(number) < _INTEGERS_BELOW and number == number.to_integral_value(context=_EXACT):
        return int(number)
    nearest = float(number)
    return nearest if Decimal(nearest) == number else number.normalize(_EXACT)


def _datetime(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        return moment.replace(fold=0)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # within a day of the first or the last moment that there is
        return moment


_FORMS: Final[dict[type, Callable[[Any], Any]]] = {
    bool: int,
    float: _number,
    Decimal: _decimal,
    datetime: _datetime,
    time: lambda moment: moment.replace(fold=0) if moment.utcoffset() is None else moment,
    tuple: lambda items: tuple(map(_canonical, items)),
    frozenset: lambda items: frozenset(map(_canonical, items)),
}
