"""What an attached process asks of the one that publishes, and is told: frames on a Unix stream.

A frame is its length and a body.  A request is a number, a verb and its arguments; requests
are answered in order, by the number, the version that shows what was done, and the result
or an error; a reply of number 0 tells of a change.  What is written travels in packed
rows, anything else as one encoded value.  Values travel as their bytes: who writes has
encoded them, and learns at once of one that cannot travel.

Both ends belong to one user, who could as well debug the other process: what is checked
here protects from mistakes and from another version, not from an enemy.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

from ..errors import Malformed
from ..wire.values import decode_value, encode_value

PREFIX: Final = Struct("=I")
REQUEST: Final = Struct("=QB")
"""Number, verb."""
REPLY: Final = Struct("=QQ?")
"""Number, version, whether it is an error."""
ROW: Final = Struct("=IIdB")
"""Bytes of the key, of the value, seconds to live, flags."""
FORCED, DELETED, SAME, LIMITED, KEPT, ANYTHING, EXACTLY = (1 << bit for bit in range(7))
"""Flags of a row: by force; no value, or that which is there; to live for so long, or as long as that would have;
and of what is there, that it is anything, or what stands after the row (else: nothing)."""
FRAME_BYTES_MAX: Final = 1 << 30
ATTACH_VERSION: Final = 1
"""What the publisher says as soon as a stream is open: so it is known that somebody is there, and how to talk."""
CHANGED: Final = 0
"""The number of a reply that nobody asked for: something was published."""


GOODBYE: Final = (1 << 64) - 1
"""The number of the last reply of a publisher that ends in order: what it has not answered by then it has not done."""


class Verb(IntEnum):
    """What can be asked for."""

    WRITE = 0
    """((key, value bytes or None, seconds to live or None, whether by force) ...)."""
    SWAP = 1
    """(key, expected, value, ttl): written if what is seen is as expected (value bytes; None: nothing; True: anything).

    The value is bytes, None to delete, or True for the same again; ttl is in seconds, None for ever, or True for when
    that would have ended.  Answered by (whether it was written, what was seen)."""
    CLEAR = 2
    """Delete every key of the user's."""
    WATCH = 3
    """From now on, tell of changes."""
    EMIT = 4
    """(name, arguments, keyword arguments, sender or None)."""
    COUNT = 5
    """(name of a counter, by how much)."""


_VERBS = tuple(Verb)


class Request(NamedTuple):
    """One request."""

    number: int
    verb: Verb
    arguments: tuple[Any, ...]


class Reply(NamedTuple):
    """One reply.  `error` is the name of an error, empty if there is none; then `result` is its text."""

    number: int
    version: int
    error: str
    result: Any


def request_frame(number: int, verb: Verb, arguments: tuple[Any, ...]) -> bytes:
    """Return the bytes of a request.  Raises `UnsendableValue` for what cannot travel."""
    match verb:
        case Verb.WRITE:
            [rows] = arguments
            packed = b"".join([_packed(key, value, ttl, force=force) for key, value, ttl, force in rows])
        case Verb.SWAP:
            key, expected, value, ttl = arguments
            packed = _packed(key, value, ttl, expected=expected)
        case _:
            packed = encode_value(arguments)
    return PREFIX.pack(REQUEST.size + len(packed)) + REQUEST.pack(number, verb) + packed


def read_request(body: bytes) -> Request:
    """Return the request that a frame holds.  Raises `Malformed`."""
    try:
        number, code = REQUEST.unpack_from(body)
        verb = _VERBS[code]
        if verb is Verb.WRITE:
            return Request(number, verb, (_rows(body),))
        if verb is Verb.SWAP:
            key, value, ttl, flags, end = _unpacked(body, REQUEST.size)
            expected = True if flags & ANYTHING else body[end:] if flags & EXACTLY else None
            return Request(number, verb, (key, expected, value, ttl))
        arguments = decode_value(body[REQUEST.size :])
    except (StructError, IndexError) as error:
        raise Malformed(f"an attached process sent something that is no request ({error})") from None
    if type(arguments) is not tuple:
        raise Malformed("an attached process sent a request without arguments")
    return Request(number, verb, arguments)


