"""Keys: what may be one, its one encoding, and how a column of them travels.

1. Equality is Python's: a bool is its int, an enum member that is a str is that str.
2. Equal keys have equal bytes, and unequal keys unequal ones: digests are taken over these.
3. A key of a reserved space (`SpaceKey`) equals no key of the user's, whatever it holds.

In a message a key of the user's is itself, a tuple is an array, and a key of a reserved
space is a map of one pair, from the space as one byte to the key.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..errors import InvalidKey, Malformed
from . import heads

Key: TypeAlias = "str | bytes | int | tuple[Key, ...] | None"

KEY_BYTES_MAX: Final = 1024
"""Bytes of one encoded key."""

KEY_DEPTH_MAX: Final = 8
"""Tuples within tuples in one key."""

USER_SPACE: Final = 0

PLAIN_KEY_CHARACTERS_MAX: Final = KEY_BYTES_MAX - 3  # the head of so long a text has three bytes
"""A `str` of no more than these, all ASCII, is a key as it is."""
_ANY_LENGTH_MAX: Final = 255  # of four bytes each, still within the bound

_TEXT_ONLY: Final = {str}
_ATOMS: Final = frozenset({str, bytes, int, type(None)})
_LEGAL: Final = "a key is str, bytes, int, None, or a tuple of these"


@dataclass(frozen=True, slots=True)
class SpaceKey:
    """A key of a reserved space (1 to 255): derived objects live there, hidden from the user's mapping."""

    space: int
    key: Key

    def __post_init__(self) -> None:
        if type(self.space) is not int or not 0 < self.space < 256:
            raise InvalidKey(f"{self.space!r} is no reserved space: these are 1 to 255")


def checked_key(key: object) -> Key:
    """Return the key that `key` is: itself, or for a bool, a named tuple and the like the plain key that it equals.

    Raises `InvalidKey` for what is none, naming the type and what to do.  Nothing is stored then.
    """
    if type(key) is str and len(key) <= PLAIN_KEY_CHARACTERS_MAX and key.isascii():
        return key
    return _bounded(_plain(key, 0))


def encode_key(key: Key) -> bytes:
    """Return the canonical CBOR of a checked key: shortest heads, definite lengths."""
    return _encoded(key)


def canonical_key_bytes(key: Hashable) -> bytes:
    """Return one byte for the space (0: the user's) and the canonical CBOR of the key; digests are taken over this."""
    if type(key) is SpaceKey:
        return bytes((key.space,)) + _encoded(key.key)
    return b"\0" + _encoded(key)


def keys_to_wire(keys: Iterable[Hashable]) -> list[Any]:
    """Return the column that carries `keys` in a message; the same list where it can travel as it is."""
    column = keys if type(keys) is list else list(keys)
    if SpaceKey not in set(map(type, column)):
        return column
    return [{bytes((key.space,)): key.key} if type(key) is SpaceKey else key for key in column]


def keys_from_wire(column: list[Any]) -> list[Hashable]:
    """Return the keys that a decoded message's column carries: each a `Key` or a `SpaceKey`.

    Raises `Malformed` where one is of another type, too long or too deep.
    """
    if set(map(type, column)) == _TEXT_ONLY and max(map(len, column)) <= _ANY_LENGTH_MAX:
        return column
    return [_received(item) for item in column]


def _plain(key: Any, depth: int) -> Key:
    kind = type(key)
    if kind in _ATOMS:
        return key  # type: ignore[no-any-return]
    if isinstance(key, tuple) and _equals_as(key, tuple):
        if depth == KEY_DEPTH_MAX:
            raise InvalidKey(f"a key nests more than {KEY_DEPTH_MAX} tuples; flatten it")
        # Bounded level by level: a tuple that repeats one that repeats one ... would take for ever.
        return _bounded(tuple([_plain(item, depth + 1) for item in key]))
    # Unbound methods of the base type: a subclass may have overridden `__str__` and the like.
    if isinstance(key, str) and _equals_as(key, str):
        return str.__str__(key)
    if isinstance(key, int) and _equals_as(key, int):
        return int.__int__(key)
    if isinstance(key, bytes) and _equals_as(key, bytes):
        return bytes.__getitem__(key, slice(None))
    raise InvalidKey(f"{kind.__module__}.{kind.__qualname__} cannot be a key: {_LEGAL}{_advice(key)}")


def _bounded(key: Key) -> Key:
    length = len(_encoded(key))
    if length > KEY_BYTES_MAX:
        raise InvalidKey(
            f"a key of {length} bytes encoded is too long: at most {KEY_BYTES_MAX}; put long data into the value"
        )
    return key


def _equals_as(key: object, base: type) -> bool:
    """Tell whether a key of a subclass equals, and hashes as, the plain key: if not, it would be lost on the way."""
    kind: Any = type(key)
    return kind.__eq__ is base.__eq__ and kind.__hash__ is base.__hash__


def _advice(key: object) -> str:
    if isinstance(key, float):
        return "; use int(key), or str(key)"
    if isinstance(key, (bytearray, memoryview)):
        return "; use bytes(key)"
    if isinstance(key, (list, set, frozenset)):
        return "; use tuple(key)"
    return "; use str(key)"


def _encoded(key: Any) -> bytes:
    kind = type(key)
    try:
        if kind is str:
            return heads.encode_text(key)
        if kind is int:
            return heads.encode_integer(key)
        if kind is bytes:
            return heads.encode_bytes(key)
        if kind is tuple:
            return heads.head(heads.ARRAY, len(key)) + b"".join(map(_encoded, key))
    except UnicodeEncodeError:
        raise InvalidKey(f"{key[:40]!a} holds a lone surrogate, which has no bytes; use bytes as the key") from None
    except OverflowError:
        raise InvalidKey("an int key must lie between -2**64 and 2**64 - 1; use str(key)") from None
    return heads.NULL


def _received(item: Any) -> Hashable:
    if type(item) is not dict:
        return _received_key(item)
    if len(item) != 1:
        raise Malformed(f"a key of a reserved space is one pair, not {len(item)}")
    [(space, key)] = item.items()
    if type(space) is not bytes or len(space) != 1 or space == b"\0":
        raise Malformed(f"{space!r} is no reserved key space")
    return SpaceKey(space[0], _received_key(key))


def _received_key(item: Any) -> Key:
    key = _tuples(item, 0)
    if len(_encoded(key)) > KEY_BYTES_MAX:
        raise Malformed(f"a key is longer than {KEY_BYTES_MAX} bytes")
    return key


def _tuples(item: Any, depth: int) -> Key:
    kind = type(item)
    if kind in _ATOMS:
        return item  # type: ignore[no-any-return]
    if kind is not list:
        raise Malformed(f"{kind.__name__} in a column of keys: {_LEGAL}")
    if depth == KEY_DEPTH_MAX:
        raise Malformed(f"a key nests more than {KEY_DEPTH_MAX} tuples")
    return tuple([_tuples(part, depth + 1) for part in item])
