"""The driver on real sockets of the loopback: what it sends from where, what it refuses, and how it ends."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from contextlib import asynccontextmanager

import pytest
import trio
import trio.lowlevel

from gossamer.net.clocks import Clock, wall_ms
from gossamer.net.driver import FOREIGN_MAX, Driver
from gossamer.net.faults import FaultyNetwork
from gossamer.options import Options
from gossamer.protocol.effects import Forked, Joined, Left
from gossamer.protocol.ledger import Unobserved
from gossamer.protocol.replica import Identity, Replica
from gossamer.wire.framing import body
from gossamer.wire.sealing import Sealer
from gossamer.wire.secret import host_keys

OPTIONS = Options(beacon_interval_s=0.1, settle_s=0.05, probe_timeout_s=0.1, suspicion_s=0.3)
KEYS = host_keys(b"\x01" * 32, "test")
OTHER_KEYS = host_keys(b"\x02" * 32, "test")


class Recorded:
    """A network that remembers what was multicast through it, and by which thread."""

    def __init__(self, network):
        self._network = network
        self.sent: list[tuple[bytes, threading.Thread]] = []

    def __getattr__(self, name):
        return getattr(self._network, name)

    def multicast(self, datagram):
        self.sent.append((datagram, threading.current_thread()))
        return self._network.multicast(datagram)


class Peer:
    """A replica, its driver, and what it was told."""

    def __init__(self, network, identity, name):
        self.boot = os.urandom(12)
        self.network = Recorded(network)
        self.notices = []
        me = Identity(identity.peer_id, self.boot, name, network.stream_port, network.unicast_port)
        self.replica = Replica(
            me,
            OPTIONS,
            random.Random(name),
            lock=threading.Lock(),
            observer=Unobserved(),
            now=time.monotonic(),
            multicast=network.has_multicast,
        )
        self.sealer = Sealer([KEYS], self.boot, os.urandom)
        self.driver = Driver(
            self.replica, self.network, self.sealer, OPTIONS, self.notices.append, lambda: None, lambda: None, Clock()
        )

    def write(self, key, value):
        if self.replica.ledger.write(key, value, wall_ms()):
            self.driver.wrote()

    @property
    def shown(self):
        return {key: held.value for key, held in list(self.replica.ledger.state.live.items())}

    def joined(self):
        return [notice.boot for notice in self.notices if isinstance(notice, Joined)]

    def unicast_address(self):
        return "127.0.0.1", self.network.unicast_port


@pytest.fixture
def live(network_on_host, identities):
    """Run a peer on the loopback while the block lasts."""
    made = []

    @asynccontextmanager
    async def live(wrap=lambda network: network):
        peer = Peer(wrap(network_on_host()), identities[len(made)], f"peer {len(made)}")
        made.append(peer)
        async with trio.open_nursery() as nursery:
            await nursery.start(peer.driver.run)
            yield peer
            nursery.cancel_scope.cancel()

    return live


@pytest.fixture
def two(live, until):
    """Two peers that have met, and whose multicast reaches each other."""

    @asynccontextmanager
    async def two():
        async with live() as one, live() as other:
            await until(lambda: one.joined() and other.joined())
            await until(lambda: one.driver._direct and other.driver._direct)
            await until(lambda: not one.replica.ledger.attended and not other.replica.ledger.attended)
            yield one, other

    return two


async def test_an_idle_peer_sends_from_the_thread_that_writes(two, until):
    async with two() as (one, other):
        await trio.lowlevel.checkpoint()  # the loop is idle now
        before = len(one.network.sent)
        await trio.to_thread.run_sync(one.write, "x", b"\x01")
        by_others = [thread for _, thread in one.network.sent[before:] if thread is not threading.current_thread()]
        await until(lambda: other.shown == {"x": b"\x01"})

        assert len(by_others) == 1


async def test_a_burst_wakes_the_loop_at_most_a_few_times_and_loses_nothing(two, until):
    async with two() as (one, other):
        wakes = []
        call_soon = one.driver.call_soon
        one.driver.call_soon = lambda fn: (wakes.append(fn), call_soon(fn))

        def burst():
            for number in range(20_000):
                one.write(number % 500, b"%d" % number)

        await trio.to_thread.run_sync(burst)
        await until(lambda: other.shown == one.shown)
        await until(lambda: one.replica.ledger.outbox.idle)  # by streams, some of it may have gone

        assert len(wakes) <= 20
        assert one.shown[499] == b"19999"


async def test_writes_at_every_moment_of_the_loops_round_are_sent(two, until):
    async with two() as (one, other):
        for number in range(200):
            one.write("x", b"%d" % number)
            await trio.sleep(random.uniform(0, 0.002))
        await until(lambda: other.shown == {"x": b"199"}, within_s=1)


async def test_a_write_between_the_loops_look_and_its_flag_is_not_forgotten(two):
    async with two() as (one, _):
        flush = one.replica.flush

        def flush_and_lose_the_race(now):
            flush(now)
            one.write("x", b"\x01")  # as another thread would: it finds that the loop is looking, and wakes nobody

        one.replica.ledger.attended, one.driver._written = True, one.replica.ledger.writes
        one.replica.flush = flush_and_lose_the_race
        one.driver._send(time.monotonic())
        one.replica.flush = flush

        assert one.replica.ledger.attended
        assert one.driver._send(time.monotonic()) < time.monotonic() + 0.1


async def test_what_was_written_alone_reaches_who_comes_later(live, until):
    async with live() as one:
        for number in range(3000):
            one.write(number, b"\x01")
        async with live() as other:
            await until(lambda: len(other.shown) == 3000)


async def test_datagrams_that_are_not_of_our_mesh_are_counted_by_cause_and_change_nothing(two, until, caplog):
    async with two() as (one, other):
        sender = Sealer([KEYS], os.urandom(12), os.urandom)
        honest = sender.seal(body([]))
        foreign = Sealer([OTHER_KEYS], os.urandom(12), os.urandom).seal(body([b"x"]))
        hostile = {
            "not gossamer": b"GET / HTTP/1.1\r\n",
            "foreign mesh": foreign,
            "forged": honest[:-1] + bytes([honest[-1] ^ 1]),
            "malformed": sender.seal(b"\xff\xff garbage"),
        }
        with caplog.at_level(logging.INFO, "gossamer"), socket.socket(type=socket.SOCK_DGRAM) as stranger:
            for datagram in [*hostile.values(), honest, honest, foreign]:
                stranger.sendto(datagram, one.unicast_address())
            await until(lambda: one.driver.refused["foreign mesh"] == 2)

        expected = dict.fromkeys(hostile, 1) | {"foreign mesh": 2, "replayed or doubled": 1}
        assert {cause: one.driver.refused[cause] for cause in expected} == expected
        assert list(one.driver.foreign.values()) == [2]
        assert caplog.text.count("same name and secret") == 1
        one.write("x", b"\x01")
        await until(lambda: other.shown == {"x": b"\x01"})


async def test_a_flood_of_foreign_meshes_costs_a_bounded_table_and_log(two, caplog):
    async with two() as (one, _):
        with caplog.at_level(logging.INFO, "gossamer"):
            for number in range(FOREIGN_MAX + 50):
                keys = host_keys(number.to_bytes(32, "big"), "test")
                datagram = Sealer([keys], os.urandom(12), os.urandom).seal(b"x")
                one.driver._on_datagram(datagram, ("127.0.0.1", 1), True)

        assert len(one.driver.foreign) == FOREIGN_MAX
        assert caplog.text.count("same name and secret") == FOREIGN_MAX


async def test_our_own_boot_from_elsewhere_means_that_this_machine_was_cloned(two, until):
    async with two() as (one, other):
        one.write("x", b"\x01")
        origin = one.replica.ledger.origin
        clone = Sealer([KEYS], one.boot, os.urandom)
        for _ in range(one.sealer.packets_sealed + 5):
            datagram = clone.seal(body([]))
        one.driver._on_datagram(datagram, ("127.0.0.1", 1), True)
        one.driver.perform()

        assert any(isinstance(notice, Forked) and notice.ours for notice in one.notices)
        assert one.replica.ledger.origin != origin
        await until(lambda: other.shown == one.shown == {"x": b"\x01"})


async def test_an_address_where_a_stranger_answers_is_told_of_once(live, until, caplog):
    from gossamer.net.certificates import new_identity
    from gossamer.net.sockets import open_network

    stranger = open_network(identity=new_identity(OTHER_KEYS), host_only=True, port=1)

    async def ignore(stream):
        pass

    try:
        async with live() as one, trio.open_nursery() as nursery:
            nursery.start_soon(stranger.listen, ignore)
            with caplog.at_level(logging.WARNING, "gossamer"):
                for _ in range(3):
                    failures = one.network.statistics.connect_errors
                    nursery.start_soon(one.driver.links.connect, ("127.0.0.1", stranger.stream_port))
                    await until(lambda before=failures: one.network.statistics.connect_errors > before)
            nursery.cancel_scope.cancel()
    finally:
        stranger.close()

    outgoing = [record for record in caplog.records if "no stream to" in record.getMessage()]
    assert len(outgoing) == 1
    assert "secret" in outgoing[0].getMessage()


async def test_an_address_where_nobody_is_costs_nothing_but_an_attempt(live, until):
    async with live() as one:
        one.replica.hint(("127.0.0.1", 1), time.monotonic(), static=True)
        one.driver.perform()
        await until(lambda: one.network.statistics.connect_errors == 1)

        assert one.driver.links.calls == 0


async def test_garbage_on_a_stream_ends_that_stream_alone(two, until, caplog):
    async with two() as (one, other):
        stream = await other.network.connect(("127.0.0.1", one.network.stream_port))
        await stream.send(b"\x00\x00\x00\x05hello")
        with trio.fail_after(5):
            while await more(stream):
                pass
        stream.abort()
        assert one.driver.refused["malformed on a stream"] == 1
        one.write("x", b"\x01")
        await until(lambda: other.shown == {"x": b"\x01"})


async def more(stream):
    """Read on; nothing at the end, however it came."""
    from gossamer.errors import NetworkError

    try:
        return await stream.receive()
    except NetworkError:
        return b""


async def test_a_large_join_goes_by_stream_while_timers_keep_running(live, until):
    turns = 0

    async def take_turns(other):
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += other.replica.ledger.joining is not None

    async with live() as one:

        def write():
            for number in range(30_000):
                one.write(f"key {number}", b"\x18\x2a")

        await trio.to_thread.run_sync(write)
        async with live() as other, trio.open_nursery() as nursery:
            nursery.start_soon(take_turns, other)
            await until(lambda: len(other.shown) == 30_000, within_s=20)
            nursery.cancel_scope.cancel()

            assert other.replica.exchanges.joined_deltas >= 1
            assert turns > 50  # in which timers could have run


async def test_closing_waits_until_a_peer_has_confirmed_and_says_goodbye(two, until):
    async with two() as (one, other):
        for number in range(5000):
            one.write("x", b"%d" % number)
        started = time.monotonic()
        assert await one.driver.close(linger_s=5)

        assert time.monotonic() - started < 1
        assert other.shown == {"x": b"4999"}
        await until(lambda: any(isinstance(notice, Left) for notice in other.notices), within_s=0.5)


async def test_closing_alone_waits_for_nobody(live):
    async with live() as one:
        one.write("x", b"\x01")
        started = time.monotonic()

        assert await one.driver.close(linger_s=5)
        assert time.monotonic() - started < 0.2


async def test_closing_gives_up_after_its_time_if_nobody_confirms(live, until):
    faulty = []

    def wrap(network):
        faulty.append(FaultyNetwork(network, seed=1))
        return faulty[0]

    async with live(wrap) as one, live() as other:
        await until(lambda: one.joined() and other.joined())
        faulty[0].loss = 1.0
        faulty[0].cut(peers=[other.replica.identity.peer])
        one.write("x", b"\x01")
        started = time.monotonic()

        assert not await one.driver.close(linger_s=0.2)
        assert 0.2 <= time.monotonic() - started < 0.6


def test_a_write_after_the_loop_has_ended_harms_nobody(network_on_host, identities):
    peer = Peer(network_on_host(), identities[0], "late")

    async def live_a_moment():
        async with trio.open_nursery() as nursery:
            await nursery.start(peer.driver.run)
            nursery.cancel_scope.cancel()

    trio.run(live_a_moment)
    peer.replica.ledger.attended = False
    peer.write("x", b"\x01")
    peer.driver.call_soon(lambda: 1 / 0)

    assert peer.shown == {"x": b"\x01"}


async def test_what_fails_inside_comes_out_of_run(network_on_host, identities):
    peer = Peer(network_on_host(), identities[0], "broken")

    def fail(*args):
        raise ZeroDivisionError

    peer.replica.tick = fail
    with pytest.RaisesGroup(ZeroDivisionError):
        await peer.driver.run()


async def test_following_a_network_that_changed_says_hello_again(live, until, monkeypatch):
    monkeypatch.setattr("gossamer.net.driver.REFRESH_S", 0.01)
    answers = iter([False, True])

    class Changing(Recorded):
        async def refresh(self):
            await trio.lowlevel.checkpoint()
            return next(answers, False)

    async with live(Changing) as one:
        before = one.replica.started_at
        await until(lambda: one.replica.started_at > before)
