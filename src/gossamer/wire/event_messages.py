"""Events to bytes, and back: one message may hold a thousand, and a handler waits for one, so there are no detours.

    events   [20, boot, first, [origin, sequence] | null, [[name, payload] ...], oldest, answer wanted]

An event is encoded once; whatever message it goes in bears those bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from ..crdt.dots import ORIGIN_BYTES, SEQUENCE_MAX, Origin
from ..errors import Malformed
from .heads import ARRAY, BYTES, FALSE, NULL, TRUE, encode_bytes, encode_integer, encode_text, head
from .messages import Events, Kind
from .shapes import NAME_CHARACTERS_MAX, is_boot, is_dot, is_ordinal

_ITEMS: Final = 7
_HEAD: Final = head(ARRAY, _ITEMS) + encode_integer(Kind.EVENTS.value)
_ONE: Final = head(ARRAY, 1)
_PAIR: Final = head(ARRAY, 2)
_encoded_name = lru_cache(1024)(encode_text)


@lru_cache(64)
def _begun(boot: bytes) -> bytes:
    return _HEAD + encode_bytes(boot)


def encode_event(name: str, payload: bytes) -> bytes:
    """Return one item of `Events`: encoded once, however often it is sent."""
    return _PAIR + _encoded_name(name) + encode_bytes(payload)


def encode_events(
    boot: bytes,
    first: int,
    needs: tuple[Origin, int] | None,
    items: Sequence[bytes],
    oldest: int,
    answer_wanted: bool = False,
) -> bytes:
    """Return the bytes of `Events` with these encoded items.  O(bytes)."""
    needed = NULL if needs is None else _PAIR + encode_bytes(needs[0]) + encode_integer(needs[1])
    array = _ONE if len(items) == 1 else head(ARRAY, len(items))
    end = TRUE if answer_wanted else FALSE
    return b"".join((_begun(boot), encode_integer(first), needed, array, *items, encode_integer(oldest), end))


def events_from(items: list[Any]) -> Events:
    """Return the message of these items; raise Malformed if they cannot be one."""
    if len(items) < _ITEMS:
        raise Malformed("a message of events with too few items")
    _, boot, first, needs, rows, oldest, answer_wanted = items[:_ITEMS]
    if not (
        is_boot(boot)
        and is_ordinal(first)
        and (needs is None or is_dot(needs))
        and type(rows) is list
        and is_ordinal(oldest)
        and type(answer_wanted) is bool
    ):
        raise Malformed("a message of events with an item of the wrong type or size")
    if first + len(rows) > SEQUENCE_MAX:
        raise Malformed("events beyond the last that there can be")
    needed = None if needs is None else (needs[0], needs[1])
    return Events(boot, first, needed, tuple(_named(rows)), oldest, answer_wanted)


def _named(rows: list[Any]) -> list[tuple[str, bytes]]:
    """Return each event as (name, payload)."""
    found = []
    for row in rows:
        if (
            type(row) is not list
            or len(row) < 2
            or type(name := row[0]) is not str
            or len(name) > NAME_CHARACTERS_MAX
            or type(payload := row[1]) is not bytes
        ):
            raise Malformed("an event without a name and a payload")
        found.append((name, payload))
    return found


# -- one small event, which a handler waits for -------------------------------------------------------

_BOOT_BYTES: Final = 12
_NUMBER: Final = rb"([\x00-\x17]|\x18.|\x19..|\x1a.{4}|\x1b.{8})"


def _string(length: int) -> bytes:
    return re.escape(head(BYTES, length)) + b"(.{%d})" % length


_BEGINNING: Final = re.compile(
    re.escape(_HEAD)
    + _string(_BOOT_BYTES)
    + _NUMBER
    + rb"(?:\xf6|\x82%b%b)" % (_string(ORIGIN_BYTES), _NUMBER)
    + rb"\x81\x82([\x60-\x77])",
    re.DOTALL,
)
_END: Final = re.compile(_NUMBER + rb"([\xf4\xf5])", re.DOTALL)


def lone_event(data: bytes) -> Events | None:
    """Return the message of one small event; None for any other, whatever it is.  What this returns, decoders return.

    It takes half their time, and two fifths in a process that was idle and finds nothing in its caches.
    """
    beginning = _BEGINNING.match(data)
    if beginning is None:
        return None
    boot, number, origin, sequence, text = beginning.groups()
    name_at = beginning.end()
    at = name_at + text[0] - 0x60
    name, length, at = data[name_at:at], data[at : at + 1], at + 1
    if length == b"\x58":
        length, at = data[at : at + 1], at + 1
        size_bytes = length[0] if length else 0
    else:
        size_bytes = length[0] - 0x40 if b"\x40" <= length < b"\x58" else -1
    ending = _END.fullmatch(data, at + size_bytes)
    if size_bytes < 0 or ending is None:
        return None
    first, oldest = _value(number), _value(ending[1])
    needs = None if origin is None else (origin, _value(sequence))
    try:
        events = ((name.decode(), data[at : at + size_bytes]),)
    except UnicodeDecodeError:
        return None
    if not 0 < first < SEQUENCE_MAX >= oldest > 0 or (needs is not None and not is_ordinal(needs[1])):
        return None
    return Events(boot, first, needs, events, oldest, ending[2] == TRUE)


def _value(number: bytes) -> int:
    return int.from_bytes(number[1:] or number, "big")
