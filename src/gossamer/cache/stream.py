"""One stream to the process that publishes: small messages, of which the other end answers each at once.

Who waits for an answer looks for it again and again for some microseconds before it sleeps.
On a machine with nothing else to do, to put a processor to sleep and to wake it takes longer
than the answer does: looking brings a round trip from 80 us to 20 (bare sockets, two cores).
"""

from __future__ import annotations

import os
import select
import socket
import time
from pathlib import Path
from typing import Final

from .sockets import connected

LOOK_S: Final = 0.00005
"""So long one looks before one sleeps; most answers have come by then."""
READ_BYTES: Final = 1 << 13
"""Room for a usual reply; a larger one is read in several pieces: to make room for it each time costs more."""


class Stream:
    """Opened when made.  Times are deadlines of `time.monotonic`; None: wait for as long as it takes."""

    def __init__(self, path: Path, deadline: float) -> None:
        self._socket = connected(path, max(0.001, deadline - time.monotonic()))
        self._socket.setblocking(False)
        self._incoming = select.poll()
        self._incoming.register(self._socket, select.POLLIN)
        self.look_s = LOOK_S if _processors() > 1 else 0.0
        """0 where looking only keeps the other end from answering."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of `data`.  Raises `TimeoutError`, and `OSError` if the other end has gone."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        while sent < len(data):
            outgoing = select.poll()
            outgoing.register(self._socket, select.POLLOUT)
            _wait(outgoing, deadline)
            sent += self._socket.send(memoryview(data)[sent:])

    def receive(self, deadline: float | None, look_s: float = 0.0) -> bytes:
        """Return what has come, or comes, looking for it for `look_s` first; nothing if the stream has ended.

        Raises `TimeoutError`.
        """
        receive = self._socket.recv
        until = time.perf_counter() + look_s if look_s else 0.0
        while True:
            try:
                return receive(READ_BYTES)
            except BlockingIOError:
                if time.perf_counter() >= until:
                    _wait(self._incoming, deadline)

    def shut(self) -> None:
        """Let whoever receives, in another thread, see the end."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


def _wait(poll: select.poll, deadline: float | None) -> None:
    left_s = None if deadline is None else deadline - time.monotonic()
    if (left_s is not None and left_s <= 0) or not poll.poll(None if left_s is None else left_s * 1000 + 1):
        raise TimeoutError


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
