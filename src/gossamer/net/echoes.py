"""Our own multicasts, which come back to us as they come to every listener of this host: the kernel drops them.

Handed to us, each would wake our loop only to be thrown away, and that at the very moment at
which whoever is meant needs the processor, and the writing thread the interpreter: a third of
what a write costs.  The filter is a classic BPF program, for which no rights are needed.
Where there is none (elsewhere than on Linux, or in some sandboxes) they are dropped in the loop.

The kernel counts what a filter drops as it counts what finds no room, so both are told apart here.
"""

from __future__ import annotations

import socket
import struct
import sys
from array import array
from collections.abc import Collection, Iterable

from gossamer.net.multicast import kernel_drops
from gossamer.net.transport import Address

_SO_ATTACH_FILTER = 26  # Linux; not in Python's socket module
_ADDRESSES_MAX = 200
"""A jump reaches over 255 instructions."""

_LOAD_HALF, _LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x28, 0x20, 0x15, 0x06
_SOURCE_PORT = 0  # the program sees a datagram from its UDP header on,
_SOURCE_ADDRESS = 0xFFF00000 + 12  # and before it what is asked for relative to the IP header (SKF_NET_OFF)
_WHOLE, _NOTHING = 0xFFFF, 0


def drop_own(listener: socket.socket, sources: Collection[Address]) -> bool:
    """Let `listener` hear nothing that comes from `sources`, which share one port; return whether the kernel agreed."""
    if not sys.platform.startswith("linux") or not 0 < len(sources) <= _ADDRESSES_MAX:
        return False
    program = array("Q", b"".join(_program(sources)))
    where, _ = program.buffer_info()
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), where))
    except OSError:
        return False
    return True


def _program(sources: Collection[Address]) -> Iterable[bytes]:
    count = len(sources)
    port = next(iter(sources))[1]
    yield _instruction(_LOAD_HALF, _SOURCE_PORT)
    yield _instruction(_JUMP_IF_EQUAL, port, otherwise=count + 1)
    yield _instruction(_LOAD_WORD, _SOURCE_ADDRESS)
    for left, (address, _) in zip(range(count, 0, -1), sources, strict=True):
        yield _instruction(_JUMP_IF_EQUAL, int.from_bytes(socket.inet_aton(address), "big"), then=left)
    yield _instruction(_RETURN, _WHOLE)
    yield _instruction(_RETURN, _NOTHING)


def _instruction(code: int, operand: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("@HBBI", code, then, otherwise, operand)


class Drops:
    """What the kernel dropped that our listener should hear: our own, as it was told, and what we were too slow for."""

    __slots__ = ("_own", "_slow", "filtering", "sent")

    def __init__(self) -> None:
        self.filtering = False
        self.sent = 0
        """Datagrams that we sent where this listener hears them, since it filters."""
        self._own = self._slow = 0

    def begin(self, listener: socket.socket, sources: Collection[Address]) -> None:
        """There is a new listener."""
        self.filtering, self.sent = drop_own(listener, sources), 0

    def counted(self, listener: socket.socket | None) -> tuple[int, int]:
        """Return how many of our own, and of others, were dropped, all in all."""
        dropped = 0 if listener is None else kernel_drops(listener)
        own = min(dropped, self.sent)
        return self._own + own, self._slow + dropped - own

    def end(self, listener: socket.socket) -> None:
        """The listener is about to be closed."""
        self._own, self._slow = self.counted(listener)
        self.filtering, self.sent = False, 0
