"""Messages to bytes, and bytes from strangers to messages: no more CBOR than the protocol needs.

1. Only integers, floats, text, bytes, booleans, null, arrays, and maps whose keys are text or bytes.
2. No tag, no indefinite length, no `undefined`, no unassigned simple value, no key twice, no trailing byte.
3. Depth, items and containers are bounded *before* memory is taken: one byte can become a container of 72 bytes.

cbor2's own defaults are not safe on the wire: a tag may compile a regular expression, build a
number of a hundred million digits, or make a value that crashes the interpreter when printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any, Final, NoReturn

import cbor2

from ..errors import Malformed
from .bounds import count_containers

DEPTH_MAX: Final = 16
"""Containers within containers in one message."""

CONTAINERS_MAX: Final = 1 << 16
"""Arrays and maps in one message.  With them a byte costs most memory; so many take about 5 MB."""

ITEMS_MAX: Final = 1 << 19
"""Items in one message, all levels together: eight columns of 65 536."""

# Sized so that a single frame (256 KiB) never needs to be walked: it cannot hold more items, and seldom more openers.
_UNWALKED_BYTES: Final = 1 << 18

_NOT_OPENERS: Final = bytes(byte for byte in range(256) if not 0x80 <= byte < 0xC0)


class _NoTags(dict[int, Any]):
    """Semantic decoders that refuse: cbor2 asks here before it takes its own decoder for a tag."""

    def __missing__(self, tag: int) -> NoReturn:
        raise Malformed(f"tag {tag}, and a message has none")


_NO_TAGS: Final = _NoTags()
_PLAIN: Final = frozenset({str, bytes, int, bool, float, type(None)})


def encode(message: object) -> bytes:
    """Return the bytes of a message made of what this module's law allows."""
    return cbor2.dumps(message)


def decode_strict(data: bytes, *, items_max: int = ITEMS_MAX) -> Any:
    """Return the message that `data` holds, lists and dicts and scalars.

    O(n), about 9 us a kilobyte.  Raises `Malformed` for anything that the law of this module
    forbids, and nothing else, whatever the bytes are.
    """
    if len(data) > items_max or len(data) > CONTAINERS_MAX:
        _refuse_growth(data, items_max)
    source = BytesIO(data)
    try:
        message = cbor2.CBORDecoder(
            source,
            semantic_decoders=_NO_TAGS,
            max_depth=DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        ).decode()
    except cbor2.CBORDecodeError as error:
        raise Malformed(f"a message was dropped: {error.__cause__ or error}") from None
    if source.tell() != len(data):
        raise Malformed(f"a message was dropped: {len(data) - source.tell()} bytes follow its end")
    if type(message) is list:
        _refuse_unplain(message)
    else:
        _refuse_unplain((message,))
    return message


def _refuse_growth(data: bytes, items_max: int) -> None:
    """Refuse what would take much more memory than it has bytes; the cheap test goes first."""
    if len(data) <= min(items_max, _UNWALKED_BYTES):
        openers = len(data.translate(None, _NOT_OPENERS))
        if openers <= CONTAINERS_MAX:
            return
    try:
        count_containers(data, CONTAINERS_MAX, items_max)
    except Malformed as error:
        raise Malformed(f"a message was dropped: {error}") from None


def _refuse_unplain(items: Iterable[Any]) -> None:
    """Refuse `undefined` and simple values, which the decoder lets through, a column at a time."""
    for item in items:
        kind = type(item)
        if kind is list:
            if not _PLAIN.issuperset(map(type, item)):
                _refuse_unplain(item)
        elif kind is dict:
            _refuse_unplain(item.values())
        elif kind not in _PLAIN:
            raise Malformed(f"a message was dropped: {item!r} is no value in it")
