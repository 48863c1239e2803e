"""The network of a peer as it really is: its datagram sockets, its stream sockets, and the interfaces they use.

Sockets are bound once, to all addresses or, for a mesh of this host, to the loopback
alone.  What changes when a laptop moves is only which interfaces have joined the group:
ports, open streams and pending datagrams survive.  Opening never fails for want of a network.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from gossamer.errors import NetworkError
from gossamer.net.certificates import Identity
from gossamer.net.datagram_sockets import DatagramSockets
from gossamer.net.interfaces import (
    Interface,
    check_names,
    default_interfaces,
    list_interfaces,
    loopback_interfaces,
    named_interfaces,
)
from gossamer.net.stream_sockets import StreamSockets
from gossamer.net.streams import TlsStream
from gossamer.net.transport import Address, NetworkStatistics, OnDatagram, OnStream
from gossamer.options import Options

logger = logging.getLogger("gossamer.net")

DEFAULT_GROUP = "239.71.83.77"
DEFAULT_PORT = 47474
"""The one group and port of all meshes: their tags tell them apart."""


class SocketNetwork:
    """A `transport.Network` of real sockets.  Made by `open_network`."""

    def __init__(
        self,
        *,
        datagrams: DatagramSockets,
        streams: StreamSockets,
        statistics: NetworkStatistics,
        host_only: bool,
        wanted: tuple[str, ...] | None,
    ) -> None:
        self._datagrams = datagrams
        self._streams = streams
        self._statistics = statistics
        self._host_only = host_only
        self._wanted = wanted

    @property
    def stream_port(self) -> int:
        """The TCP port at which others reach us."""
        return self._streams.port

    @property
    def unicast_port(self) -> int:
        """The UDP port of our own, the same on all interfaces."""
        return self._datagrams.port

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces in use."""
        return self._datagrams.interfaces

    @property
    def unicast_addresses(self) -> list[Address]:
        """Where datagrams reach us alone: one address for each interface in use."""
        return [(each.address, self._datagrams.port) for each in self._datagrams.interfaces]

    @property
    def has_multicast(self) -> bool:
        """Whether we listen to the group on some interface."""
        return self._datagrams.listens

    @property
    def statistics(self) -> NetworkStatistics:
        """The counts so far, live."""
        self._datagrams.count_drops()
        return self._statistics

    def multicast(self, datagram: bytes) -> bool:
        """Send to all peers in reach, from any thread, without waiting; return whether anything left."""
        return self._datagrams.multicast(datagram)

    def unicast(self, datagram: bytes, to: Address) -> bool:
        """Send to one address, from any thread, without waiting; return whether it left."""
        return self._datagrams.unicast(datagram, to)

    async def receive(self, on: OnDatagram) -> None:
        """Call `on` for each datagram that others send, until cancelled or closed."""
        await self._datagrams.receive(on)

    async def connect(self, to: Address) -> TlsStream:
        """Open a stream, or raise `NetworkError`, or `Refused` if a stranger answers there."""
        return await self._streams.connect(to)

    async def listen(self, on_stream: OnStream) -> None:
        """Run `on_stream` for each peer that opens a stream to us, until cancelled or closed."""
        await self._streams.listen(on_stream)

    async def refresh(self) -> bool:
        """Follow the interfaces that came, went or changed; return whether any did.  About 0.5 ms."""
        await trio.lowlevel.checkpoint()
        try:
            interfaces = list_interfaces()
        except NetworkError as error:  # no file may be opened just now: what is joined stays joined
            logger.debug("%s", error)
            return False
        changed = self.use(interfaces)
        self._statistics.reopened += changed
        return changed

    async def aclose(self) -> None:
        """Close everything."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close everything, from the loop's thread or after the loop has ended.  Again does nothing."""
        self._streams.close()
        self._datagrams.close()

    def abandon(self) -> None:
        """In a forked child, give up our copies of the parent's sockets: nothing is sent, nobody is told."""
        self._streams.abandon()
        self._datagrams.abandon()

    def use(self, interfaces: Sequence[Interface]) -> bool:
        """Choose among these and use what was chosen; return whether anything changed."""
        return self._datagrams.use(self._chosen(interfaces))

    def _chosen(self, interfaces: Sequence[Interface]) -> list[Interface]:
        if self._host_only:
            return loopback_interfaces(interfaces)
        if self._wanted is not None:
            return named_interfaces(self._wanted, interfaces)
        return default_interfaces(interfaces)


def open_network(
    *,
    identity: Identity,
    host_only: bool,
    interfaces: Sequence[str] | None = None,
    port: int | None = None,
    options: Options | None = None,
    group: str = DEFAULT_GROUP,
    default_port: int = DEFAULT_PORT,
) -> SocketNetwork:
    """Open all sockets of a peer, joined to what can be joined now; `refresh` follows what changes.

    With `host_only`, everything is bound to the loopback, and `interfaces` is not looked at.
    Else sockets are bound to all addresses, since addresses change; `interfaces` says where
    multicasts go, and streams that come in by another are refused.  `port` is the group's,
    and the stream's too if it is free.

    Raises `ConfigurationError` for an interface that does not exist, and `NetworkError` if
    the system gives no sockets at all.
    """
    group_port = default_port if port is None else port
    bind_to = "127.0.0.1" if host_only else "0.0.0.0"
    wanted = None if interfaces is None or host_only else tuple(interfaces)
    have = _listed_or_none()
    if wanted is not None:
        check_names(wanted, have)
    statistics = NetworkStatistics()
    try:
        datagrams = DatagramSockets(group=group, port=group_port, bind_to=bind_to, statistics=statistics)
    except (OSError, OverflowError) as error:
        raise _no_sockets(error) from error
    try:
        streams = StreamSockets(
            identity=identity,
            options=options or Options(),
            statistics=statistics,
            bind_to=bind_to,
            port=group_port,
            is_ours=lambda address: wanted is None or address.startswith("127.") or datagrams.is_on(address),
        )
    except (OSError, OverflowError) as error:
        datagrams.close()
        raise _no_sockets(error) from error
    network = SocketNetwork(
        datagrams=datagrams, streams=streams, statistics=statistics, host_only=host_only, wanted=wanted
    )
    network.use(have)
    return network


def _listed_or_none() -> list[Interface]:
    try:
        return list_interfaces()
    except NetworkError as error:
        logger.warning("%s; going on without, trying again", error)
        return []


def _no_sockets(error: Exception) -> NetworkError:
    return NetworkError(f"this process can open no sockets: {error}. Are too many files open, or is it sandboxed?")
