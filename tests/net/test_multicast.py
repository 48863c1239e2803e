"""Datagrams between the peers of a host, over real sockets; the same laws hold over a wrapped network."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import trio
import trio.testing

from gossamer.net.faults import FaultyNetwork
from gossamer.net.interfaces import list_interfaces, loopback_interfaces
from gossamer.net.multicast import multicast_works
from gossamer.net.sockets import SocketNetwork
from gossamer.net.transport import Network

OpenNetwork = Callable[[], Network]


@pytest.fixture(params=["real", "wrapped"])
def open_peer(request: pytest.FixtureRequest, network_on_host: Callable[[], SocketNetwork]) -> OpenNetwork:
    if request.param == "real":
        return network_on_host
    return lambda: FaultyNetwork(network_on_host(), seed=1)


@contextlib.asynccontextmanager
async def listening(network: Network, inbox: Callable[[], object]) -> AsyncIterator[object]:
    heard = inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(network.receive, heard)
        yield heard
        nursery.cancel_scope.cancel()


async def test_a_multicast_reaches_every_other_peer_of_the_host_and_not_its_sender(open_peer, inbox, until):
    alice, bob, carol = open_peer(), open_peer(), open_peer()
    async with (
        listening(alice, inbox) as at_alice,
        listening(bob, inbox) as at_bob,
        listening(carol, inbox) as at_carol,
    ):
        assert alice.multicast(b"hello")

        for heard in at_bob, at_carol:
            await heard.until_has(b"hello")
            assert heard.received == [(b"hello", alice.unicast_addresses[0], True)]
        await until(lambda: alice.statistics.own_datagrams_heard == 1)
        assert at_alice.received == []


async def test_whoever_heard_a_multicast_can_answer_its_sender_alone(open_peer, inbox):
    alice, bob, carol = open_peer(), open_peer(), open_peer()
    async with (
        listening(alice, inbox) as at_alice,
        listening(bob, inbox) as at_bob,
        listening(carol, inbox) as at_carol,
    ):
        alice.multicast(b"hello")
        await at_bob.until_has(b"hello")
        _, source, _ = at_bob.received[0]

        assert bob.unicast(b"answer", source)
        await at_alice.until_has(b"answer")
        bob.multicast(b"end")
        await at_carol.until_has(b"end")

        assert at_alice.received[0] == (b"answer", bob.unicast_addresses[0], False)
        assert b"answer" not in at_carol.datagrams


async def test_datagrams_can_be_sent_from_any_thread(open_peer, inbox):
    alice, bob = open_peer(), open_peer()
    sent = [b"%d" % number for number in range(200)]

    def send(part: list[bytes]) -> None:
        for datagram in part:
            alice.multicast(datagram)

    threads = [threading.Thread(target=send, args=(sent[start::4],)) for start in range(4)]
    async with listening(bob, inbox) as at_bob:
        for thread in threads:
            thread.start()
        assert len(await at_bob.until_has(*sent)) == len(sent)
    for thread in threads:
        thread.join()
    assert alice.statistics.datagrams_sent == len(sent)


async def test_a_burst_longer_than_one_wake_up_arrives_whole_and_in_order(open_peer, inbox):
    alice, bob = open_peer(), open_peer()
    burst = [b"%d" % number for number in range(300)]
    for datagram in burst:
        alice.unicast(datagram, bob.unicast_addresses[0])

    async with listening(bob, inbox) as at_bob:
        assert await at_bob.until(lambda have: len(have) == len(burst)) == burst
    assert bob.statistics.datagrams_received == len(burst)
    assert bob.statistics.datagram_bytes_received == sum(map(len, burst))


@pytest.mark.parametrize(
    "to",
    [
        ("no such host", 1),
        ("gossamer.invalid", 9),
        ("127.0.0.1", 70000),
        ("127.0.0.1", 0),
        ("300.1.1.1", 9),
        ("ü" * 99, 9),
    ],
)
async def test_a_datagram_to_nowhere_is_not_sent_and_counted(open_peer, to):
    network = open_peer()

    assert network.unicast(b"x", to) is False
    assert network.statistics.send_errors == 1


async def test_a_datagram_too_long_for_udp_is_not_sent_and_counted(open_peer):
    network = open_peer()

    assert network.multicast(b"x" * 70_000) is False
    assert network.statistics.send_errors == 1


async def test_a_closed_network_sends_nothing_and_its_receiver_ends(open_peer, inbox):
    alice, bob = open_peer(), open_peer()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alice.receive, inbox())
            await trio.testing.wait_all_tasks_blocked()
            await alice.aclose()

    assert alice.multicast(b"x") is False
    assert alice.unicast(b"x", bob.unicast_addresses[0]) is False
    assert not alice.has_multicast
    alice.close()


async def test_meshes_on_another_port_are_not_heard(network_on_host, group_port, inbox):
    alice, bob, stranger = network_on_host(), network_on_host(), network_on_host(port=group_port - 1)
    async with listening(bob, inbox) as at_bob:
        stranger.multicast(b"not for you")
        alice.multicast(b"for you")
        await at_bob.until_has(b"for you")

        assert at_bob.datagrams == [b"for you"]


async def test_a_receiver_outlives_its_interface_and_hears_again_when_it_is_back(network_on_host, inbox):
    alice, bob = network_on_host(), network_on_host()
    loopback = loopback_interfaces(list_interfaces())
    async with listening(bob, inbox) as at_bob:
        alice.multicast(b"before")
        await at_bob.until_has(b"before")

        assert bob.use([])
        assert not bob.has_multicast
        assert bob.multicast(b"to nobody") is False
        alice.multicast(b"unheard")

        assert bob.use(loopback)
        assert bob.has_multicast
        alice.multicast(b"after")
        assert b"unheard" not in await at_bob.until_has(b"after")


async def test_nothing_changes_when_nothing_has_changed(network_on_host):
    network = network_on_host()

    assert await network.refresh() is False
    assert network.statistics.reopened == 0


async def test_a_port_held_by_a_program_that_does_not_share_costs_multicast_until_it_is_freed(
    network_on_host, group_port, inbox, caplog
):
    caplog.set_level(logging.INFO, "gossamer.net")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as selfish:
        selfish.bind(("", group_port))
        alice, bob = network_on_host(), network_on_host()
        assert not alice.has_multicast
        assert await alice.refresh() is False
        async with listening(alice, inbox) as at_alice:
            assert bob.unicast(b"still reached", alice.unicast_addresses[0])
            await at_alice.until_has(b"still reached")
        assert [record.message for record in caplog.records] == [
            "no multicast is heard on lo (127.0.0.1): another program holds the port without sharing it; "
            "going on with streams, trying again"
        ] * 2

    async with listening(alice, inbox) as at_alice:
        assert await alice.refresh() is True
        assert alice.has_multicast
        bob.multicast(b"heard again")
        await at_alice.until_has(b"heard again")


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux counts them for each socket")
async def test_datagrams_that_the_kernel_dropped_are_counted(network_on_host):
    alice, bob = network_on_host(), network_on_host()
    datagram = b"x" * 1200
    while bob.statistics.kernel_drops == 0 and alice.statistics.datagrams_sent < 50_000:
        for _ in range(500):
            alice.unicast(datagram, bob.unicast_addresses[0])

    assert bob.statistics.kernel_drops > 0


def test_multicast_works_on_the_loopback_of_this_host():
    result = multicast_works(loopback_interfaces(list_interfaces())[0])

    assert result.works
    assert "came back" in result.reason


def test_why_multicast_does_not_work_is_said_in_words():
    gone = replace(loopback_interfaces(list_interfaces())[0], name="eth9", index=9999)

    result = multicast_works(gone)

    assert not result.works
    assert result.reason.startswith("eth9 (127.0.0.1): ")
