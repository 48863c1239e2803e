"""Messages as bytes on a stream, and as parts of a datagram's body.

A frame is  length u32 | flags u8 | payload , big-endian, the length counting flags and
payload.  A message longer than a frame goes as several, all but the last with MORE.
A payload may be deflated by itself.  In a datagram each message stands behind its
length in two bytes.  Everything is bounded before it is allocated.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ..errors import Malformed

FRAME_BYTES_MAX = 256 << 10
MORE = 1
DEFLATED = 2
DEFLATE_FROM_BYTES = 256
DATAGRAM_BODY_MAX = 1200 - 59
"""Room for messages in a datagram of 1200 bytes under an envelope of 59."""


def frames(message: bytes) -> Iterator[bytes]:
    """Yield the frames of `message`, deflated where that makes them smaller."""
    for start in range(0, len(message) or 1, FRAME_BYTES_MAX):
        payload = message[start : start + FRAME_BYTES_MAX]
        flags = MORE if start + FRAME_BYTES_MAX < len(message) else 0
        if len(payload) >= DEFLATE_FROM_BYTES:
            deflated = zlib.compress(payload, 1, wbits=-15)
            if len(deflated) < len(payload):
                payload, flags = deflated, flags | DEFLATED
        yield (len(payload) + 1).to_bytes(4, "big") + bytes((flags,)) + payload


class FrameParser:
    """Takes a stream's bytes in any pieces and gives its messages.  O(bytes)."""

    __slots__ = ("_buffer", "_bytes_max", "_message")

    def __init__(self, message_bytes_max: int) -> None:
        self._buffer = bytearray()
        self._bytes_max = message_bytes_max
        self._message = bytearray()  # and no list of payloads: a payload of one byte would take nine, of two, forty

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the messages that they complete.  Raise Malformed for what no peer sends."""
        buffer = self._buffer
        buffer += data
        messages, at = [], 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if not 1 <= length <= FRAME_BYTES_MAX + 1:
                raise Malformed(f"a frame of {length} bytes, where {FRAME_BYTES_MAX} are allowed")
            if len(buffer) - at < 4 + length:
                break
            message = self._frame(buffer[at + 4], bytes(buffer[at + 5 : at + 4 + length]))
            if message is not None:
                messages.append(message)
            at += 4 + length
        if at:
            del buffer[:at]
        return messages

    def _frame(self, flags: int, payload: bytes) -> bytes | None:
        if flags & ~(MORE | DEFLATED):
            raise Malformed(f"a frame with flags {flags:#x}, which nobody knows")
        if flags & DEFLATED:
            payload = _inflated(payload)
        if flags & MORE and not payload:
            raise Malformed("an empty frame that is not the last of its message")
        if len(self._message) + len(payload) > self._bytes_max:
            raise Malformed(f"a message of more than {self._bytes_max} bytes")
        if not flags & MORE and not self._message:
            return payload
        self._message += payload
        if flags & MORE:
            return None
        message = bytes(self._message)
        self._message.clear()
        return message


def _inflated(payload: bytes) -> bytes:
    machine = zlib.decompressobj(wbits=-15)
    try:
        data = machine.decompress(payload, FRAME_BYTES_MAX)
    except zlib.error as error:
        raise Malformed(f"a frame that cannot be inflated: {error}") from None
    if not machine.eof or machine.unused_data or machine.unconsumed_tail:
        raise Malformed("a deflated frame that is cut, too long, or followed by something")
    return data


def body(messages: Iterable[bytes]) -> bytes:
    """Return the body of a datagram that holds `messages`, each below 64 KiB."""
    return b"".join([len(message).to_bytes(2, "big") + message for message in messages])


def packed(messages: Iterable[bytes]) -> list[list[bytes]]:
    """Share messages out, in order, to as few bodies as hold them; each fits a datagram by itself."""
    groups: list[list[bytes]] = []
    room = 0
    for message in messages:
        if len(message) + 2 > room:
            groups.append([])
            room = DATAGRAM_BODY_MAX
        groups[-1].append(message)
        room -= len(message) + 2
    return groups


def messages_in(data: bytes) -> list[bytes]:
    """Return the messages in the body of a datagram; raise Malformed if it is torn."""
    messages, at, end = [], 0, len(data)
    while at < end:
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if stop > end or at + 2 > end:
            raise Malformed("a datagram with a torn message")
        messages.append(data[at + 2 : stop])
        at = stop
    return messages
