"""Datagrams over real sockets: interfaces that go, ports that are held.  For any network: test_transport_suite."""

from __future__ import annotations

import logging
import socket
import sys
from dataclasses import replace

import pytest
from conversations import listening

from gossamer.net.echoes import drop_own
from gossamer.net.interfaces import list_interfaces, loopback_interfaces
from gossamer.net.multicast import (
    join_group,
    multicast_works,
    name_sending_interface,
    open_group_socket,
    open_own_socket,
)


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


only_where_kernels_filter = pytest.mark.skipif(sys.platform != "linux", reason="only Linux filters for us")


@only_where_kernels_filter
async def test_the_kernel_keeps_our_own_multicasts_from_us_and_they_are_no_losses(network_on_host, inbox):
    alice, bob = network_on_host(), network_on_host()
    async with listening(alice, inbox) as at_alice, listening(bob, inbox) as at_bob:
        for n in range(5):
            alice.multicast(b"from alice %d" % n)
        await at_bob.until_has(b"from alice 4")
        bob.multicast(b"from bob")
        await at_alice.until_has(b"from bob")

        assert at_alice.received == [(b"from bob", bob.unicast_addresses[0], True)]
        for network, sent in (alice, 5), (bob, 1):
            assert network._datagrams._came_back == 0
            assert (network.statistics.own_datagrams_heard, network.statistics.kernel_drops) == (sent, 0)

        assert alice.use([])
        assert alice.use(loopback_interfaces(list_interfaces()))
        alice.multicast(b"again")
        await at_bob.until_has(b"again")
        assert alice._datagrams._came_back == 0
        assert (alice.statistics.own_datagrams_heard, alice.statistics.kernel_drops) == (6, 0)


@only_where_kernels_filter
def test_another_peer_with_our_port_at_another_address_is_heard():
    with open_group_socket("239.71.83.77", 0) as listener, open_own_socket("127.0.0.2", 0) as other:
        loopback = loopback_interfaces(list_interfaces())[0]
        join_group(listener, "239.71.83.77", loopback)
        name_sending_interface(other, loopback)
        address, port = other.getsockname()
        to = ("239.71.83.77", listener.getsockname()[1])
        assert drop_own(listener, [("127.0.0.1", port), ("127.0.0.9", port)])
        other.sendto(b"heard", to)
        assert drop_own(listener, [("127.0.0.1", port), (address, port)])
        other.sendto(b"unheard", to)
        assert drop_own(listener, [(address, port + 1)])
        other.sendto(b"heard too", to)

        assert [listener.recv(64), listener.recv(64)] == [b"heard", b"heard too"]


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
