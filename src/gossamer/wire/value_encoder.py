"""A value with parts, to bytes: one walk down, that refuses what cannot travel and says where it was.

Lists and dicts of nothing but plain scalars are left to cbor2, at a tenth of the time an item.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import cbor2

from . import heads, tags
from .bounds import CONTAINERS_MAX, DEPTH_MAX, SAME_HASH_MAX, crowd_hashes
from .frozen import FrozenDict, FrozenList, FrozenSet
from .refusal import Refusal, element_step, name_step, refusal_of
from .registered import Misfit, RegisteredDataclass, Unknown, is_name, registration_of
from .scalars import SCALAR_ENCODERS

_FLAT: Final = frozenset({type(None), bool, int, float, str, bytes})
_PLAIN_KEYS: Final = frozenset({str, bytes})


class ValueEncoder:
    """One encoding of one value that has parts; it counts containers, as a value may hold one of its parts often."""

    __slots__ = ("containers",)

    def __init__(self) -> None:
        self.containers = 0

    def item(self, value: object, depth: int) -> bytes:
        """Return the bytes of a value within `depth` containers; raise `Refusal` for what cannot travel."""
        encode_scalar = SCALAR_ENCODERS.get(type(value))
        if encode_scalar is not None:
            return encode_scalar(value)
        encode = _CONTAINER_ENCODERS.get(type(value))
        if encode is None:
            if registration_of(type(value)) is None:
                raise refusal_of(value)
            encode = ValueEncoder._registered
        if depth == DEPTH_MAX:
            raise Refusal(f"is nested deeper than {DEPTH_MAX} levels, or the value holds itself")
        self._count_container()
        return encode(self, value, depth + 1)

    def _count_container(self) -> None:
        self.containers += 1
        if self.containers > CONTAINERS_MAX:
            raise Refusal(f"is one of more than {CONTAINERS_MAX} containers; send fewer, larger parts, or bytes")

    def _list(self, value: list[Any], depth: int) -> bytes:
        # A copy, for another thread may change the list between a look at it and the next.
        return self._array(list(value), depth)

    def _tuple(self, value: tuple[Any, ...], depth: int) -> bytes:
        return heads.head(heads.TAG, tags.TUPLE) + self._array(value, depth)

    def _array(self, items: Collection[Any], depth: int) -> bytes:
        flat = _flat_bytes(items, items)
        if flat is not None:
            return flat
        parts = [heads.head(heads.ARRAY, len(items))]
        for index, item in enumerate(items):
            try:
                parts.append(self.item(item, depth))
            except Refusal as refusal:
                raise refusal.within(f"[{index}]") from None
        return b"".join(parts)

    def _dict(self, value: dict[Any, Any], depth: int) -> bytes:
        items = dict(value)
        if _PLAIN_KEYS.issuperset(map(type, items)):
            flat = _flat_bytes(items, items.values())
            if flat is not None:
                return flat
            first = heads.head(heads.MAP, len(items))
        else:
            _refuse_crowd(items)
            first = heads.head(heads.TAG, tags.PAIRS) + heads.head(heads.ARRAY, 2 * len(items))
        parts = [first]
        for name, item in items.items():
            try:
                parts.append(self.item(name, depth))
                parts.append(self.item(item, depth))
            except Refusal as refusal:
                raise refusal.within(name_step(name)) from None
        return b"".join(parts)

    def _set(self, value: Collection[Any], depth: int) -> bytes:
        elements = list(value)
        _refuse_crowd(elements)
        parts = []
        for element in elements:
            try:
                parts.append(self.item(element, depth))
            except Refusal as refusal:
                raise refusal.within(element_step(element)) from None
        tag = tags.FROZENSET if type(value) is frozenset else tags.SET
        return heads.head(heads.TAG, tag) + heads.head(heads.ARRAY, len(parts)) + b"".join(sorted(parts))

    def _registered(self, value: Any, depth: int) -> bytes:
        registration = registration_of(type(value))
        assert registration is not None  # `item` has looked
        try:
            content: Any = registration.content(value)
        except Misfit:
            raise Refusal(f"is a {type(value).__qualname__} that lacks a field, or has flags without a name") from None
        if type(registration) is not RegisteredDataclass:
            return _named(registration.name, self.item(content, depth))
        self._count_container()  # the map within the array
        parts = [heads.head(heads.MAP, len(content))]
        for name, item in content.items():
            try:
                parts += (heads.encode_text(name), self.item(item, depth))
            except Refusal as refusal:
                raise refusal.within(f".{name}") from None
        return _named(registration.name, b"".join(parts))

    def _unknown(self, value: Unknown, depth: int) -> bytes:
        if not is_name(value.name) or type(value.payload) is not bytes:
            raise Refusal("is an Unknown that was not read from a mesh; send what it stands for")
        return _named(value.name, value.payload)


def _named(name: str, payload: bytes) -> bytes:
    return (
        heads.head(heads.TAG, tags.REGISTERED)
        + heads.head(heads.ARRAY, 2)
        + heads.encode_text(name)
        + heads.encode_bytes(payload)
    )


def _flat_bytes(container: Any, items: Collection[Any]) -> bytes | None:
    """Return what cbor2 makes of a container at one go, where that is what this module would make of it."""
    kinds = set(map(type, items))
    if not kinds <= _FLAT:
        return None
    if int in kinds:
        numbers = [item for item in items if type(item) is int]
        if min(numbers) < heads.INTEGER_MIN or max(numbers) > heads.INTEGER_MAX:
            return None
    try:
        return cbor2.dumps(container)
    except UnicodeEncodeError:
        return None  # The walk item by item finds where, and says so.


def _refuse_crowd(keys: Collection[Any]) -> None:
    if crowd_hashes(keys):
        raise Refusal(f"has more than {SAME_HASH_MAX} keys of the same hash; send a list of pairs")


_CONTAINER_ENCODERS: Final[dict[type, Callable[[ValueEncoder, Any, int], bytes]]] = {
    list: ValueEncoder._list,
    FrozenList: ValueEncoder._list,
    tuple: ValueEncoder._tuple,
    dict: ValueEncoder._dict,
    FrozenDict: ValueEncoder._dict,
    set: ValueEncoder._set,
    FrozenSet: ValueEncoder._set,
    frozenset: ValueEncoder._set,
    Unknown: ValueEncoder._unknown,
}
