"""What every network must do, real, wrapped or in memory: one suite, so that the fake is a verified one."""

from __future__ import annotations

import os
import threading

import pytest
import trio
import trio.testing
from conversations import echo, listening, pair, receive_all, refusing, stream_address

from gossamer.errors import NetworkError, Refused
from gossamer.net.certificates import new_identity
from gossamer.net.faults import FaultyNetwork
from gossamer.options import Options
from gossamer.wire.secret import host_keys

IMPATIENT = Options(handshake_timeout_s=0.2, stream_idle_s=0.2, send_timeout_s=0.2)


@pytest.fixture(params=["real", "wrapped", "in memory"])
def open_peer(request, network_on_host, network_in_memory):
    match request.param:
        case "real":
            return network_on_host
        case "wrapped":
            return lambda *args, **named: FaultyNetwork(network_on_host(*args, **named), seed=1)
        case _:
            return network_in_memory


# -- datagrams ------------------------------------------------------------------------------------


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


async def test_meshes_on_another_port_are_not_heard(open_peer, group_port, inbox):
    alice, bob, stranger = open_peer(), open_peer(), open_peer(port=group_port - 1)
    async with listening(bob, inbox) as at_bob:
        stranger.multicast(b"not for you")
        alice.multicast(b"for you")
        await at_bob.until_has(b"for you")

        assert at_bob.datagrams == [b"for you"]


# -- streams --------------------------------------------------------------------------------------


async def test_each_end_of_a_stream_knows_for_certain_who_the_other_is(open_peer, identities):
    alice, bob = open_peer(identity=identities[0]), open_peer(identity=identities[1])
    async with pair(alice, bob) as (at_alice, at_bob):
        assert at_alice.peer == identities[1].peer_id
        assert at_bob.peer == identities[0].peer_id
        assert at_alice.address == stream_address(bob)
        assert at_bob.address[0] == alice.unicast_addresses[0][0]


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
        with pytest.raises(NetworkError, match=r"receiving from peer [0-9a-f]{8} at [0-9.]+:\d+ failed"):
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


async def test_where_nobody_listens_no_stream_opens_and_the_error_says_where(open_peer):
    alice, bob = open_peer(), open_peer()
    host, _ = stream_address(bob)

    with pytest.raises(NetworkError, match=rf"no peer was reached at {host}:1: Connection refused"):
        await alice.connect((host, 1))


@pytest.mark.parametrize("to", [("127.0.0.1", 70000), ("127.0.0.1", 0), ("no.such.host.invalid", 9)])
async def test_an_address_that_is_none_is_a_network_error(open_peer, to):
    with pytest.raises(NetworkError, match="no peer was reached"):
        await open_peer().connect(to)


async def test_a_silent_peer_is_given_up_after_the_idle_time(open_peer):
    alice, bob = open_peer(options=IMPATIENT), open_peer()
    async with pair(alice, bob) as (at_alice, _):
        with pytest.raises(NetworkError, match="silent for too long"):
            await at_alice.receive()
        with pytest.raises(NetworkError):
            await at_alice.send(b"x")


async def test_a_peer_that_takes_no_bytes_is_given_up_after_the_send_time(open_peer):
    alice, bob = open_peer(options=IMPATIENT), open_peer()
    async with pair(alice, bob) as (at_alice, at_bob):
        with pytest.raises(NetworkError, match="silent for too long"):
            await at_alice.send(b"x" * 50_000_000)
        with pytest.raises(NetworkError):
            await receive_all(at_bob, 50_000_000)


async def test_a_send_that_was_cancelled_breaks_the_stream_rather_than_garbling_it(open_peer):
    alice, bob = open_peer(), open_peer()
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


async def test_a_stream_ends_when_whoever_accepted_it_returns(open_peer):
    alice, bob = open_peer(), open_peer()

    async def greet(stream):
        await stream.send(b"hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, greet)
        stream = await alice.connect(stream_address(bob))
        assert await receive_all(stream, 100) == b"hello"
        stream.abort()
        nursery.cancel_scope.cancel()


async def test_a_peer_that_leaves_in_the_middle_does_not_end_listening(open_peer, until):
    alice, bob = open_peer(), open_peer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.listen, echo)
        first = await alice.connect(stream_address(bob))
        await first.send(b"x")
        first.abort()
        await until(lambda: bob.statistics.streams_accepted == 1)

        second = await alice.connect(stream_address(bob))
        await second.send(b"hello")
        assert await second.receive() == b"hello"
        second.abort()
        nursery.cancel_scope.cancel()


async def test_closing_a_network_ends_its_listening_and_breaks_its_streams(open_peer):
    alice, bob = open_peer(), open_peer()
    address = stream_address(bob)

    async def wait_for_the_end(stream):
        with pytest.raises(NetworkError):
            await stream.receive()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bob.listen, wait_for_the_end)
            stream = await alice.connect(stream_address(bob))
            await trio.testing.wait_all_tasks_blocked()
            await bob.aclose()
        with pytest.raises(NetworkError):
            await stream.receive()

    with pytest.raises(NetworkError, match="the network was closed"):
        await bob.connect(stream_address(alice))
    with pytest.raises(NetworkError, match="Connection refused"):
        await alice.connect(address)


async def test_who_has_another_secret_gets_no_stream(open_peer, until):
    stranger = open_peer(identity=new_identity(host_keys(b"\x02" * 32, "test")))
    member = open_peer()
    async with refusing(member):
        with pytest.raises(Refused, match=r"is not of our mesh.*another secret or another mesh name"):
            await stranger.connect(stream_address(member))
        await until(lambda: member.statistics.streams_refused == 1)

    assert member.statistics.streams_accepted == 0
    assert stranger.statistics.connect_errors == 1


def test_a_network_can_be_opened_and_closed_outside_any_loop(open_peer):
    network = open_peer()

    network.close()
    network.close()
