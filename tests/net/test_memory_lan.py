"""What a LAN in memory can do to datagrams and streams, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from conversations import listening, pair, stream_address

from gossamer.errors import NetworkError
from gossamer.net.certificates import Identity
from gossamer.options import Options
from gossamer.simulation import NoSuchFault
from gossamer.simulation.memory_lan import LoopClock, MemoryLan
from gossamer.simulation.memory_transport import MemoryNetwork

HostOn = Callable[..., MemoryNetwork]


@pytest.fixture
def lan() -> MemoryLan:
    return MemoryLan(seed=1, clock=LoopClock().clock())


@pytest.fixture
def host(lan: MemoryLan, identities: list[Identity]) -> HostOn:
    def open_one(**options: float) -> MemoryNetwork:
        return lan.open_network(identity=identities[len(lan.networks)], options=Options(**options))

    return open_one


async def arrivals(lan: MemoryLan, alice: MemoryNetwork, bob: MemoryNetwork, count: int) -> list[tuple[int, float]]:
    """Send numbered datagrams at once; return which came, and when."""
    came: list[tuple[int, float]] = []
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.receive, lambda data, *_: came.append((int(data), trio.current_time() - began)))
        for number in range(count):
            alice.multicast(b"%d" % number)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    return came


async def test_a_share_of_datagrams_is_lost(lan, host, autojump_clock):
    lan.weather(loss=0.3)

    assert 620 < len(await arrivals(lan, host(), host(), 1000)) < 780


async def test_a_share_of_datagrams_comes_twice(lan, host, autojump_clock):
    lan.weather(doubling=0.5)

    assert 1420 < len(await arrivals(lan, host(), host(), 1000)) < 1580


async def test_datagrams_take_their_time_and_are_late_out_of_order(lan, host, autojump_clock):
    alice, bob = host(), host()
    lan.weather(delay_s=(0.1, 0.1))
    assert [number for number, _ in await arrivals(lan, alice, bob, 100)] == list(range(100))

    lan.weather(disorder=0.5, held_up_s=0.2)
    came = await arrivals(lan, alice, bob, 100)

    assert [number for number, _ in came] != sorted(number for number, _ in came)
    assert all(0.099 < after_s < 0.301 for _, after_s in came)
    assert len(came) == 100


async def test_what_chance_decides_follows_from_the_seed(identities, autojump_clock):
    async def fate(seed: int) -> list[int]:
        lan = MemoryLan(seed, LoopClock().clock())
        lan.weather(loss=0.5)
        alice, bob = (lan.open_network(identity=identity) for identity in identities[:2])
        return [number for number, _ in await arrivals(lan, alice, bob, 100)]

    assert await fate(1) == await fate(1)
    assert await fate(1) != await fate(2)


async def test_a_cut_is_one_way_and_a_split_is_both(lan, host, inbox, autojump_clock):
    alice, bob = host(), host()
    async with listening(alice, inbox) as at_alice, listening(bob, inbox) as at_bob:
        lan.cut(alice.host, bob.host)
        alice.multicast(b"unheard")
        bob.multicast(b"heard")
        await at_alice.until_has(b"heard")

        lan.heal()
        lan.partition([alice.host])
        alice.multicast(b"split")
        bob.multicast(b"split")
        await trio.sleep(1)
        lan.heal()
        alice.multicast(b"whole")
        await at_bob.until_has(b"whole")

    assert at_bob.datagrams == [b"whole"]
    assert at_alice.datagrams == [b"heard"]


async def test_a_stream_behind_a_cut_stands_still_and_goes_on(lan, host, autojump_clock):
    alice, bob = host(), host()
    async with pair(alice, bob) as (at_alice, at_bob):
        lan.partition([alice.host])
        await at_alice.send(b"patience")
        with trio.move_on_after(5) as waiting:
            await at_bob.receive()
        assert waiting.cancelled_caught

        lan.heal()

        assert await at_bob.receive() == b"patience"


async def test_a_stream_behind_a_cut_is_given_up_in_time(lan, host, autojump_clock):
    alice, bob = host(stream_idle_s=7), host()
    async with pair(alice, bob) as (at_alice, _):
        lan.partition([alice.host])
        began = trio.current_time()
        with pytest.raises(NetworkError, match="silent for too long"):
            await at_alice.receive()

        assert trio.current_time() - began == pytest.approx(7, abs=0.1)


async def test_who_calls_across_a_cut_gets_through_if_it_heals_in_time(lan, host, autojump_clock):
    alice, bob = host(handshake_timeout_s=5), host(handshake_timeout_s=5)
    lan.partition([alice.host])
    with pytest.raises(NetworkError, match="silent for too long"):
        await alice.connect(stream_address(bob))

    async with trio.open_nursery() as nursery:

        async def heal_soon() -> None:
            await trio.sleep(3)
            lan.heal()

        nursery.start_soon(heal_soon)
        async with pair(alice, bob) as (at_alice, _):
            assert at_alice.address == stream_address(bob)


async def test_a_lan_without_multicast_carries_the_rest(lan, host, inbox, autojump_clock):
    alice, bob = host(), host()
    lan.weather(multicast=False)
    async with listening(bob, inbox) as at_bob:
        alice.multicast(b"unheard")
        alice.unicast(b"heard", bob.unicast_address)
        await at_bob.until_has(b"heard")

    assert at_bob.datagrams == [b"heard"]


async def test_a_datagram_over_the_mtu_never_arrives(lan, host, inbox, autojump_clock):
    alice, bob = host(), host()
    async with listening(bob, inbox) as at_bob:
        alice.multicast(b"x" * 1473)
        alice.multicast(b"x" * 1472)
        await at_bob.until(lambda have: bool(have))

    assert [len(datagram) for datagram in at_bob.datagrams] == [1472]


def test_a_fault_that_memory_does_not_have_is_refused_and_nothing_is_turned():
    lan = MemoryLan()

    with pytest.raises(NoSuchFault, match="networks in memory have no bandwidth_bits_per_s"):
        lan.weather(bandwidth_bits_per_s=1e6, multicast=False)
    with pytest.raises(ValueError, match="loss=2 is no share"):
        lan.weather(loss=2, multicast=False)

    assert lan.multicasts
