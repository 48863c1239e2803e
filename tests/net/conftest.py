"""Networks for tests: on the loopback, on ports of their own, so that no two tests hear each other."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import trio

from gossamer.net.certificates import Identity, new_identity
from gossamer.net.sockets import SocketNetwork, open_network
from gossamer.net.transport import Address, Network
from gossamer.options import Options
from gossamer.simulation.memory_lan import MemoryLan
from gossamer.simulation.memory_transport import MemoryNetwork
from gossamer.wire.secret import host_keys

OpenNetwork = Callable[..., SocketNetwork]


class Inbox:
    """What a network has received, and a way to wait for more."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Address, bool]] = []
        self._arrived = trio.Event()

    def __call__(self, datagram: bytes, source: Address, was_multicast: bool) -> None:
        self.received.append((datagram, source, was_multicast))
        self._arrived.set()

    @property
    def datagrams(self) -> list[bytes]:
        return [datagram for datagram, _, _ in self.received]

    async def until(self, condition: Callable[[list[bytes]], bool], within_s: float = 5) -> list[bytes]:
        with trio.fail_after(within_s):
            while not condition(self.datagrams):
                self._arrived = trio.Event()
                await self._arrived.wait()
        return self.datagrams

    async def until_has(self, *datagrams: bytes) -> list[bytes]:
        return await self.until(lambda have: set(datagrams) <= set(have))


async def until(condition: Callable[[], object], within_s: float = 5) -> None:
    """Wait for a condition that nothing announces."""
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.005)


@pytest.fixture(scope="session")
def identities() -> list[Identity]:
    keys = host_keys(b"\x01" * 32, "test")
    return [new_identity(keys) for _ in range(4)]


@pytest.fixture
def group_port() -> int:
    """A port that is free for datagrams and streams alike."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(type=socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.fixture
def network_on_host(identities: list[Identity], group_port: int) -> Iterator[OpenNetwork]:
    """Open peers of this host, each with another identity; all are closed at the end."""
    opened: list[Network] = []

    def open_one(
        options: Options | None = None, identity: Identity | None = None, port: int | None = None
    ) -> SocketNetwork:
        network = open_network(
            identity=identity or identities[len(opened) % len(identities)],
            host_only=True,
            port=port or group_port,
            options=options,
        )
        opened.append(network)
        return network

    yield open_one
    for network in opened:
        network.close()


@pytest.fixture
def network_in_memory(identities: list[Identity]) -> Iterator[Callable[..., MemoryNetwork]]:
    """The same, as hosts of their own on a LAN in memory."""
    lan = MemoryLan()

    def open_one(
        options: Options | None = None, identity: Identity | None = None, port: int | None = None
    ) -> MemoryNetwork:
        identity = identity or identities[len(lan.networks) % len(identities)]
        return lan.open_network(identity=identity, port=port, options=options)

    yield open_one
    for network in lan.networks.values():
        network.close()


@pytest.fixture
def inbox() -> Callable[[], Inbox]:
    return Inbox


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., object]:
    return until