def reply_frame(number: int, version: int, error: str = "", result: Any = None) -> bytes:
    """Return the bytes of a reply."""
    said = encode_value((error, result) if error else result)
    return PREFIX.pack(REPLY.size + len(said)) + REPLY.pack(number, version, bool(error)) + said


def read_reply(body: bytes) -> Reply:
    """Return the reply that a frame holds.  Raises `Malformed`."""
    try:
        number, version, failed = REPLY.unpack_from(body)
        said = decode_value(body[REPLY.size :])
        error, result = said if failed else ("", said)
    except (StructError, TypeError, ValueError) as damage:
        raise Malformed(f"the publisher sent something that is no reply ({damage})") from None
    return Reply(number, version, error, result)


# -- rows -----------------------------------------------------------------------------------------


def _packed(
    key: Any,
    value: bytes | bool | None,
    ttl: float | bool | None,
    *,
    force: bool = False,
    expected: bytes | bool | None = None,
) -> bytes:
    """Return a row: what is to be written under a key, and after it what must be there if that matters."""
    key_data, flags, value_data, seconds = encode_value(key), 0, b"", 0.0
    if force:
        flags |= FORCED
    if value is None:
        flags |= DELETED
    elif value is True:
        flags |= SAME
    else:
        value_data = value  # type: ignore[assignment]
    if ttl is True:
        flags |= KEPT
    elif ttl is not None:
        flags |= LIMITED
        seconds = ttl
    if expected is None:
        return ROW.pack(len(key_data), len(value_data), seconds, flags) + key_data + value_data
    flags |= ANYTHING if expected is True else EXACTLY
    after = b"" if expected is True else expected
    return ROW.pack(len(key_data), len(value_data), seconds, flags) + key_data + value_data + after  # type: ignore[operator]


def _unpacked(body: bytes, at: int) -> tuple[Any, bytes | bool | None, float | bool | None, int, int]:
    """Return (key, value, ttl, flags, where it ends) of the row there."""
    key_bytes, value_bytes, seconds, flags = ROW.unpack_from(body, at)
    start = at + ROW.size + key_bytes
    end = start + value_bytes
    if end > len(body):
        raise Malformed("an attached process sent a row that is cut short")
    value = None if flags & DELETED else True if flags & SAME else body[start:end]
    ttl = True if flags & KEPT else seconds if flags & LIMITED else None
    return decode_value(body[at + ROW.size : start]), value, ttl, flags, end


def _rows(body: bytes) -> tuple[tuple[Any, bytes | bool | None, float | bool | None, bool], ...]:
    rows, at = [], REQUEST.size
    while at < len(body):
        key, value, ttl, flags, at = _unpacked(body, at)
        rows.append((key, value, ttl, bool(flags & FORCED)))
    return tuple(rows)


class Frames:
    """Cuts a stream into the bodies of frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies that are complete now.  Raises `Malformed` for one that is too long."""
        buffer = self._buffer
        if not buffer and len(data) >= PREFIX.size and PREFIX.unpack_from(data)[0] == len(data) - PREFIX.size:
            return [data[PREFIX.size :]]
        buffer += data
        found, at = [], 0
        while len(buffer) - at >= PREFIX.size:
            (size,) = PREFIX.unpack_from(buffer, at)
            if size > FRAME_BYTES_MAX:
                raise Malformed(f"a frame of {size} bytes is too long")
            if len(buffer) - at - PREFIX.size < size:
                break
            found.append(bytes(buffer[at + PREFIX.size : at + PREFIX.size + size]))
            at += PREFIX.size + size
        del buffer[:at]
        return found
