"""Streams between peers over real sockets and TLS: who gets one, and how each of its waits ends."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
from collections.abc import Callable

import pytest
import trio
import trio.testing

from gossamer.errors import NetworkError, Refused
from gossamer.net.certificates import new_identity
from gossamer.net.faults import FaultyNetwork
from gossamer.net.stream_sockets import HALF_OPEN_LOOPBACK_MAX
from gossamer.net.streams import abort_socket, resolve
from gossamer.options import Options
from gossamer.wire.secret import host_keys

IMPATIENT = Options(handshake_timeout_s=0.2, stream_idle_s=0.2, send_timeout_s=0.2)


@pytest.fixture(params=["real", "wrapped"])
def open_peer(request, network_on_host):
    if request.param == "real":
        return network_on_host
    return lambda *args, **named: FaultyNetwork(network_on_host(*args, **named), seed=1)


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
            at_alice = await alice.connect(("127.0.0.1", bob.stream_port))
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


async def test_each_end_of_a_stream_knows_for_certain_who_the_other_is(open_peer, identities):
    alice, bob = open_peer(identity=identities[0]), open_peer(identity=identities[1])
    async with pair(alice, bob) as (at_alice, at_bob):
        assert at_alice.peer == identities[1].peer_id
        assert at_bob.peer == identities[0].peer_id
        assert at_alice.address == ("127.0.0.1", bob.stream_port)
        assert at_bob.address[0] == "127.0.0.1"


async def test_bytes_travel_both_ways_at_once_whole_and_in_order(open_peer):
    alice, bob = open_peer(), open_peer()
    there, back = os.urandom(3_000_000), os.urandom(2_000_000)
    async with pair(alice, bob) as (at_alice, at_bob):
        arrived = {}

        async def receive(name, stream, length):
            arrived[name] = await receive_all(stream, length)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(at_alice.send, there)
            nursery.start_soon(at_bob.send, back)
            nursery.start_soon(receive, "there", at_bob, len(there))
            nursery.start_soon(receive, "back", at_alice, len(back))

        assert arrived == {"there": there, "back": back}
    assert alice.statistics.stream_bytes_sent == bob.statistics.stream_bytes_received == len(there)


async def test_an_orderly_end_is_told_from_a_broken_stream(open_peer):
    alice, bob = open_peer(), open_peer()
    async with pair(alice, bob) as (at_alice, at_bob):
        await at_alice.send(b"last words")
        await at_alice.aclose()
        assert await receive_all(at_bob, 100) == b"last words"
        assert await at_bob.receive() == b""

    async with pair(alice, bob) as (at_alice, at_bob):
        at_alice.abort()
        with pytest.raises(NetworkError, match=r"receiving from peer [0-9a-f]{8} at 127\.0\.0\.1:\d+ failed"):
            await at_bob.receive()


async def test_a_stream_that_is_aborted_wakes_whoever_waits_on_it_and_stays_broken(open_peer):
    alice, bob = open_peer(), open_peer()
    async with pair(alice, bob) as (at_alice, _):

        async def wait_in_vain():
            with pytest.raises(NetworkError):
                await at_alice.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_in_vain)
            await trio.testing.wait_all_tasks_blocked()
            at_alice.abort()

        with pytest.raises(NetworkError):
            await at_alice.send(b"x")
        at_alice.abort()
        await at_alice.aclose()


async def test_where_nobody_listens_no_stream_opens_and_the_error_says_where(open_peer, group_port):
    with pytest.raises(
        NetworkError, match=rf"no peer was reached at 127\.0\.0\.1:{group_port + 1}: Connection refused"
    ):
        await open_peer().connect(("127.0.0.1", group_port + 1))


@pytest.mark.parametrize("to", [("127.0.0.1", 70000), ("127.0.0.1", 0), ("no.such.host.invalid", 9)])
async def test_an_address_that_is_none_is_a_network_error(open_peer, to):
    with pytest.raises(NetworkError, match="no peer was reached"):
        await open_peer().connect(to)


@contextlib.asynccontextmanager
async def refusing(member):
    """Let `member` listen, and fail if it lets anybody in."""

    async def never(_):
        raise AssertionError("a stranger was let in")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.listen, never)
        yield
        nursery.cancel_scope.cancel()


def warnings_in(caplog):
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


async def test_peers_with_different_secrets_refuse_each_other_and_the_log_says_once_what_to_set(
    network_on_host, caplog, until
):
    stranger = network_on_host(identity=new_identity(host_keys(b"\x02" * 32, "test")))
    member = network_on_host()
    async with refusing(member):
        for _ in range(3):
            with pytest.raises(Refused, match=r"is not of our mesh.*another secret or another mesh name"):
                await stranger.connect(("127.0.0.1", member.stream_port))
        await until(lambda: member.statistics.streams_refused == 3)

    assert member.statistics.streams_accepted == 0
    assert stranger.statistics.connect_errors == 3
    [warning] = warnings_in(caplog)
    assert "Peers meet if both name and secret are equal" in warning


async def test_a_stranger_is_told_nothing_and_the_log_names_it_once(network_on_host, caplog, until):
    member = network_on_host()
    async with refusing(member):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", member.stream_port)) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                stranger.setblocking(False)
                await trio.lowlevel.wait_readable(stranger)
                with pytest.raises(ConnectionResetError):
                    stranger.recv(100)
        await until(lambda: member.statistics.streams_refused == 3)

    [warning] = warnings_in(caplog)
    assert "127.0.0.1" in warning


async def test_a_caller_that_says_nothing_is_dropped_after_the_handshake_timeout(network_on_host, until):
    member = network_on_host(options=Options(handshake_timeout_s=0.2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.listen, echo)
        with socket.create_connection(("127.0.0.1", member.stream_port)):
            await until(lambda: member.statistics.streams_refused == 1)
        nursery.cancel_scope.cancel()


async def test_a_server_that_says_nothing_does_not_hold_up_who_connects(network_on_host):
    caller = network_on_host(options=Options(handshake_timeout_s=0.2))
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(NetworkError, match="the other end was silent for too long"),
    ):
        await caller.connect(silent.getsockname())


async def test_a_server_that_hangs_up_is_a_network_error_and_no_refusal(network_on_host):
    with socket.create_server(("127.0.0.1", 0)) as rude:

        async def hang_up():
            await trio.lowlevel.wait_readable(rude)
            rude.accept()[0].close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hang_up)
            with pytest.raises(NetworkError, match="the TLS handshake did not end"):
                await network_on_host().connect(rude.getsockname())


async def test_strangers_that_call_in_crowds_are_bounded_and_members_get_in_afterwards(network_on_host, until):
    member, other = network_on_host(), network_on_host()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.listen, echo)
        with contextlib.ExitStack() as crowd:
            for _ in range(HALF_OPEN_LOOPBACK_MAX + 10):
                crowd.enter_context(socket.create_connection(("127.0.0.1", member.stream_port)))
            await until(lambda: member.statistics.streams_refused == 10)
        await until(lambda: member.statistics.streams_refused == HALF_OPEN_LOOPBACK_MAX + 10)

        stream = await other.connect(("127.0.0.1", member.stream_port))
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_a_silent_peer_is_given_up_after_the_idle_time(network_on_host):
    alice, bob = network_on_host(options=IMPATIENT), network_on_host()
    async with pair(alice, bob) as (at_alice, _):
        with pytest.raises(NetworkError, match="silent for too long"):
            await at_alice.receive()
        with pytest.raises(NetworkError):
            await at_alice.send(b"x")


async def test_a_peer_that_takes_no_bytes_is_given_up_after_the_send_time(network_on_host):
    alice, bob = network_on_host(options=IMPATIENT), network_on_host()
    async with pair(alice, bob) as (at_alice, at_bob):
        with pytest.raises(NetworkError, match="silent for too long"):
            await at_alice.send(b"x" * 50_000_000)
        with pytest.raises(NetworkError):
            await receive_all(at_bob, 50_000_000)


async def test_a_send_that_was_cancelled_breaks_the_stream_rather_than_garbling_it(network_on_host):
    alice, bob = network_on_host(), network_on_host()
    async with pair(alice, bob) as (at_alice, at_bob):
        with trio.move_on_after(0.05) as scope:
            await at_alice.send(b"x" * 50_000_000)

        assert scope.cancelled_caught
        with pytest.raises(NetworkError, match="an earlier send was cancelled halfway"):
            await at_alice.send(b"more")
        with pytest.raises(NetworkError):
            await receive_all(at_bob, 50_000_000)


async def test_a_receive_that_was_cancelled_loses_nothing(open_peer):
    alice, bob = open_peer(), open_peer()
    async with pair(alice, bob) as (at_alice, at_bob):
        with trio.move_on_after(0.02):
            await at_bob.receive()
        await at_alice.send(b"still whole")

        assert await receive_all(at_bob, 11) == b"still whole"


async def test_the_port_of_the_group_is_also_that_of_streams_for_one_peer_and_the_others_take_any(
    network_on_host, group_port
):
    first, second = network_on_host(), network_on_host()

    assert first.stream_port == group_port
    assert second.stream_port not in (0, group_port)


async def test_a_stream_ends_when_whoever_accepted_it_returns(network_on_host):
    alice, bob = network_on_host(), network_on_host()

    async def greet(stream):
        await stream.send(b"hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, greet)
        stream = await alice.connect(("127.0.0.1", bob.stream_port))
        assert await receive_all(stream, 100) == b"hello"
        stream.abort()
        nursery.cancel_scope.cancel()


async def test_a_peer_that_leaves_in_the_middle_does_not_end_listening(network_on_host, until):
    alice, bob = network_on_host(), network_on_host()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, echo)
        first = await alice.connect(("127.0.0.1", bob.stream_port))
        await first.send(b"x")
        first.abort()
        await until(lambda: bob.statistics.streams_accepted == 1)

        second = await alice.connect(("127.0.0.1", bob.stream_port))
        await second.send(b"hello")
        assert await second.receive() == b"hello"
        second.abort()
        nursery.cancel_scope.cancel()


async def test_listening_survives_a_want_of_files(network_on_host, until):
    alice, bob = network_on_host(), network_on_host()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, echo)
        with socket.socket() as caller:
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
            try:
                caller.connect(("127.0.0.1", bob.stream_port))
                await until(lambda: bob.statistics.accept_errors >= 2)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)

        stream = await alice.connect(("127.0.0.1", bob.stream_port))
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        stream.abort()
        nursery.cancel_scope.cancel()


async def test_closing_a_network_ends_its_listening_and_breaks_its_streams(network_on_host):
    alice, bob = network_on_host(), network_on_host()

    async def wait_for_the_end(stream):
        with pytest.raises(NetworkError):
            await stream.receive()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bob.listen, wait_for_the_end)
            stream = await alice.connect(("127.0.0.1", bob.stream_port))
            await trio.testing.wait_all_tasks_blocked()
            await bob.aclose()
        with pytest.raises(NetworkError):
            await stream.receive()

    with pytest.raises(NetworkError, match="the network was closed"):
        await bob.connect(("127.0.0.1", alice.stream_port))
    with pytest.raises(NetworkError, match="Connection refused"):
        await alice.connect(("127.0.0.1", bob.stream_port))


def test_an_aborted_connection_is_reset_and_what_it_had_not_sent_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as reader:
        writer, _ = server.accept()
        writer.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                writer.send(b"x" * 65536)

        abort_socket(writer)

        with pytest.raises(ConnectionResetError):
            list(iter(lambda: reader.recv(65536), b""))


async def test_a_host_is_resolved_to_numeric_addresses():
    assert await resolve("127.0.0.1", 47474) == [("127.0.0.1", 47474)]
    assert ("127.0.0.1", 1) in await resolve("localhost", 1)
    with pytest.raises(NetworkError, match="has no IPv4 address"):
        await resolve("x" * 300, 1)


def test_a_network_can_be_opened_and_closed_outside_any_loop(network_on_host: Callable[[], object]):
    network = network_on_host()

    network.close()
    network.close()
