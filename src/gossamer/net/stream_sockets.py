"""The stream sockets of a peer: one that listens, and those of the streams that are open.

Strangers can cost us little: a bounded number of them may be shaking hands at once, in
all and from one address, each for a bounded time; more are dropped unread.  Nothing that
`accept` can fail with ends listening.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import weakref
from collections import Counter
from collections.abc import Callable

import trio

from gossamer.errors import NetworkError, Refused
from gossamer.net.certificates import Identity
from gossamer.net.multicast import close_socket
from gossamer.net.streams import PatientTransport, TlsStream, abort_socket, connect, handshake
from gossamer.net.transport import Address, NetworkStatistics, OnStream
from gossamer.options import Options

logger = logging.getLogger("gossamer.net")

HALF_OPEN_MAX = 32
"""Handshakes at once.  One costs 0.7 ms of processor time, and its address 5 s at most."""

HALF_OPEN_AN_ADDRESS_MAX = 8
"""Handshakes at once from one other host."""

HALF_OPEN_LOOPBACK_MAX = 24
"""Handshakes at once from this host, where many programs may well start at once."""

_BACKLOG = 128
_PAUSE_AFTER_ERROR_S = 0.1
"""`accept` fails for want of files or memory, which only time can mend."""


class StreamSockets:
    """Connects to peers and lets peers connect."""

    def __init__(
        self,
        *,
        identity: Identity,
        options: Options,
        statistics: NetworkStatistics,
        bind_to: str,
        port: int,
        is_ours: Callable[[str], bool],
    ) -> None:
        """Listen on `bind_to`, on `port` or any other; accept only on local addresses that `is_ours` allows."""
        self._identity = identity
        self._options = options
        self._statistics = statistics
        self._is_ours = is_ours
        self._listener = open_listener(bind_to, port)
        self._open: weakref.WeakSet[TlsStream] = weakref.WeakSet()
        self._half_open: Counter[str] = Counter()
        self._warned_of_strangers = False
        self.port: int = self._listener.getsockname()[1]

    async def connect(self, to: Address) -> TlsStream:
        """Open a stream to `to`, or raise `NetworkError` or `Refused`."""
        if self._listener.fileno() < 0:
            raise NetworkError("the network was closed; no stream can be opened")
        try:
            stream = await connect(to, identity=self._identity, options=self._options, statistics=self._statistics)
        except (NetworkError, Refused) as error:
            self._statistics.connect_errors += 1
            self._tell_of_stranger(error)
            raise
        self._statistics.streams_connected += 1
        self._open.add(stream)
        return stream

    async def listen(self, on_stream: OnStream) -> None:
        """Run `on_stream` in a task for each peer that connects, until cancelled or closed."""
        async with trio.open_nursery() as nursery:
            while self._listener.fileno() >= 0:
                try:
                    await trio.lowlevel.wait_readable(self._listener)
                    caller, address = self._listener.accept()
                except (trio.ClosedResourceError, BlockingIOError):
                    continue
                except OSError as error:
                    self._statistics.accept_errors += 1
                    logger.debug("a stream could not be accepted: %s", error)
                    await trio.sleep(_PAUSE_AFTER_ERROR_S)
                    continue
                if self._admits(caller, address):
                    self._half_open[address[0]] += 1
                    nursery.start_soon(self._serve, caller, address, on_stream)
                else:
                    self._statistics.streams_refused += 1
                    abort_socket(caller)

    def _admits(self, caller: socket.socket, address: Address) -> bool:
        try:
            called = caller.getsockname()[0]
        except OSError:
            return False
        host = address[0]
        host_max = HALF_OPEN_LOOPBACK_MAX if host.startswith("127.") else HALF_OPEN_AN_ADDRESS_MAX
        return self._is_ours(called) and self._half_open.total() < HALF_OPEN_MAX and self._half_open[host] < host_max

    async def _serve(self, caller: socket.socket, address: Address, on_stream: OnStream) -> None:
        stream = await self._welcome(caller, address)
        if stream is None:
            return
        try:
            with contextlib.suppress(NetworkError, Refused):  # the peer left, as peers do
                await on_stream(stream)
            await stream.aclose()
        finally:
            stream.abort()

    async def _welcome(self, caller: socket.socket, address: Address) -> TlsStream | None:
        """Return the caller's stream, None if it did not prove to be a member."""
        try:
            stream = await handshake(
                PatientTransport(caller, self._options),
                address,
                server_side=True,
                identity=self._identity,
                options=self._options,
                statistics=self._statistics,
            )
        except (NetworkError, Refused) as error:
            self._statistics.streams_refused += 1
            self._tell_of_stranger(error)
            return None
        finally:
            self._half_open[address[0]] -= 1
            if self._half_open[address[0]] <= 0:
                del self._half_open[address[0]]
        self._statistics.streams_accepted += 1
        self._open.add(stream)
        return stream

    def _tell_of_stranger(self, error: Exception) -> None:
        if isinstance(error, Refused) and not self._warned_of_strangers:
            self._warned_of_strangers = True
            logger.warning("a stream was refused: %s. Peers meet if both name and secret are equal.", error)

    def close(self) -> None:
        """Stop listening and abort what is open."""
        close_socket(self._listener)
        for stream in list(self._open):
            stream.abort()

    def abandon(self) -> None:
        """In a forked child, give up our copies of the sockets; those of the parent, and its streams, stay open."""
        self._listener.close()
        for stream in list(self._open):
            stream.abandon()


def open_listener(bind_to: str, port: int) -> socket.socket:
    """Return a listening socket on `port`, or on any other if that is taken."""
    for candidate in (port, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            if os.name != "nt":  # there, the option would let two programs have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((bind_to, candidate))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            if candidate == 0:
                raise
        else:
            return listener
    raise AssertionError("port 0 either opened or raised")
