"""Talk between networks, which the tests of all kinds of networks share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import trio

from gossamer.net.transport import Address, Network


def stream_address(network: Network) -> Address:
    """Return where a stream reaches this network."""
    return network.unicast_addresses[0][0], network.stream_port


@contextlib.asynccontextmanager
async def listening(network: Network, inbox: Callable[[], object]) -> AsyncIterator[object]:
    heard = inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(network.receive, heard)
        yield heard
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def pair(alice, bob):
    """Yield alice's end of a stream, and bob's."""
    accepted, done = trio.open_memory_channel(1), trio.Event()

    async def on_stream(stream):
        await accepted[0].send(stream)
        await done.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, on_stream)
        with trio.fail_after(5):
            at_alice = await alice.connect(stream_address(bob))
            at_bob = await accepted[1].receive()
        try:
            yield at_alice, at_bob
        finally:
            at_alice.abort()
            done.set()
            nursery.cancel_scope.cancel()


async def receive_all(stream, length):
    parts = []
    while sum(map(len, parts)) < length and (part := await stream.receive()):
        parts.append(part)
    return b"".join(parts)


async def echo(stream):
    while received := await stream.receive():
        await stream.send(received)


@contextlib.asynccontextmanager
async def refusing(member):
    """Let `member` listen, and fail if it lets anybody in."""

    async def never(_):
        raise AssertionError("a stranger was let in")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.listen, never)
        yield
        nursery.cancel_scope.cancel()
