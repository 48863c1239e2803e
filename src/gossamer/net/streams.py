"""Streams: TCP under TLS, each end proving that it is of the mesh and who it is.

1. Every wait has a deadline: the handshake, each 64 KiB sent, each wait for bytes.
2. A send that was cancelled or too slow aborts the stream, for part of a record may have left.
3. Whatever breaks raises `NetworkError`, with its cause; a bad certificate raises `Refused`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeVar

import trio

from gossamer.errors import Malformed, NetworkError, Refused
from gossamer.net.certificates import Identity, peer_id_of
from gossamer.net.multicast import close_socket
from gossamer.net.transport import Address, NetworkStatistics
from gossamer.options import Options

RECEIVE_BYTES_MAX = 64 * 1024

SEND_BYTES_A_DEADLINE = 64 * 1024
"""A peer must take this much in each `send_timeout_s`: a slow link is served, a stuck one is not."""

_GOODBYE_S = 0.5
_ABORT_AT_CLOSE = struct.pack("@ii", 1, 0)  # linger for 0 s: the peer learns now, and what is unsent goes

_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class TlsStream:
    """One stream to a peer whose certificate was verified.  See `transport.Stream`."""

    def __init__(
        self,
        tls: trio.SSLStream[Transport],
        peer: bytes,
        address: Address,
        statistics: NetworkStatistics,
    ) -> None:
        self._tls = tls
        self._transport = tls.transport_stream
        self._statistics = statistics
        self._broken_by = ""
        self.peer = peer
        self.address = address

    def __repr__(self) -> str:
        return f"<TlsStream to {self.peer.hex()[:8]} at {self.address[0]}:{self.address[1]}>"

    async def send(self, data: bytes) -> None:
        """Send all of `data`, or raise `NetworkError`."""
        try:
            for piece in _pieces(data):
                await self._tls.send_all(piece)
                self._statistics.stream_bytes_sent += len(piece)
        except BaseException as error:
            if isinstance(error, _BROKEN):
                raise self._broken("sending to", error) from error
            self._broken_by = self._broken_by or "an earlier send was cancelled halfway"
            self.abort()
            raise

    async def receive(self) -> bytes:
        """Return the next bytes; `b""` after an orderly end."""
        try:
            received = await self._tls.receive_some(RECEIVE_BYTES_MAX)
        except _BROKEN as error:
            raise self._broken("receiving from", error) from error
        self._statistics.stream_bytes_received += len(received)
        return bytes(received)

    async def aclose(self) -> None:
        """Say goodbye and close, within half a second."""
        try:
            with trio.move_on_after(_GOODBYE_S), contextlib.suppress(*_BROKEN):
                await self._tls.aclose()
        finally:
            self._broken_by = self._broken_by or "it was closed here"
            self._transport.close()

    def abort(self) -> None:
        """Close at once: nothing more leaves, and both ends' waiters get an error."""
        self._broken_by = self._broken_by or "it was closed here"
        self._transport.abort()

    def abandon(self) -> None:
        """In a forked child, give up our copy of the socket: the parent's stream goes on."""
        self._broken_by = self._broken_by or "the process forked"
        self._transport.abandon()

    def _broken(self, doing: str, error: Exception) -> NetworkError:
        """Abort, and return an error that names what broke the stream first."""
        self._broken_by = self._broken_by or reason_of(error)
        self._transport.abort()
        host, port = self.address
        return NetworkError(f"{doing} peer {self.peer.hex()[:8]} at {host}:{port} failed: {self._broken_by}")


class Transport(trio.abc.Stream):
    """What carries the bytes of a `TlsStream`: each of its waits has a deadline, and ends by a trio error."""

    @abstractmethod
    def close(self) -> None:
        """Close; what was sent still travels."""

    @abstractmethod
    def abort(self) -> None:
        """Close at once, and let the other end know that this was no goodbye."""

    @abstractmethod
    def abandon(self) -> None:
        """In a forked child, give up our copy; the parent's goes on."""


