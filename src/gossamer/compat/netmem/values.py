"""What a value is in a memory: a plain one, that its program may change in place; and when two are the same."""

from __future__ import annotations

from typing import Any, Final

ABSENT: Final[Any] = object()
"""Stands where a key has no value.  Whoever is outside is told None, as netmem did."""


def thawed(value: Any) -> Any:
    """Return a copy of what a mesh holds in which all containers are plain ones.  O(size)."""
    if isinstance(value, list):
        return [thawed(item) for item in value]
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    if isinstance(value, set):
        return set(value)
    if type(value) is tuple:
        return tuple(map(thawed, value))
    return value


def told(value: Any) -> Any:
    """Return what listeners and messages have for a value or its absence."""
    return None if value is ABSENT else value


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type, in containers too: 1, 1.0 and True print differently.

    NaN is the same as NaN: in netmem it was not, and one NaN travelled to and fro for ever.
    """
    if one is other:
        return True
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    for kind in (list, tuple):
        if isinstance(one, kind):
            return isinstance(other, kind) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set):
        return isinstance(other, set) and one == other
    return type(one) is type(other) and (_equal(one, other) or (_equal(one, one), _equal(other, other)) == (False,) * 2)


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # of a type that is not ours: what cannot be compared counts as different
        return False
