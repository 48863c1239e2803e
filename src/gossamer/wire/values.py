"""Values to bytes at the assignment, and bytes to values at the first read.

1. `decode_value(encode_value(x))` equals x and is of the same types, all the way down; but
   containers come back frozen, and a time zone as its offset from UTC at that moment.
2. Equal bytes mean equal values.  Sets are sorted by their elements' bytes, so equal sets have
   equal bytes; a dict keeps its order, so dicts in different orders have different bytes.
3. Only exact types travel: a subclass would come back as another type, so it is refused.
4. Bytes from strangers make no other type, run no code of the program's (but the hash and `==`
   of a registered class, within a set or as a key), and raise `Malformed` and nothing else.

A short scalar, which nearly every value is, is handled here without cbor2.  Anything else goes to
`value_encoder` and `value_decoder`.  The forms on the wire are in `tags`, the limits in `bounds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any, Final

from ..errors import Malformed
from .frozen import IMMUTABLE_TYPES, FrozenDict, FrozenList, FrozenSet, freeze
from .heads import packed_float
from .refusal import Refusal
from .registered import Unknown, register
from .scalars import SCALAR_ENCODERS
from .value_decoder import ValueDecoder
from .value_encoder import ValueEncoder

__all__ = [
    "IMMUTABLE_TYPES",
    "FrozenDict",
    "FrozenList",
    "FrozenSet",
    "Unknown",
    "decode_value",
    "encode_plain",
    "encode_value",
    "freeze",
    "register",
]


_PLAIN_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    kind: SCALAR_ENCODERS[kind] for kind in (type(None), bool, int, float, str, bytes)
}


def encode_value(value: object) -> bytes:
    """Return the bytes of a value.

    O(items); about 0.2 us for a short scalar.  Raises `UnsendableValue` for what cannot travel,
    with its path inside the value and what to do: another type, more than 16 levels (or a
    value that holds itself), a lone surrogate, a number beyond `bounds`.
    """
    kind = type(value)
    if kind is float and value - value == 0.0:  # type: ignore[operator]  # finite: what sensors say, at half the time
        return packed_float(0xFB, value)
    try:
        encode = SCALAR_ENCODERS.get(kind)
        return encode(value) if encode is not None else ValueEncoder().item(value, 0)
    except Refusal as refusal:
        raise refusal.error() from None


def encode_plain(values: Iterable[object]) -> bytes | None:
    """Return the bytes of each value, one after the other; None if one is not plain, or cannot travel.

    Plain is what CBOR has itself, without parts: None, bool, int, float, str, bytes.
    """
    try:
        return b"".join([_PLAIN_ENCODERS[type(value)](value) for value in values])
    except (KeyError, Refusal):
        return None


def decode_value(data: bytes) -> Any:
    """Return the value that `data` holds, its containers frozen.

    O(items); about 0.2 us for a short scalar.  Raises `Malformed` for bytes that are no value.
    """
    if not data:
        raise Malformed("a value could not be read: it has no byte")
    return _DECODERS[data[0]](data)


# -- short scalars, told by their first byte ----------------------------------------------------

_unpacked = Struct(">xd").unpack


def _decode(data: bytes) -> Any:
    try:
        return ValueDecoder().value(data)
    except Malformed as error:
        raise Malformed(f"a value could not be read: {error}") from None


def _decode_small(data: bytes) -> Any:
    return data[0] if len(data) == 1 else _decode(data)


def _decode_unsigned(data: bytes) -> Any:
    return int.from_bytes(data[1:], "big") if len(data) == 1 + (1 << (data[0] & 3)) else _decode(data)


def _decode_negative(data: bytes) -> Any:
    return -1 - int.from_bytes(data[1:], "big") if len(data) == 1 + (1 << (data[0] & 3)) else _decode(data)


def _decode_float(data: bytes) -> Any:
    return _unpacked(data)[0] if len(data) == 9 else _decode(data)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("a value could not be read: a text that is not UTF-8") from None


def _decode_text(data: bytes) -> Any:
    return _text(data[1:]) if len(data) == data[0] - 0x5F else _decode(data)


def _decode_line(data: bytes) -> Any:
    return _text(data[2:]) if len(data) > 1 and len(data) == 2 + data[1] else _decode(data)


def _decode_bytes(data: bytes) -> Any:
    return data[1:] if len(data) == data[0] - 0x3F else _decode(data)


def _decode_constant(data: bytes) -> Any:
    return _CONSTANTS[data[0]] if len(data) == 1 else _decode(data)


_CONSTANTS: Final = {0xF4: False, 0xF5: True, 0xF6: None}


def _decoder_for(first: int) -> Callable[[bytes], Any]:
    match first:
        case _ if first < 0x18:
            return _decode_small
        case 0x18 | 0x19 | 0x1A | 0x1B:
            return _decode_unsigned
        case 0x38 | 0x39 | 0x3A | 0x3B:
            return _decode_negative
        case _ if 0x40 <= first < 0x58:
            return _decode_bytes
        case _ if 0x60 <= first < 0x78:
            return _decode_text
        case 0x78:
            return _decode_line
        case 0xF4 | 0xF5 | 0xF6:
            return _decode_constant
        case 0xFB:
            return _decode_float
    return _decode


_DECODERS: Final = tuple(map(_decoder_for, range(256)))