class PatientTransport(Transport):
    """A TCP socket whose waits have deadlines.

    Only a wait has a cancel scope, which costs 6 us: bytes that are there, or room for
    them, are taken without.
    """

    def __init__(self, raw: socket.socket, options: Options) -> None:
        self._raw = raw
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(raw))
        self._idle_s = options.stream_idle_s
        self._send_timeout_s = options.send_timeout_s

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`; raises `trio.TooSlowError` if the peer does not take it."""
        with memoryview(data) as view:
            sent = self._at_once(self._raw.send, view) or 0
            if sent < len(view):
                with trio.fail_after(self._send_timeout_s), view[sent:] as rest:
                    await self._stream.send_all(rest)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what has arrived; raises `trio.TooSlowError` if nothing does for long."""
        received = self._at_once(self._raw.recv, max_bytes or RECEIVE_BYTES_MAX)
        if received is not None:
            return received
        with trio.fail_after(self._idle_s):
            return await self._stream.receive_some(max_bytes or RECEIVE_BYTES_MAX)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the peer may take bytes."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close; what was sent still travels."""
        close_socket(self._raw)

    def abort(self) -> None:
        """Close, and let the peer's kernel know that this was no goodbye."""
        abort_socket(self._raw)

    def abandon(self) -> None:
        """Close our copy of the socket, in a forked child: no reset leaves, and no loop is told."""
        self._raw.close()

    def _at_once(self, call: Callable[[_Argument], _Result], argument: _Argument) -> _Result | None:
        """Return what `call` gives without waiting, None if it would have to wait."""
        if self._raw.fileno() < 0:
            raise trio.ClosedResourceError("this stream was closed here")
        try:
            return call(argument)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error


def abort_socket(raw: socket.socket) -> None:
    """Close a connection at once, with a reset in place of a goodbye."""
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_AT_CLOSE)
    close_socket(raw)


async def handshake(
    transport: Transport,
    address: Address,
    *,
    server_side: bool,
    identity: Identity,
    options: Options,
    statistics: NetworkStatistics,
) -> TlsStream:
    """Return `transport`, connected, as a stream whose other end is a member; takes it over, closing it on failure.

    Raises `Refused` if the other end shows no certificate of our mesh, and `NetworkError`
    if it leaves or is too slow.  A refused peer is told nothing: no alert leaves.
    """
    context = identity.server_context if server_side else identity.client_context
    where = f"{address[0]}:{address[1]}"
    try:
        tls = trio.SSLStream(transport, context, server_side=server_side)
        with trio.fail_after(options.handshake_timeout_s):
            await tls.do_handshake()
        return TlsStream(tls, peer_id_of(tls.getpeercert(binary_form=True)), address, statistics)
    except BaseException as error:
        transport.abort()
        if isinstance(error, _BROKEN):
            raise _failed_handshake(where, error) from error
        if isinstance(error, Malformed):
            raise Refused(f"{where} is not of our mesh: {error}") from error
        raise


def _failed_handshake(where: str, error: Exception) -> NetworkError | Refused:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        reason = getattr(cause, "verify_message", None) or cause.reason or str(cause)
        return Refused(f"{where} is not of our mesh ({reason}): it has another secret or another mesh name")
    return NetworkError(f"no stream with {where}, the TLS handshake did not end: {reason_of(error)}")


async def connect(to: Address, *, identity: Identity, options: Options, statistics: NetworkStatistics) -> TlsStream:
    """Open a stream to `to`, or raise `NetworkError` or `Refused`."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        raw.setblocking(False)
        with trio.fail_after(options.handshake_timeout_s):
            await trio.socket.from_stdlib_socket(raw).connect(to)
    except BaseException as error:
        abort_socket(raw)
        if isinstance(error, (*_BROKEN, OverflowError)):
            raise NetworkError(f"no peer was reached at {to[0]}:{to[1]}: {reason_of(error)}") from error
        raise
    transport = PatientTransport(raw, options)
    return await handshake(transport, to, server_side=False, identity=identity, options=options, statistics=statistics)


async def resolve(host: str, port: int) -> list[Address]:
    """Return the IPv4 addresses of a host's name, or raise `NetworkError`.  May take seconds."""
    try:
        found = await trio.socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NetworkError(f"the host {host!r} has no IPv4 address that could be found: {error}") from error
    return list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


def reason_of(error: BaseException) -> str:
    """Return in words why a stream broke."""
    match error:
        case trio.TooSlowError():
            return "the other end was silent for too long"
        case trio.ClosedResourceError():
            return "it was closed here"
        case OSError():
            return (error.strerror or str(error)).rpartition(": ")[2]  # trio puts the address before it
        case _:
            return str(error.__cause__ or error) or "the other end closed it without a goodbye"


def _pieces(data: bytes) -> Iterator[bytes | memoryview]:
    if len(data) <= SEND_BYTES_A_DEADLINE:
        yield data
        return
    with memoryview(data) as view:
        for start in range(0, len(view), SEND_BYTES_A_DEADLINE):
            yield view[start : start + SEND_BYTES_A_DEADLINE]
