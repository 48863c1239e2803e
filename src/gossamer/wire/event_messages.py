"""Events to bytes, and back: one message may hold a thousand, and a handler waits for one, so there are no detours.

    events   [20, boot, first, [origin, sequence] | null, [[name, payload] ...], oldest, answer wanted]

An event is encoded once; whatever message it goes in bears those bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from ..crdt.dots import SEQUENCE_MAX, Origin
from ..errors import Malformed
from .heads import ARRAY, FALSE, NULL, TRUE, encode_bytes, encode_integer, encode_text, head
from .messages import Events, Kind
from .shapes import NAME_CHARACTERS_MAX, is_boot, is_dot, is_ordinal

_ITEMS: Final = 7
_HEAD: Final = head(ARRAY, _ITEMS) + encode_integer(Kind.EVENTS.value)
_EVENT: Final = head(ARRAY, 2)
_encoded_name = lru_cache(1024)(encode_text)


def encode_event(name: str, payload: bytes) -> bytes:
    """Return one item of `Events`: encoded once, however often it is sent."""
    return _EVENT + _encoded_name(name) + encode_bytes(payload)


def encode_events(
    boot: bytes,
    first: int,
    needs: tuple[Origin, int] | None,
    items: Sequence[bytes],
    oldest: int,
    answer_wanted: bool = False,
) -> bytes:
    """Return the bytes of `Events` with these encoded items.  O(bytes)."""
    needed = NULL if needs is None else b"\x82" + encode_bytes(needs[0]) + encode_integer(needs[1])
    begin = _HEAD + encode_bytes(boot) + encode_integer(first) + needed + head(ARRAY, len(items))
    return b"".join((begin, *items, encode_integer(oldest), TRUE if answer_wanted else FALSE))


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
