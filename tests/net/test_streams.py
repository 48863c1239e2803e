"""Streams over real sockets: strangers, crowds, silence.  For any network: test_transport_suite."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket

import pytest
import trio
import trio.testing
from conversations import echo, refusing

from gossamer.errors import NetworkError, Refused
from gossamer.net.certificates import new_identity
from gossamer.net.stream_sockets import HALF_OPEN_LOOPBACK_MAX
from gossamer.net.streams import abort_socket, resolve
from gossamer.options import Options
from gossamer.wire.secret import host_keys


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


async def test_the_port_of_the_group_is_also_that_of_streams_for_one_peer_and_the_others_take_any(
    network_on_host, group_port
):
    first, second = network_on_host(), network_on_host()

    assert first.stream_port == group_port
    assert second.stream_port not in (0, group_port)


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
