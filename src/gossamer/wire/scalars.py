"""Values without parts: their bytes, and back.

What has a native form in CBOR goes by `heads`, as one call into cbor2 costs more than such a value.
The others are tagged texts or byte strings, in one form each: their table is in `tags`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from ..errors import Malformed
from . import heads, tags
from .bounds import DECIMAL_EXPONENT_MAX, DECIMAL_TEXT_MAX, INTEGER_BYTES_MAX
from .refusal import Refusal

_SECOND_TIME: Final = ";fold=1"
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_BYTES_MAX: Final = 9

# A context of our own: in the program's, `capitals=0` would give the same number other bytes.
_DECIMALS: Final = Context(
    prec=DECIMAL_TEXT_MAX,
    Emin=-DECIMAL_EXPONENT_MAX,
    Emax=DECIMAL_EXPONENT_MAX,
    capitals=1,
    traps=[InvalidOperation],
)


# -- to bytes -----------------------------------------------------------------------------------


def _tagged_text(tag: int, text: str) -> bytes:
    return heads.head(heads.TAG, tag) + heads.encode_text(text)


def _tagged_bytes(tag: int, raw: bytes) -> bytes:
    return heads.head(heads.TAG, tag) + heads.encode_bytes(raw)


def _signed(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _encode_integer(number: int) -> bytes:
    try:
        return heads.encode_integer(number)
    except OverflowError:
        if number.bit_length() // 8 >= INTEGER_BYTES_MAX:
            raise Refusal(f"is an int beyond {INTEGER_BYTES_MAX} bytes; send hex(x), or x.to_bytes(...)") from None
        return _tagged_bytes(tags.INTEGER, _signed(number))


def _encode_text(text: str) -> bytes:
    try:
        return heads.encode_text(text)
    except UnicodeEncodeError:
        raise Refusal(
            'holds a lone surrogate, which has no bytes; send x.encode("utf-8", "surrogateescape"), or os.fsencode(x)'
        ) from None


def _encode_datetime(moment: datetime | time) -> bytes:
    tag = tags.DATETIME if type(moment) is datetime else tags.TIME
    if moment.tzinfo is None:
        return _tagged_text(tag, moment.isoformat() + (_SECOND_TIME if moment.fold else ""))
    offset = moment.utcoffset()
    if offset is None:
        raise Refusal("has a time zone but no offset from UTC; send a datetime, or a time without tzinfo")
    return _tagged_text(tag, moment.replace(tzinfo=timezone(offset)).isoformat())


def _encode_decimal(number: Decimal) -> bytes:
    if number.is_snan():
        raise Refusal('is a signalling NaN, which raises wherever it is compared; send Decimal("NaN")')
    text = _DECIMALS.to_sci_string(number)
    if len(text) > DECIMAL_TEXT_MAX or (number.is_finite() and not _within_exponents(number)):
        raise Refusal(
            f"is a Decimal of more than {DECIMAL_TEXT_MAX} characters or an exponent beyond "
            f"{DECIMAL_EXPONENT_MAX}; round it, or send str(x)"
        )
    return _tagged_text(tags.DECIMAL, text)


def _within_exponents(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return abs(exponent) <= DECIMAL_EXPONENT_MAX >= abs(number.adjusted())  # type: ignore[arg-type]


SCALAR_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    float: heads.encode_float,
    int: _encode_integer,
    str: _encode_text,
    bytes: heads.encode_bytes,
    bool: {False: heads.FALSE, True: heads.TRUE}.__getitem__,
    type(None): lambda _: heads.NULL,
    datetime: _encode_datetime,
    time: _encode_datetime,
    date: lambda day: _tagged_text(tags.DATE, day.isoformat()),
    timedelta: lambda span: _tagged_bytes(tags.TIMEDELTA, _signed(span // _MICROSECOND)),
    Decimal: _encode_decimal,
    UUID: lambda uuid: _tagged_bytes(tags.UUID, uuid.bytes),
}


# -- and back -----------------------------------------------------------------------------------


def _text(payload: object) -> str:
    if type(payload) is not str:
        raise Malformed("a tagged value that should be a text")
    return payload


def _raw(payload: object, length_max: int) -> bytes:
    if type(payload) is not bytes or len(payload) > length_max:
        raise Malformed(f"a tagged value that should be at most {length_max} bytes")
    return payload


def _decode_moment(kind: type[datetime] | type[time], payload: object) -> datetime | time:
    text = _text(payload)
    clock, sign, offset = _cut_offset(text.removesuffix(_SECOND_TIME))
    moment = kind.fromisoformat(clock)
    if sign:
        moment = moment.replace(tzinfo=_zone(sign, offset))
    if text.endswith(_SECOND_TIME):
        moment = moment.replace(fold=1)
    if moment.isoformat() + (_SECOND_TIME if moment.fold else "") != text:
        raise Malformed(f"{text[:40]!r} is no {kind.__name__} in its one form")
    return moment


def _cut_offset(text: str) -> tuple[str, str, str]:
    # Before a time of day there may be a date, with its hyphens; after it, a sign begins the offset.
    for sign in "+-":
        clock, found, offset = text.rpartition(sign)
        if found and ":" in clock:
            return clock, sign, offset
    return text, "", ""


def _zone(sign: str, offset: str) -> timezone:
    # By itself, for `fromisoformat` forgets an offset of less than a second (seen in CPython 3.11).
    span = datetime.combine(date.min, time.fromisoformat(offset)) - datetime.min
    return timezone(span if sign == "+" else -span)


def _decode_date(payload: object) -> date:
    day = date.fromisoformat(_text(payload))
    if day.isoformat() != payload:
        raise Malformed("a date that is not in its one form")
    return day


def _decode_timedelta(payload: object) -> timedelta:
    return timedelta(microseconds=int.from_bytes(_raw(payload, _MICROSECONDS_BYTES_MAX), "big", signed=True))


def _decode_decimal(payload: object) -> Decimal:
    text = _text(payload)
    if len(text) > DECIMAL_TEXT_MAX:
        raise Malformed("a Decimal of too many characters")
    try:
        number = Decimal(text, _DECIMALS)
    except InvalidOperation:
        raise Malformed(f"{text[:40]!r} is no Decimal") from None
    if number.is_snan():
        raise Malformed("a signalling NaN")
    if _DECIMALS.to_sci_string(number) != text or (number.is_finite() and not _within_exponents(number)):
        raise Malformed(f"{text[:40]!r} is no Decimal in its one form and bounds")
    return number


def _decode_uuid(payload: object) -> UUID:
    return UUID(bytes=_raw(payload, 16))


SCALAR_DECODERS: Final[dict[int, Callable[[Any], object]]] = {
    tags.INTEGER: lambda payload: int.from_bytes(_raw(payload, INTEGER_BYTES_MAX), "big", signed=True),
    tags.DATETIME: lambda payload: _decode_moment(datetime, payload),
    tags.DATE: _decode_date,
    tags.TIME: lambda payload: _decode_moment(time, payload),
    tags.TIMEDELTA: _decode_timedelta,
    tags.DECIMAL: _decode_decimal,
    tags.UUID: _decode_uuid,
}
"""By tag.  Each raises ValueError (of which `Malformed` is one), TypeError or OverflowError for what is not its own."""
