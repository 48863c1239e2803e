"""Containers read from a mesh: they equal, print, pickle, copy and serialize as the plain ones, and refuse to change.

A list that changed in place would differ from what every other peer holds, and nothing would
say so.  So each mutator raises `FrozenValue`, which tells what to assign instead; a copy, a
slice or a sum is plain again and may be changed.  Only code in C that writes into a list
behind its methods, as `heapq` does, is not stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID

from ..errors import FrozenValue
from .registered import Unknown, registration_of

Item = TypeVar("Item")
Name = TypeVar("Name")

IMMUTABLE_TYPES: Final = frozenset({type(None), bool, int, float, str, bytes, date, timedelta, Decimal, UUID, Unknown})
"""Exact types whose values a reader gets as they were written."""


def _refusing(name: str, instead: str) -> Callable[..., NoReturn]:
    """Return a mutator that refuses, and says what to do instead."""

    def refuse(self: object, *arguments: object, **named: object) -> NoReturn:
        raise FrozenValue(
            f"{name} would change only this copy of a value read from a mesh, and no peer would see it; "
            f"assign a changed copy: {instead}"
        )

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse


class FrozenList(list[Item]):
    """A list read from a mesh."""

    __slots__ = ()

    def __new__(cls, items: Iterable[Item] = ()) -> FrozenList[Item]:
        """Return a frozen list of these items."""
        self = list.__new__(cls)
        list.__init__(self, items)
        return self

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Do nothing: `__new__` has filled the list, and to be called again must not fill it anew."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return list, (list(self),)

    append = _refusing("list.append", "mesh[key] = [*mesh[key], item]")
    extend = _refusing("list.extend", "mesh[key] = [*mesh[key], *items]")
    insert = _refusing("list.insert", "items = list(mesh[key]); items.insert(index, item); mesh[key] = items")
    remove = _refusing("list.remove", "items = list(mesh[key]); items.remove(item); mesh[key] = items")
    pop = _refusing("list.pop", "items = list(mesh[key]); items.pop(); mesh[key] = items")
    clear = _refusing("list.clear", "mesh[key] = []")
    sort = _refusing("list.sort", "mesh[key] = sorted(mesh[key])")
    reverse = _refusing("list.reverse", "mesh[key] = mesh[key][::-1]")
    __setitem__ = _refusing("list[index] = item", "items = list(mesh[key]); items[index] = item; mesh[key] = items")
    __delitem__ = _refusing("del list[index]", "items = list(mesh[key]); del items[index]; mesh[key] = items")
    __iadd__ = _refusing("list +=", "mesh[key] = [*mesh[key], *items]")
    __imul__ = _refusing("list *=", "mesh[key] = mesh[key] * times")


class FrozenDict(dict[Name, Item]):
    """A dict read from a mesh."""

    __slots__ = ()

    def __new__(cls, items: Mapping[Name, Item] | Iterable[tuple[Name, Item]] = ()) -> FrozenDict[Name, Item]:
        """Return a frozen dict of these items."""
        self = dict.__new__(cls)
        dict.__init__(self, items)
        return self

    def __init__(self, items: Mapping[Name, Item] | Iterable[tuple[Name, Item]] = ()) -> None:
        """Do nothing: `__new__` has filled the dict, and to be called again must not fill it anew."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return dict, (dict(self),)

    __setitem__ = _refusing("dict[name] = item", "mesh[key] = {**mesh[key], name: item}")
    __delitem__ = _refusing("del dict[name]", "items = dict(mesh[key]); del items[name]; mesh[key] = items")
    clear = _refusing("dict.clear", "mesh[key] = {}")
    pop = _refusing("dict.pop", "items = dict(mesh[key]); items.pop(name); mesh[key] = items")
    popitem = _refusing("dict.popitem", "items = dict(mesh[key]); items.popitem(); mesh[key] = items")
    setdefault = _refusing("dict.setdefault", "mesh[key] = {name: item, **mesh[key]}")
    update = _refusing("dict.update", "mesh[key] = {**mesh[key], **changes}")
    __ior__ = _refusing("dict |=", "mesh[key] = mesh[key] | changes")


class FrozenSet(set[Item]):
    """A set read from a mesh.  (A `frozenset` travels too, and stays one.)"""

    __slots__ = ()

    def __new__(cls, items: Iterable[Item] = ()) -> FrozenSet[Item]:
        """Return a frozen set of these items."""
        self = set.__new__(cls)
        set.__init__(self, items)
        return self

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Do nothing: `__new__` has filled the set, and to be called again must not fill it anew."""

    def __repr__(self) -> str:
        return repr(set(self))

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return set, (list(self),)

    add = _refusing("set.add", "mesh[key] = mesh[key] | {item}")
    discard = _refusing("set.discard", "mesh[key] = mesh[key] - {item}")
    remove = _refusing("set.remove", "mesh[key] = mesh[key] - {item}")
    pop = _refusing("set.pop", "items = set(mesh[key]); items.pop(); mesh[key] = items")
    clear = _refusing("set.clear", "mesh[key] = set()")
    update = _refusing("set.update", "mesh[key] = mesh[key] | items")
    intersection_update = _refusing("set.intersection_update", "mesh[key] = mesh[key] & items")
    difference_update = _refusing("set.difference_update", "mesh[key] = mesh[key] - items")
    symmetric_difference_update = _refusing("set.symmetric_difference_update", "mesh[key] = mesh[key] ^ items")
    __ior__ = _refusing("set |=", "mesh[key] = mesh[key] | items")
    __iand__ = _refusing("set &=", "mesh[key] = mesh[key] & items")
    __isub__ = _refusing("set -=", "mesh[key] = mesh[key] - items")
    __ixor__ = _refusing("set ^=", "mesh[key] = mesh[key] ^ items")


def freeze(value: Any) -> Any:
    """Return what a reader of one's own write gets: equal to `decode_value(encode_value(value))`, for less.

    `value` must have been encoded before, which proves that it can travel: nothing is checked
    here.  What `IMMUTABLE_TYPES` names is returned as it is; anything else is copied, O(items).
    """
    kind = type(value)
    if kind in IMMUTABLE_TYPES:
        return value
    freezer = _FREEZERS.get(kind)
    return freezer(value) if freezer is not None else _frozen_registered(value)


def _frozen_items(items: Iterable[Any]) -> Iterable[Any]:
    items = list(items)
    return items if IMMUTABLE_TYPES.issuperset(map(type, items)) else map(freeze, items)


def _frozen_dict(value: dict[Any, Any]) -> FrozenDict[Any, Any]:
    return FrozenDict(zip(_frozen_items(value), _frozen_items(value.values()), strict=True))


def _frozen_zone(value: Any) -> Any:
    """Replace a time zone, which only its host knows, by its offset at that moment."""
    offset = value.utcoffset()
    return value if offset is None else value.replace(tzinfo=timezone(offset), fold=0)


def _frozen_registered(value: Any) -> Any:
    registration = registration_of(type(value))
    assert registration is not None, "freeze() of what encode_value() would have refused"
    return registration.value(freeze(registration.content(value)))


_FREEZERS: Final[dict[type, Callable[[Any], Any]]] = {
    list: lambda value: FrozenList(_frozen_items(value)),
    tuple: lambda value: tuple(_frozen_items(value)),
    dict: _frozen_dict,
    set: lambda value: FrozenSet(_frozen_items(value)),
    frozenset: lambda value: frozenset(_frozen_items(value)),
    FrozenList: lambda value: value,
    FrozenDict: lambda value: value,
    FrozenSet: lambda value: value,
    datetime: _frozen_zone,
    time: _frozen_zone,
}
