"""What a proxy reaches: an object, or a dict, a list or a set within one; and what of it merges."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from ..wire.values import FrozenDict, FrozenList, FrozenSet, freeze
from .counter import Counter
from .nested import Nested
from .shared_dict import SharedDict
from .shared_list import SharedList
from .shared_object import Merging, SharedObject
from .shared_set import SharedSet

Held: TypeAlias = "SharedObject | SharedDict | Nested"

PLAIN: Final[dict[type, type]] = {FrozenList: list, FrozenDict: dict, FrozenSet: set}
"""What is read frozen, and what it stands for."""

_CHANGES: Final = "pop remove clear update"
_METHODS: Final = {
    SharedList: frozenset(f"append extend insert sort reverse move {_CHANGES}".split()),
    SharedSet: frozenset(
        f"add discard difference_update intersection_update symmetric_difference_update {_CHANGES}".split()
    ),
    SharedDict: frozenset(f"add get keys values items popitem setdefault {_CHANGES}".split()),
    Counter: frozenset(),
}


def value_of(held: Held) -> Any:
    """Return the value, frozen.  Raises ObjectGone if there is none any more.  O(its size)."""
    return freeze(held.there().snapshot()) if isinstance(held, SharedDict) else held.value()


def kind_of(held: Held) -> type:
    """Return the type of the value, as the program made it.  O(1), but for a number."""
    if isinstance(held, SharedObject):
        return PLAIN.get(held.kind(), held.kind())
    return dict if isinstance(held, SharedDict) else list if held.is_list else set


def merging_of(held: Held) -> Merging | None:
    """Return what merges; None if the value is replaced whole."""
    if isinstance(held, SharedObject):
        return held.merging(held.what())
    return held.there() if isinstance(held, SharedDict) else held.merging()


def method_of(merging: Merging | None, name: str) -> Any:
    """Return the method of what merges that does this; None if a copy of the value does it as well."""
    return getattr(merging, name, None) if merging is not None and name in _METHODS[type(merging)] else None
