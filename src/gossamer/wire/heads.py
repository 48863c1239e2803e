"""CBOR items that need no library: heads, numbers, text and bytes, each in its shortest form (RFC 8949, section 3).

A value or a key is nearly always one short scalar, and a call into cbor2 for one costs more
than the scalar itself.  What is made here is byte for byte what `cbor2.dumps` makes; a test says so.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

UNSIGNED: Final = 0
NEGATIVE: Final = 1
BYTES: Final = 2
TEXT: Final = 3
ARRAY: Final = 4
MAP: Final = 5
TAG: Final = 6

INTEGER_MIN: Final = -(1 << 64)
INTEGER_MAX: Final = (1 << 64) - 1
"""The integers that CBOR holds without a tag."""

FALSE: Final = b"\xf4"
TRUE: Final = b"\xf5"
NULL: Final = b"\xf6"


def head(major: int, number: int) -> bytes:
    """Return the head of an item: its major type and its number or length, as short as can be."""
    first = major << 5
    if number < 24:
        return bytes((first | number,))
    if number < 1 << 8:
        return bytes((first | 24, number))
    if number < 1 << 16:
        return bytes((first | 25,)) + number.to_bytes(2, "big")
    if number < 1 << 32:
        return bytes((first | 26,)) + number.to_bytes(4, "big")
    return bytes((first | 27,)) + number.to_bytes(8, "big")


# Heads up to 255, made once: most numbers and lengths are small, and a lookup costs a tenth of a call.
_UNSIGNED_HEADS: Final = tuple(head(UNSIGNED, number) for number in range(256))
_NEGATIVE_HEADS: Final = tuple(head(NEGATIVE, number) for number in range(256))
_BYTES_HEADS: Final = tuple(head(BYTES, length) for length in range(256))
_TEXT_HEADS: Final = tuple(head(TEXT, length) for length in range(256))

_NAN: Final = b"\xf9\x7e\x00"
_INFINITY: Final = b"\xf9\x7c\x00"
_MINUS_INFINITY: Final = b"\xf9\xfc\x00"
packed_float = Struct(">Bd").pack
_packed_short = Struct(">BH").pack
_packed_middle = Struct(">BI").pack
_packed_long = Struct(">BQ").pack


def encode_integer(number: int) -> bytes:
    """Return an integer within `INTEGER_MIN` and `INTEGER_MAX`; beyond them it raises OverflowError."""
    if 0 <= number < 65536:
        return _UNSIGNED_HEADS[number] if number < 256 else _packed_short(0x19, number)
    if number < 0:
        return _NEGATIVE_HEADS[-1 - number] if number >= -256 else head(NEGATIVE, -1 - number)
    if number > INTEGER_MAX:
        raise OverflowError("an integer beyond 64 bits")
    return _packed_middle(0x1A, number) if number < 1 << 32 else _packed_long(0x1B, number)


def encode_text(text: str) -> bytes:
    """Return a text; a lone surrogate raises UnicodeEncodeError."""
    raw = text.encode()
    length = len(raw)
    return _TEXT_HEADS[length] + raw if length < 256 else head(TEXT, length) + raw


def encode_bytes(raw: bytes) -> bytes:
    """Return a byte string."""
    length = len(raw)
    return _BYTES_HEADS[length] + raw if length < 256 else head(BYTES, length) + raw


def encode_float(number: float) -> bytes:
    """Return a float: eight bytes, but one short form for every NaN and for each infinity, as cbor2 has it."""
    if number - number == 0.0:  # finite
        return packed_float(0xFB, number)
    if number != number:
        return _NAN
    return _INFINITY if number > 0 else _MINUS_INFINITY
