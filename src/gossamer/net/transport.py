"""What the driver needs of a network, and nothing of how it is made.

`Network` carries datagrams, which may be lost, doubled and reordered, and opens streams,
which are ordered, private and from a peer whose id is proven.  Two laws for who implements it:

1. Sending never waits and never raises.  What could not be sent is counted and reported by
   `False`, and the protocol repairs it: a network that went away is an ordinary day.
2. A stream either works or raises `NetworkError`, and never waits for ever: each wait has a deadline.

`sockets.SocketNetwork` is the real one, `faults.FaultyNetwork` wraps any.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Address: TypeAlias = tuple[str, int]
"""A numeric IPv4 host and a port.  A name is resolved first, by `streams.resolve`, for that takes time."""

OnDatagram: TypeAlias = Callable[[bytes, Address, bool], None]
"""Called with a datagram, its source, and whether it came by multicast.  Must not block."""


@dataclass(slots=True)
class NetworkStatistics:
    """Counts since the network was opened.  They only rise."""

    datagrams_sent: int = 0
    datagram_bytes_sent: int = 0
    datagrams_received: int = 0
    datagram_bytes_received: int = 0
    multicasts_received: int = 0
    """Those of `datagrams_received` that came by multicast."""
    own_datagrams_heard: int = 0
    """Our own multicasts that came back, and were dropped: proof that multicast works at least here."""
    send_errors: int = 0
    receive_errors: int = 0
    kernel_drops: int = 0
    """Datagrams that the kernel dropped because we read too slowly.  Linux tells; elsewhere 0."""
    streams_connected: int = 0
    connect_errors: int = 0
    streams_accepted: int = 0
    streams_refused: int = 0
    """Callers that were no members, were too slow to prove it, or too many at once."""
    accept_errors: int = 0
    stream_bytes_sent: int = 0
    stream_bytes_received: int = 0
    reopened: int = 0
    """How often `refresh` found that something had changed."""


class Stream(Protocol):
    """An ordered, private, mutually authenticated stream of bytes: one task sends, one receives."""

    @property
    def peer(self) -> bytes:
        """The 16-byte peer id that the other end has proven."""

    @property
    def address(self) -> Address:
        """The other end's host and port."""

    async def send(self, data: bytes) -> None:
        """Send all of `data`, or raise `NetworkError`.  A send that was cancelled or too slow aborts the stream."""

    async def receive(self) -> bytes:
        """Return the next bytes, at most 64 KiB; `b""` after an orderly end; else `NetworkError`."""

    async def aclose(self) -> None:
        """Say goodbye, waiting for nothing but a moment for it to leave."""

    def abort(self) -> None:
        """Close at once, with no goodbye: whoever waits on the stream gets `NetworkError`."""


OnStream: TypeAlias = Callable[[Stream], Awaitable[None]]
"""Run in a task of its own for each accepted stream, which is closed when it returns."""


class Network(Protocol):
    """Datagrams and streams between the peers of a mesh."""

    @property
    def stream_port(self) -> int:
        """The TCP port at which others reach us."""

    @property
    def unicast_port(self) -> int:
        """The UDP port of our own, the same on all interfaces, and known before there are any."""

    @property
    def unicast_addresses(self) -> list[Address]:
        """Where datagrams reach us alone: one address for each interface in use, one port for all."""

    @property
    def has_multicast(self) -> bool:
        """Whether we listen to the group on some interface.  Whether others hear us, only they know."""

    @property
    def statistics(self) -> NetworkStatistics:
        """The counts so far, live."""

    def multicast(self, datagram: bytes) -> bool:
        """Send to all peers in reach, from any thread, without waiting; return whether anything left."""

    def unicast(self, datagram: bytes, to: Address) -> bool:
        """Send to one address, from any thread, without waiting; return whether it left."""

    async def receive(self, on: OnDatagram) -> None:
        """Call `on` for each datagram that others send, until cancelled.  Our own are left out."""

    async def connect(self, to: Address) -> Stream:
        """Open a stream, or raise `NetworkError`, or `Refused` if a stranger answers there."""

    async def listen(self, on_stream: OnStream) -> None:
        """Run `on_stream` for each peer that opens a stream to us, until cancelled."""

    async def refresh(self) -> bool:
        """Look for interfaces that came, went or changed, and follow them; return whether any did."""

    async def aclose(self) -> None:
        """Close everything.  Sending afterwards returns `False`."""

    def close(self) -> None:
        """Close everything, from the loop's thread or after the loop has ended."""

    def abandon(self) -> None:
        """In a forked child, give up our copies of the parent's sockets: nothing is sent, nobody is told."""
