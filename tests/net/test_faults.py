"""A network with faults on purpose: what is lost, what is cut, and that healing is whole."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.lowlevel

from gossamer.errors import NetworkError
from gossamer.net.faults import FaultyNetwork


@pytest.fixture
def faulty(network_on_host):
    return lambda identity, **named: FaultyNetwork(network_on_host(identity=identity), **({"seed": 1} | named))


async def echo(stream):
    while received := await stream.receive():
        await stream.send(received)


async def survivors(sender, receiver, inbox, count=2000):
    """Send `count` datagrams, one at a time so that only the fault can lose them, and return how many arrive."""
    heard = inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver.receive, heard)
        received, sent = receiver.statistics.datagrams_received, sender.statistics.datagrams_sent
        for number in range(count):
            sender.unicast(b"%d" % number, receiver.unicast_addresses[0])
            if number % 50 == 49:
                await trio.lowlevel.checkpoint()
        with trio.fail_after(5):
            arriving = sender.statistics.datagrams_sent - sent
            while receiver.statistics.datagrams_received - received < arriving:  # noqa: ASYNC110
                await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    return len(heard.received)


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.5, 1.0])
async def test_between_two_networks_of_one_loss_that_share_of_datagrams_is_lost(faulty, identities, inbox, loss):
    alice, bob = faulty(identities[0], loss=loss), faulty(identities[1], seed=2, loss=loss)

    arrived = await survivors(alice, bob, inbox)

    assert abs(arrived / 2000 - (1 - loss)) < 0.05
    assert alice.datagrams_dropped + bob.datagrams_dropped == 2000 - arrived


async def test_loss_follows_the_seed_and_can_be_changed_while_running(faulty, identities, inbox):
    first, again, bob = faulty(identities[0], loss=0.5), faulty(identities[1], loss=0.5), faulty(identities[2])
    lost = [await survivors(each, bob, inbox, 300) for each in (first, again)]
    assert lost[0] == lost[1]

    first.loss = 0
    assert await survivors(first, bob, inbox, 300) == 300


@pytest.mark.parametrize("loss", [-0.1, 1.1])
def test_a_loss_that_is_no_share_is_an_error(faulty, identities, loss):
    with pytest.raises(ValueError, match="give a number from 0 to 1"):
        faulty(identities[0], loss=loss)


async def test_what_is_lost_looks_sent_to_the_sender(faulty, identities):
    network = faulty(identities[0], loss=1.0)

    assert network.multicast(b"x") is True
    assert network.unicast(b"x", ("127.0.0.1", 9)) is True
    assert network.statistics.datagrams_sent == 0


async def test_across_a_cut_no_datagram_arrives_and_after_healing_all_do(faulty, identities, inbox):
    alice, bob, carol = (faulty(identity) for identity in identities[:3])
    at_alice, at_carol = inbox(), inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.receive, at_alice)
        nursery.start_soon(carol.receive, at_carol)
        alice.cut([identities[1].peer_id], bob.unicast_addresses)

        bob.multicast(b"cut multicast")
        bob.unicast(b"cut unicast", alice.unicast_addresses[0])
        assert alice.unicast(b"nor back", bob.unicast_addresses[0]) is True
        carol.multicast(b"from carol")
        await at_alice.until_has(b"from carol")
        await at_carol.until_has(b"cut multicast")
        assert at_alice.datagrams == [b"from carol"]

        alice.heal()
        bob.multicast(b"healed")
        await at_alice.until_has(b"healed")
        nursery.cancel_scope.cancel()


async def test_a_cut_breaks_open_streams_at_both_ends_and_opens_none_in_either_direction(faulty, identities):
    alice, bob, carol = (faulty(identity) for identity in identities[:3])
    to_bob, to_alice = ("127.0.0.1", bob.stream_port), ("127.0.0.1", alice.stream_port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, echo)
        nursery.start_soon(alice.listen, echo)
        stream = await alice.connect(to_bob)
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"

        threading.Thread(target=bob.cut, args=([identities[0].peer_id],)).start()
        with trio.fail_after(5), pytest.raises(NetworkError):
            await stream.receive()
        with pytest.raises(NetworkError, match="cut off on purpose"):
            await bob.connect(to_alice)
        with trio.fail_after(5), pytest.raises(NetworkError):
            await (await alice.connect(to_bob)).receive()
        for bystander in await carol.connect(to_bob), await carol.connect(to_alice):
            await bystander.send(b"untouched")
            assert await bystander.receive() == b"untouched"
            bystander.abort()

        bob.heal()
        healed = await alice.connect(to_bob)
        await healed.send(b"healed")
        assert await healed.receive() == b"healed"
        await healed.aclose()
        nursery.cancel_scope.cancel()


async def test_an_address_that_is_cut_off_is_not_connected_to(faulty, identities):
    alice, bob = faulty(identities[0]), faulty(identities[1])
    alice.cut(addresses=[("127.0.0.1", bob.stream_port)])

    with pytest.raises(NetworkError, match="cut off on purpose"):
        await alice.connect(("127.0.0.1", bob.stream_port))


def test_cutting_and_healing_needs_no_loop(faulty, identities):
    network = faulty(identities[0])

    network.cut([b"x" * 16], [("127.0.0.1", 1)])
    network.cut([b"y" * 16])
    network.heal()
    network.close()
