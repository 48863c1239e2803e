"""What a proxy reaches: an object, or a dict within one; and what of it merges."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from ..errors import ObjectGone
from ..wire.values import FrozenDict, FrozenList, FrozenSet, freeze
from .counter import Counter
from .shared_dict import SharedDict
from .shared_list import SharedList
from .shared_object import Merging, SharedObject
from .shared_set import SharedSet

Held: TypeAlias = "SharedObject | SharedDict"

PLAIN: Final[dict[type, type]] = {FrozenList: list, FrozenDict: dict, FrozenSet: set}
"""What is read frozen, and what it stands for."""

_CHANGES: Final = "pop remove clear update"
_METHODS: Final = {
    SharedList: frozenset(f"append extend insert sort reverse move on_change off {_CHANGES}".split()),
    SharedSet: frozenset(
        "add discard difference_update intersection_update symmetric_difference_update on_change off "
        f"{_CHANGES}".split()
    ),
    SharedDict: frozenset(f"get keys values items popitem setdefault {_CHANGES}".split()),
    Counter: frozenset(("on_change", "off")),
}


def value_of(held: Held) -> Any:
    """Return the value, frozen.  Raises ObjectGone if there is none any more.  O(its size)."""
    if isinstance(held, SharedObject):
        return held.value()
    return freeze(_there(held).snapshot())


def merging_of(held: Held) -> Merging | None:
    """Return what merges; None if the value is replaced whole."""
    return held.merging(held.what()) if isinstance(held, SharedObject) else _there(held)


def method_of(merging: Merging | None, name: str) -> Any:
    """Return the method of what merges that does this; None if a copy of the value does it as well."""
    return getattr(merging, name, None) if merging is not None and name in _METHODS[type(merging)] else None


def _there(held: SharedDict) -> SharedDict:
    if not held.is_there:
        raise ObjectGone(f"{held.where} holds no dict any more; look it up again")
    return held
