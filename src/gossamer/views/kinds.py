"""What stands behind an object: which kind of thing that merges keeps which type of value.

An object's row says its kind, its *generation*, and for a register its value.  What merges stands
under the object's key and generation, so what is added to an object that was deleted or replaced
meanwhile stays apart, while two who create an object apart, neither knowing of the other,
find that they have filled one and the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..wire.values import FrozenDict, FrozenList, FrozenSet
from .list_body import kept

LIST: Final = "list"
SET: Final = "set"
DICT: Final = "dict"
NUMBER: Final = "number"
VALUE: Final = "value"
GONE: Final = "gone"
"""The object was deleted.  The row stays, so that all who create another take its generation."""

_KINDS: Final = {
    list: LIST,
    FrozenList: LIST,
    set: SET,
    FrozenSet: SET,
    dict: DICT,
    FrozenDict: DICT,
    int: NUMBER,
    float: NUMBER,
}
_NAMES: Final = frozenset({LIST, SET, DICT, NUMBER, VALUE, GONE})


class Marker(NamedTuple):
    """The row of an object."""

    kind: str
    generation: bytes
    value: Any
    """The value of a register, or the number from which is counted."""


def marker_of(row: Any) -> Marker | None:
    """Return the marker that a row is; None if there is none, or what a stranger may have sent."""
    if type(row) is not tuple or len(row) != 3 or row[0] not in _NAMES or type(row[1]) is not bytes:
        return None
    if row[0] == NUMBER and type(row[2]) not in (int, float):
        return None
    return Marker(*row)


def marker_for(value: Any, generation: bytes) -> Marker:
    """Return the marker of an object that begins as `value`.  Raises UnsendableValue for what cannot travel."""
    kind = _KINDS.get(type(value), VALUE)
    return Marker(kind, generation, kept(value) if kind in (NUMBER, VALUE) else None)
