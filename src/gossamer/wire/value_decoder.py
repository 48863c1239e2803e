"""Bytes to a value with parts: cbor2 takes them apart, and what has a tag is made here or refused.

cbor2 asks a `ValueDecoder` for each tag, before it would use a decoder of its own; so a tag that
is not in `tags` never runs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import Any, Final

import cbor2

from ..errors import Malformed
from . import tags
from .bounds import CONTAINERS_MAX, DEPTH_MAX, SAME_HASH_MAX, count_containers, crowd_hashes
from .frozen import FrozenDict, FrozenList, FrozenSet
from .registered import Misfit, Unknown, is_name, registration_named
from .scalars import SCALAR_DECODERS

# Two in cbor2 for each level of a value (the tag and its array), and two for a tagged scalar within.
_DEPTH_MAX: Final = 2 * DEPTH_MAX + 2

# What cbor2 makes of `undefined` and of simple values: no encoder of ours has sent them.
_FORBIDDEN: Final = frozenset({type(cbor2.undefined), cbor2.CBORSimpleValue})
_UNFROZEN: Final = frozenset({list, dict})


class ValueDecoder(dict[int, Callable[[Any, bool], object]]):
    """One decoding of one value; as a mapping, the decoders of its tags."""

    __slots__ = ("containers", "level")

    def __init__(self) -> None:
        super().__init__()
        self.containers = 0
        self.level = 0

    def __missing__(self, tag: int) -> Callable[[Any, bool], object]:
        decode_scalar = SCALAR_DECODERS.get(tag)
        if decode_scalar is not None:
            return lambda payload, immutable: decode_scalar(payload)
        decode = _DECODERS.get(tag)
        if decode is None:
            raise Malformed(f"tag {tag} is none of gossamer's")
        return partial(decode, self)

    def value(self, data: bytes) -> Any:
        """Return the value that `data` holds; raise `Malformed` and nothing else, whatever the bytes are."""
        # So few bytes cannot hold too many containers; in longer values they are counted before they take memory.
        if self.containers or len(data) > CONTAINERS_MAX:
            self.containers += count_containers(data, CONTAINERS_MAX - self.containers)
        source = BytesIO(data)
        try:
            decoded = cbor2.CBORDecoder(
                source,
                semantic_decoders=self,
                max_depth=_DEPTH_MAX - 2 * self.level,
                allow_indefinite=False,
                allow_duplicate_keys=False,
                strict_hashable_types=True,
            ).decode()
        except cbor2.CBORDecodeError as error:
            raise Malformed(str(error.__cause__ or error)) from None
        if source.tell() != len(data):
            raise Malformed(f"{len(data) - source.tell()} bytes follow its end")
        return _frozen(decoded)

    def _tuple(self, payload: object, immutable: bool) -> tuple[Any, ...]:
        return tuple(_frozen_items(_array(payload)))

    def _set(self, payload: object, immutable: bool) -> FrozenSet[Any]:
        return FrozenSet(_elements(payload))

    def _frozenset(self, payload: object, immutable: bool) -> frozenset[Any]:
        return frozenset(_elements(payload))

    def _pairs(self, payload: object, immutable: bool) -> FrozenDict[Any, Any]:
        items = _array(payload)
        if len(items) % 2:
            raise Malformed("a dict whose last key has no value")
        names = _distinct(items[::2])
        return FrozenDict(zip(names, _frozen_items(items[1::2]), strict=True))

    def _registered(self, payload: object, immutable: bool) -> Any:
        match _array(payload):
            case [str(name), bytes(content)] if is_name(name):
                registration = registration_named(name)
            case _:
                raise Malformed("a registered value is its name and its content")
        if registration is None:
            return Unknown(name, content)
        self.level += 1  # which leaves two levels less for the content, and so ends
        try:
            return registration.value(self.value(content))
        except Misfit:
            return Unknown(name, content)
        finally:
            self.level -= 1


_DECODERS: Final[dict[int, Callable[[ValueDecoder, Any, bool], object]]] = {
    tags.TUPLE: ValueDecoder._tuple,
    tags.PAIRS: ValueDecoder._pairs,
    tags.SET: ValueDecoder._set,
    tags.FROZENSET: ValueDecoder._frozenset,
    tags.REGISTERED: ValueDecoder._registered,
}


def _array(payload: object) -> list[Any]:
    if type(payload) is not list:
        raise Malformed("a tagged container that is not an array")
    return payload


def _elements(payload: object) -> list[Any]:
    return _distinct(_array(payload))


def _distinct(items: list[Any]) -> list[Any]:
    """Return keys or elements, frozen, and proven to be hashable, distinct and of hashes that differ enough."""
    keys = list(_frozen_items(items))
    if crowd_hashes(keys):
        raise Malformed(f"more than {SAME_HASH_MAX} keys with the same hash")
    if len(set(keys)) != len(keys):
        raise Malformed("a key, or an element of a set, that comes twice")
    return keys


def _frozen(item: Any) -> Any:
    """Freeze what cbor2 left as a list or dict; what came through a tag is frozen already."""
    kind = type(item)
    if kind is list:
        return FrozenList(_frozen_items(item))
    if kind is dict:
        return FrozenDict(zip(item, _frozen_items(item.values()), strict=True))
    if kind in _FORBIDDEN:
        raise Malformed("undefined, or a simple value without a meaning")
    return item


def _frozen_items(items: Iterable[Any]) -> Iterable[Any]:
    kinds = set(map(type, items))
    return items if kinds.isdisjoint(_UNFROZEN) and kinds.isdisjoint(_FORBIDDEN) else map(_frozen, items)
