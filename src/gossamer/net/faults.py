"""A network that loses datagrams and can be cut, wrapped around any other: for the demo and for tests.

It needs no rights and touches nothing outside its process: each peer filters for itself.
A cut between two peers is whole if both make it; if one does, it is one-way for datagrams.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

import trio

from gossamer.errors import NetworkError
from gossamer.net.transport import Address, Network, NetworkStatistics, OnDatagram, OnStream, Stream


class FaultyNetwork:
    """A `transport.Network` over another.  `cut`, `heal` and `loss` may be used from any thread."""

    def __init__(self, network: Network, *, seed: int, loss: float = 0.0) -> None:
        self._network = network
        self._rng = random.Random(seed)
        self._token: trio.lowlevel.TrioToken | None = None
        self._streams: set[FaultyStream] = set()
        self._peers: frozenset[bytes] = frozenset()
        self._addresses: frozenset[Address] = frozenset()
        self._loss = 0.0
        self._end_loss = 0.0
        self.loss = loss
        self.datagrams_dropped = 0

    @property
    def loss(self) -> float:
        """The share of datagrams, from 0 to 1, lost between two peers that both have this loss.

        Each end loses `1 - sqrt(1 - loss)`: the sender for all who would hear, each receiver for itself.
        """
        return self._loss

    @loss.setter
    def loss(self, loss: float) -> None:
        if not 0 <= loss <= 1:
            raise ValueError(f"a loss of {loss} is no share: give a number from 0 to 1")
        self._loss, self._end_loss = loss, 1 - (1 - loss) ** 0.5

    def cut(self, peers: Iterable[bytes] = (), addresses: Iterable[Address] = ()) -> None:
        """Stop hearing and reaching these, besides those already cut; open streams with them break at once."""
        self._peers |= frozenset(peers)
        self._addresses |= frozenset(addresses)
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._abort_cut)

    def heal(self) -> None:
        """Hear and reach everyone again.  Broken streams stay broken."""
        self._peers, self._addresses = frozenset(), frozenset()

    def is_cut(self, stream: Stream) -> bool:
        """Whether this stream leads across the cut."""
        return stream.peer in self._peers or stream.address in self._addresses

    # -- the network ----------------------------------------------------------------------------

    @property
    def stream_port(self) -> int:
        """That of the network beneath."""
        return self._network.stream_port

    @property
    def unicast_port(self) -> int:
        """That of the network beneath."""
        return self._network.unicast_port

    @property
    def unicast_addresses(self) -> list[Address]:
        """Those of the network beneath."""
        return self._network.unicast_addresses

    @property
    def has_multicast(self) -> bool:
        """That of the network beneath."""
        return self._network.has_multicast

    @property
    def statistics(self) -> NetworkStatistics:
        """Those of the network beneath; what is lost on the way out is not in them."""
        return self._network.statistics

    def multicast(self, datagram: bytes) -> bool:
        """Send, unless it is to be lost; what is lost counts as sent, for no sender can tell."""
        return self._is_lost() or self._network.multicast(datagram)

    def unicast(self, datagram: bytes, to: Address) -> bool:
        """Send, unless it is to be lost or leads across the cut."""
        if to in self._addresses:
            self.datagrams_dropped += 1
            return True
        return self._is_lost() or self._network.unicast(datagram, to)

    async def receive(self, on: OnDatagram) -> None:
        """Call `on` for what is not lost, and not from across the cut."""

        def on_survivor(datagram: bytes, source: Address, was_multicast: bool) -> None:
            if source in self._addresses:
                self.datagrams_dropped += 1
            elif not self._is_lost():
                on(datagram, source, was_multicast)

        self._token = trio.lowlevel.current_trio_token()
        await self._network.receive(on_survivor)

    async def connect(self, to: Address) -> Stream:
        """Open a stream, or raise `NetworkError` if it would lead across the cut."""
        self._token = trio.lowlevel.current_trio_token()
        if to in self._addresses:
            await trio.lowlevel.checkpoint()
            raise NetworkError(f"no peer was reached at {to[0]}:{to[1]}: it is cut off on purpose")
        return self._watched(await self._network.connect(to))

    async def listen(self, on_stream: OnStream) -> None:
        """Run `on_stream` for each stream that does not come across the cut."""

        async def on_survivor(stream: Stream) -> None:
            with contextlib.suppress(NetworkError):
                watched = self._watched(stream)
                try:
                    await on_stream(watched)
                finally:
                    self.forget(watched)

        self._token = trio.lowlevel.current_trio_token()
        await self._network.listen(on_survivor)

    async def refresh(self) -> bool:
        """Refresh the network beneath."""
        return await self._network.refresh()

    async def aclose(self) -> None:
        """Close the network beneath."""
        await self._network.aclose()

    def close(self) -> None:
        """Close the network beneath."""
        self._network.close()

    def abandon(self) -> None:
        """Give up the network beneath."""
        self._network.abandon()

    def _is_lost(self) -> bool:
        lost = self._end_loss > 0 and self._rng.random() < self._end_loss
        self.datagrams_dropped += lost
        return lost

    def _watched(self, stream: Stream) -> FaultyStream:
        if self.is_cut(stream):
            stream.abort()
            raise NetworkError(f"peer {stream.peer.hex()[:8]} is cut off on purpose")
        watched = FaultyStream(stream, self)
        self._streams.add(watched)
        return watched

    def forget(self, stream: FaultyStream) -> None:
        """Stop watching a stream that is closed."""
        self._streams.discard(stream)

    def _abort_cut(self) -> None:
        for stream in [each for each in self._streams if self.is_cut(each)]:
            stream.abort()


class FaultyStream:
    """A `transport.Stream` that breaks when its peer is cut off."""

    def __init__(self, stream: Stream, network: FaultyNetwork) -> None:
        self._stream = stream
        self._network = network

    @property
    def peer(self) -> bytes:
        """The other end's id."""
        return self._stream.peer

    @property
    def address(self) -> Address:
        """The other end's address."""
        return self._stream.address

    async def send(self, data: bytes) -> None:
        """Send, unless the peer is cut off."""
        self._break_if_cut()
        await self._stream.send(data)

    async def receive(self) -> bytes:
        """Receive, unless the peer is cut off."""
        self._break_if_cut()
        received = await self._stream.receive()
        self._break_if_cut()
        return received

    async def aclose(self) -> None:
        """Close; across a cut, with no goodbye."""
        self._network.forget(self)
        if self._network.is_cut(self):
            self._stream.abort()
        await self._stream.aclose()

    def abort(self) -> None:
        """Close at once."""
        self._network.forget(self)
        self._stream.abort()

    def _break_if_cut(self) -> None:
        if self._network.is_cut(self):
            self.abort()
            raise NetworkError(f"the stream to peer {self.peer.hex()[:8]} was cut on purpose")
