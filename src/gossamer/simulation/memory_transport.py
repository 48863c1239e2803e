"""A network in memory, on which real peers run: driver, sealing, TLS and all, in one process and with no socket.

It keeps the laws of `net.transport.Network`; `tests/net/test_transport_suite.py` holds both it
and the real one to them.  Peers may live in one trio loop or in several, each in a thread of its
own.  Under trio's `MockClock` they live on virtual time.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections import deque
from heapq import heappop, heappush
from ipaddress import AddressValueError, IPv4Address
from itertools import count
from typing import TYPE_CHECKING

import trio

from ..errors import NetworkError, Refused
from ..mesh import Bell
from ..net.certificates import Identity
from ..net.streams import TlsStream, handshake
from ..net.transport import Address, NetworkStatistics, OnDatagram, OnStream
from ..options import Options
from .memory_streams import Call, MemoryTransport, Way

if TYPE_CHECKING:
    from .memory_lan import MemoryLan

UNICAST_PORT = 40000
DATAGRAM_BYTES_MAX = 65507
"""What UDP can carry."""
RECEIVE_BUFFER_DATAGRAMS = 4096
"""Datagrams that wait for a peer that does not read; what comes then is dropped."""
KNOCK_AGAIN_S = 0.2
ROUNDING_S = 1e-9
"""So close to its time, something is due: sleeping for less would not move a virtual clock."""


class MemoryNetwork:
    """A `transport.Network` of one host on a `MemoryLan`, which makes it."""

    def __init__(self, lan: MemoryLan, host: str, port: int, identity: Identity, options: Options) -> None:
        self.host = host
        self.stream_port = port
        self.unicast_port = UNICAST_PORT
        self.statistics = NetworkStatistics()
        self._lan = lan
        self._identity = identity
        self._options = options
        self._closed = False
        self._arriving: list[tuple[float, int, bytes, Address, bool]] = []
        self._numbers = count()
        self._ear: Bell | None = None
        self._calls: deque[Call] = deque()
        self._door: Bell | None = None
        self._ways: weakref.WeakSet[Way] = weakref.WeakSet()
        """Those of streams that are still in use, to or from here."""

    # -- addresses --------------------------------------------------------------------------------

    @property
    def unicast_address(self) -> Address:
        """Where datagrams reach us alone."""
        return self.host, self.unicast_port

    @property
    def unicast_addresses(self) -> list[Address]:
        """The same, as a list of one."""
        return [self.unicast_address]

    @property
    def has_multicast(self) -> bool:
        """Whether we listen to the group."""
        return not self._closed

    def is_at(self, to: Address) -> bool:
        """Whether a datagram to this address reaches us."""
        return not self._closed and to == self.unicast_address

    def is_in(self, group: int) -> bool:
        """Whether a multicast on this port reaches us."""
        return not self._closed and group == self.stream_port

    # -- datagrams --------------------------------------------------------------------------------

    def multicast(self, datagram: bytes) -> bool:
        """Send to all peers in reach, from any thread, without waiting; return whether anything left."""
        with self._lan.lock:
            if not self._leaves(datagram):
                return False
            if self._lan.multicasts:
                self.statistics.own_datagrams_heard += 1
                self._lan.carry(self, datagram, group=self.stream_port)
            return True

    def unicast(self, datagram: bytes, to: Address) -> bool:
        """Send to one address, from any thread, without waiting; return whether it left."""
        with self._lan.lock:
            if not self._leaves(datagram, to):
                return False
            self._lan.carry(self, datagram, to=to)
            return True

    def _leaves(self, datagram: bytes, to: Address | None = None) -> bool:
        if self._closed:
            return False
        if len(datagram) > DATAGRAM_BYTES_MAX or (to is not None and not _is_address(to)):
            self.statistics.send_errors += 1
            return False
        self.statistics.datagrams_sent += 1
        self.statistics.datagram_bytes_sent += len(datagram)
        return True

    def arrive(self, at: float, datagram: bytes, source: Address, was_multicast: bool) -> None:
        """A datagram will be here at a moment of the LAN's time.  Called under the LAN's lock."""
        if len(self._arriving) >= RECEIVE_BUFFER_DATAGRAMS:
            self.statistics.kernel_drops += 1
            return
        heappush(self._arriving, (at, next(self._numbers), datagram, source, was_multicast))
        if self._ear is not None:
            self._ear.ring()

    async def receive(self, on: OnDatagram) -> None:
        """Call `on` for each datagram that others send, until cancelled or closed."""
        self._ear = ear = Bell(trio.lowlevel.current_trio_token())
        while not self._closed:
            next_at = self._hear(on)
            with trio.move_on_after(max(0.0, next_at - self._lan.clock.monotonic())):
                await ear.rung()

    def _hear(self, on: OnDatagram) -> float:
        """Deliver what has arrived; return when the next will."""
        while True:
            with self._lan.lock:
                if not self._arriving:
                    return math.inf
                at, _, datagram, source, was_multicast = self._arriving[0]
                if at > self._lan.clock.monotonic() + ROUNDING_S:
                    return at
                heappop(self._arriving)
                self.statistics.datagrams_received += 1
                self.statistics.datagram_bytes_received += len(datagram)
                self.statistics.multicasts_received += was_multicast
            on(datagram, source, was_multicast)

    # -- streams ----------------------------------------------------------------------------------

    async def connect(self, to: Address) -> TlsStream:
        """Open a stream, or raise `NetworkError`, or `Refused` if a stranger answers there."""
        if self._closed:
            raise NetworkError("the network was closed; no stream can be opened")
        try:
            transport = await self._called(to)
            stream = await self._handshake(transport, to, server_side=False)
        except (NetworkError, Refused):
            self.statistics.connect_errors += 1
            raise
        self.statistics.streams_connected += 1
        return stream

    async def _called(self, to: Address) -> MemoryTransport:
        """Let whoever listens at `to` know of us, as soon as both ways are open, and return our end."""
        where = f"no peer was reached at {to[0]}:{to[1]}"
        with trio.move_on_after(self._options.handshake_timeout_s):
            await trio.sleep(self._lan.delay_s())
            while True:
                callee = self._lan.networks.get(to[0])
                if callee is None and not _is_address(to):
                    raise NetworkError(f"{where}: that is no address")
                if callee is not None and callee._hears(self.host):
                    if callee._closed or to[1] != callee.stream_port:
                        raise NetworkError(f"{where}: Connection refused")
                    return self._call(callee)
                await trio.sleep(KNOCK_AGAIN_S)
        raise NetworkError(f"{where}: the other end was silent for too long")

    def _hears(self, host: str) -> bool:
        return self._lan.reaches(self.host, host) and self._lan.reaches(host, self.host)

    def _call(self, callee: MemoryNetwork) -> MemoryTransport:
        there, back = Way(self._lan, self.host, callee.host), Way(self._lan, callee.host, self.host)
        with self._lan.lock:
            for network in (self, callee):
                network._ways |= {there, back}
            callee._calls.append(Call((self.host, UNICAST_PORT + next(self._numbers)), incoming=there, outgoing=back))
        if callee._door is not None:
            callee._door.ring()
        return MemoryTransport(incoming=back, outgoing=there, options=self._options)

    async def _handshake(self, transport: MemoryTransport, address: Address, *, server_side: bool) -> TlsStream:
        return await handshake(
            transport,
            address,
            server_side=server_side,
            identity=self._identity,
            options=self._options,
            statistics=self.statistics,
        )

    async def listen(self, on_stream: OnStream) -> None:
        """Run `on_stream` for each peer that opens a stream to us, until cancelled or closed."""
        self._door = door = Bell(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            while not self._closed:
                while self._calls:
                    nursery.start_soon(self._serve, self._calls.popleft(), on_stream)
                await door.rung()

    async def _serve(self, call: Call, on_stream: OnStream) -> None:
        transport = MemoryTransport(incoming=call.incoming, outgoing=call.outgoing, options=self._options)
        try:
            stream = await self._handshake(transport, call.address, server_side=True)
        except (NetworkError, Refused):
            self.statistics.streams_refused += 1
            return
        self.statistics.streams_accepted += 1
        try:
            with contextlib.suppress(NetworkError, Refused):  # the peer left, as peers do
                await on_stream(stream)
            await stream.aclose()
        finally:
            stream.abort()

    # -- the end ----------------------------------------------------------------------------------

    def look_again(self) -> None:
        """A cut was mended: what stood still may go on."""
        for way in list(self._ways):
            way.tell()

    async def refresh(self) -> bool:
        """Find that nothing has changed: there is one interface, and it stays."""
        await trio.lowlevel.checkpoint()
        return False

    async def aclose(self) -> None:
        """Close everything."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close everything, from any thread.  Again does nothing."""
        with self._lan.lock:
            self._closed = True
            self._arriving.clear()
        for way in list(self._ways):
            way.reset()
        for bell in (self._ear, self._door):
            if bell is not None:
                bell.ring()

    def abandon(self) -> None:
        """In a forked child: nobody else is there, and nothing that is sent arrives."""
        self._closed = True


def _is_address(to: Address) -> bool:
    try:
        IPv4Address(to[0])
    except AddressValueError:
        return False
    return 0 < to[1] < 65536
