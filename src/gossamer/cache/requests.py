"""What an attached process asks of the one that publishes, and is told: frames on a Unix stream.

A frame is its length in four bytes and one encoded value.  Requests are tuples (number,
verb, arguments), answered in order by (number, version, result) or (number, version, name
of an error, its text); number 0 tells of a change.  Values travel as their bytes: who
writes has encoded them, and learns at once of one that cannot travel.

Both ends belong to one user, who could as well debug the other process: what is checked
here protects from mistakes and from another version, not from an enemy.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

from ..errors import Malformed
from ..wire.values import decode_value, encode_value

PREFIX: Final = Struct("=I")
FRAME_BYTES_MAX: Final = 1 << 30
ATTACH_VERSION: Final = 2
CHANGED: Final = 0
"""The number of a reply that nobody asked for: something was published."""


class Verb(IntEnum):
    """What can be asked for."""

    GREET = 0
    """(version of this protocol): answered by the publisher's process id."""
    WRITE = 1
    """((key, value bytes or None, seconds to live or None, whether by force) ...)."""
    SWAP = 2
    """(key, expected, value, ttl): written if what is seen is as expected (value bytes; None: nothing; True: anything).

    The value is bytes, None to delete, or True for the same again; ttl is in seconds, None for ever, or True for when
    that would have ended.  Answered by (whether it was written, what was seen)."""
    CLEAR = 3
    """Delete every key of the user's."""
    WATCH = 4
    """From now on, tell of changes."""
    EMIT = 5
    """(name, arguments, keyword arguments, sender or None)."""
    COUNT = 6
    """(name of a counter, by how much)."""
    SUCCEED = 7
    """Whoever asks publishes when this process ends, so what it held must stay."""


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
    return _frame((number, int(verb), arguments))


def reply_frame(number: int, version: int, error: str = "", result: Any = None) -> bytes:
    """Return the bytes of a reply."""
    return _frame((number, version, error, result))


def _frame(parts: tuple[Any, ...]) -> bytes:
    body = encode_value(parts)
    return PREFIX.pack(len(body)) + body


def read_request(body: bytes) -> Request:
    """Return the request that a frame holds.  Raises `Malformed`."""
    match decode_value(body):
        case (int(number), int(verb), tuple(arguments)):
            try:
                return Request(number, Verb(verb), arguments)
            except ValueError:
                raise Malformed(f"an attached process asks for {verb}, which this version does not know") from None
    raise Malformed("an attached process sent something that is no request")


def read_reply(body: bytes) -> Reply:
    """Return the reply that a frame holds.  Raises `Malformed`."""
    match decode_value(body):
        case (int(number), int(version), str(error), result):
            return Reply(number, version, error, result)
    raise Malformed("the publisher sent something that is no reply")


class Frames:
    """Cuts a stream into the bodies of frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies that are complete now.  Raises `Malformed` for one that is too long."""
        buffer = self._buffer
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
