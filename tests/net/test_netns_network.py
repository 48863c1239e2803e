"""Networks that come, go and change, in network namespaces of the tests' own.

A namespace is entered by one thread, which runs one trio loop: everything the product
does in that loop happens there, and nothing of it leaves.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable

import pytest
import trio

from gossamer.errors import ConfigurationError
from gossamer.net.interfaces import list_interfaces
from gossamer.net.multicast import multicast_works, open_own_socket
from gossamer.net.sockets import open_network

CLONE_NEWNET = 0x40000000
GROUP_PORT = 47474


def reason_not_to_run() -> str:
    if not os.path.exists("/proc/thread-self/ns/net") or not shutil.which("ip"):
        return "needs Linux with iproute2"
    return "" if os.geteuid() == 0 else "needs root, or `unshare --user --map-root-user --net`, to make namespaces"


pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(reason_not_to_run()), reason=reason_not_to_run())]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *" ".join(arguments).split()], check=True, capture_output=True, text=True)


class Namespace:
    """A thread in a fresh network namespace, with nothing in it but a loopback that is down."""

    def __init__(self) -> None:
        self.thread_id = 0
        self.failure: BaseException | None = None
        self._jobs: list[Callable[[], object]] = []
        self._ready = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self.run(lambda: None)

    def _live(self) -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            self.failure = OSError(ctypes.get_errno(), "unshare")
        self.thread_id = threading.get_native_id()
        while True:
            self._ready.acquire()
            job = self._jobs.pop()
            try:
                if job is None:
                    return
                if self.failure is None:
                    self.result = job()
            except BaseException as error:
                self.failure = error
            finally:
                self._done.release()

    def start(self, job: Callable[[], object] | None) -> None:
        self._jobs.append(job)
        self._ready.release()

    def wait(self) -> object:
        assert self._done.acquire(timeout=30), "the namespace's job hangs"
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return self.result

    def run(self, job: Callable[[], object]) -> object:
        self.start(job)
        return self.wait()

    def run_async(self, job: Callable[[], Awaitable[object]]) -> object:
        async def within_time() -> object:
            with trio.fail_after(20):
                return await job()

        return self.run(lambda: trio.run(within_time))

    def ip(self, *arguments: str) -> None:
        self.run(lambda: ip(*arguments))

    def close(self) -> None:
        self.start(None)
        self._thread.join(10)


@pytest.fixture
def namespace():
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace())
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def lan(namespace):
    """Two hosts with `eth0` on one link, 192.0.2.1 and .2, without any route beyond."""
    hosts = [namespace(), namespace()]
    hosts[0].ip("link add eth0 type veth peer name eth0 netns", str(hosts[1].thread_id))
    for number, host in enumerate(hosts, 1):
        host.ip("link set lo up")
        host.ip(f"addr add 192.0.2.{number}/24 dev eth0")
        host.ip("link set eth0 up")
    return hosts


@pytest.fixture
def open_peer(identities):
    def open_one(number: int = 0, **settings):
        return open_network(identity=identities[number], **({"host_only": False} | settings))

    return open_one


class Receiving:
    """A network that receives in the background of a `async with`."""

    def __init__(self, network, inbox):
        self.network, self.heard = network, inbox()

    async def __aenter__(self):
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self.network.receive, self.heard)
        return self.heard

    async def __aexit__(self, *raised):
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(*raised)
        self.network.close()


def names(network) -> list[str]:
    return [each.name for each in network.interfaces]


def test_with_no_network_at_all_a_peer_opens_and_joins_the_loopback_once_it_is_up(namespace, open_peer, inbox):
    host = namespace()

    async def live():
        alice, bob = open_peer(0), open_peer(1)
        async with Receiving(alice, inbox) as at_alice, Receiving(bob, inbox):
            assert not alice.has_multicast
            assert alice.unicast_addresses == []
            assert alice.multicast(b"x") is False
            assert await alice.refresh() is False

            ip("link set lo up")
            assert await alice.refresh() is True
            assert await bob.refresh() is True
            assert names(alice) == ["lo"]
            assert bob.multicast(b"hello")
            await at_alice.until_has(b"hello")

    host.run_async(live)


def test_a_mesh_of_one_host_opens_before_its_loopback_is_up(namespace, open_peer, inbox):
    host = namespace()

    async def live():
        alice, bob = open_peer(0, host_only=True), open_peer(1, host_only=True)
        async with Receiving(alice, inbox) as at_alice, Receiving(bob, inbox):
            assert not alice.has_multicast

            ip("link set lo up")
            assert await alice.refresh()
            assert await bob.refresh()
            assert bob.multicast(b"hello")
            await at_alice.until_has(b"hello")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(alice.listen, greet)
                stream = await bob.connect(("127.0.0.1", alice.stream_port))
                assert await stream.receive() == b"welcome"
                stream.abort()
                nursery.cancel_scope.cancel()

    host.run_async(live)


async def greet(stream):
    await stream.send(b"welcome")


def run_both(hosts, first, second):
    """Run a coroutine function on each host at once; each may wait for what the other sends."""

    def start(host, job):
        async def within_time():
            with trio.fail_after(20):
                await job()

        host.start(lambda: trio.run(within_time))

    start(hosts[0], first)
    start(hosts[1], second)
    failures = []
    for host in hosts:
        try:
            host.wait()
        except BaseException as error:
            failures.append(error)
    if failures:
        raise failures[0]


async def call_until_answered(network, heard, call, answer):
    """Multicast until the answer is heard: whether the other is there already, nobody knows."""
    with trio.fail_after(10):
        while answer not in heard.datagrams:
            network.multicast(call)
            with trio.move_on_after(0.05):
                await heard.until_has(answer)


async def answer_calls(network, inbox, call, answer):
    """Answer a call by unicast to where it came from, until the caller says that it is content."""
    async with Receiving(network, inbox) as heard:
        answered = 0
        while b"content" not in heard.datagrams:
            await heard.until(lambda have, seen=answered: len(have) > seen)
            for datagram, source, _ in heard.received[answered:]:
                if datagram == call:
                    network.unicast(answer, source)
            answered = len(heard.received)


def test_hosts_on_a_link_without_any_route_hear_and_answer_each_other(lan, open_peer, inbox):
    async def caller():
        network = open_peer(0)
        async with Receiving(network, inbox) as heard:
            assert names(network) == ["eth0"]
            assert network.unicast_addresses[0][0] == "192.0.2.1"
            await call_until_answered(network, heard, b"anybody?", b"me")
            assert heard.received[0][1][0] == "192.0.2.2"
            network.unicast(b"content", heard.received[0][1])

    run_both(lan, caller, lambda: answer_calls(open_peer(1), inbox, b"anybody?", b"me"))


def test_streams_open_between_hosts_by_the_port_of_the_group(lan, open_peer, until):
    done = threading.Event()

    async def server():
        network = open_peer(1)
        assert network.stream_port == GROUP_PORT
        async with trio.open_nursery() as nursery:
            nursery.start_soon(network.listen, greet)
            await until(done.is_set, within_s=10)
            nursery.cancel_scope.cancel()
        network.close()

    async def client():
        network = open_peer(0)
        try:
            with trio.fail_after(10):
                while True:
                    try:
                        stream = await network.connect(("192.0.2.2", GROUP_PORT))
                    except ConnectionError:
                        await trio.sleep(0.02)
                        continue
                    assert await stream.receive() == b"welcome"
                    stream.abort()
                    return
        finally:
            done.set()
            network.close()

    run_both(lan, client, server)


def test_a_peer_hears_again_after_its_interface_was_down_and_up_with_another_address(lan, open_peer, inbox):
    async def caller():
        network = open_peer(0)
        async with Receiving(network, inbox) as heard:
            await call_until_answered(network, heard, b"first?", b"one")

            ip("link set eth0 down")
            assert await network.refresh() is True
            assert names(network) == ["lo"]
            network.multicast(b"to nobody")
            ip("addr flush dev eth0")
            ip("addr add 192.0.2.99/24 dev eth0")
            ip("link set eth0 up")
            assert await network.refresh() is True
            assert network.unicast_addresses[0][0] == "192.0.2.99"

            heard.received.clear()
            await call_until_answered(network, heard, b"first?", b"one")
            network.unicast(b"content", heard.received[0][1])

    run_both(lan, caller, lambda: answer_calls(open_peer(1), inbox, b"first?", b"one"))


def test_a_receiver_hears_again_after_its_interface_was_down_and_up_between_two_looks(lan, open_peer, inbox):
    async def caller():
        network = open_peer(0)
        async with Receiving(network, inbox) as heard:
            await call_until_answered(network, heard, b"anybody?", b"me")
            ip("link set eth0 down")
            assert network.multicast(b"nowhere") is False
            assert network.statistics.send_errors == 1
            ip("link set eth0 up")
            heard.received.clear()
            await call_until_answered(network, heard, b"anybody?", b"me")
            network.unicast(b"content", heard.received[0][1])

    run_both(lan, caller, lambda: answer_calls(open_peer(1), inbox, b"anybody?", b"me"))


def test_an_interface_that_was_replaced_under_its_old_name_and_address_is_joined_anew(namespace, open_peer, inbox):
    host = namespace()

    def replace_link():
        subprocess.run(["ip", "link", "del", "eth0"], check=False, capture_output=True)
        ip("link add eth0 type veth peer name other")
        ip("addr add 192.0.2.1/24 dev eth0")
        ip("link set other up")
        ip("link set eth0 up")

    async def live():
        ip("link set lo up")
        replace_link()
        alice, bob = open_peer(0), open_peer(1)
        async with Receiving(alice, inbox) as at_alice, Receiving(bob, inbox):
            replace_link()
            bob.multicast(b"unheard, for the group was that of the old one")
            assert await alice.refresh() is True
            assert await bob.refresh() is True
            assert bob.multicast(b"hello")
            assert await at_alice.until_has(b"hello") == [b"hello"]

    host.run_async(live)


def test_what_a_mesh_of_one_host_says_stays_on_the_host(lan, open_peer, inbox):
    said = threading.Event()

    async def eavesdropper():
        network = open_peer(1)
        async with Receiving(network, inbox) as heard:
            await heard.until_has(b"for everyone")
            assert b"for this host" not in heard.datagrams
            said.set()

    async def speaker():
        private, public = open_peer(0, host_only=True), open_peer(2)
        assert private.unicast_addresses[0][0] == "127.0.0.1"
        while not said.is_set():
            assert private.multicast(b"for this host")
            public.multicast(b"for everyone")
            await trio.sleep(0.02)
        private.close()
        public.close()

    run_both(lan, speaker, eavesdropper)


def test_a_mesh_of_one_host_hears_nothing_that_other_programs_joined_the_group_for(lan, open_peer, inbox):
    async def live():
        private, public, neighbour = open_peer(0, host_only=True), open_peer(1), open_peer(2, host_only=True)
        async with Receiving(private, inbox) as heard, Receiving(public, inbox) as at_public:
            public_too = open_peer(3)
            public_too.multicast(b"on eth0")
            await at_public.until_has(b"on eth0")
            neighbour.multicast(b"on lo")
            assert await heard.until_has(b"on lo") == [b"on lo"]
            public_too.close()
            neighbour.close()

    lan[0].run_async(live)


def test_a_mesh_of_one_host_is_reached_by_no_address_but_the_loopbacks(lan, open_peer, inbox):
    async def live():
        private, caller = open_peer(0, host_only=True), open_peer(1)
        async with Receiving(private, inbox) as heard, trio.open_nursery() as nursery:
            nursery.start_soon(private.listen, greet)
            with pytest.raises(ConnectionError):
                await caller.connect(("192.0.2.1", private.stream_port))

            port = private.unicast_addresses[0][1]
            caller.unicast(b"by eth0", ("192.0.2.1", port))
            caller.unicast(b"by lo", ("127.0.0.1", port))
            assert await heard.until_has(b"by lo") == [b"by lo"]
            nursery.cancel_scope.cancel()
        caller.close()

    lan[0].run_async(live)


def test_with_two_networks_a_multicast_goes_to_both_and_a_named_one_alone_is_kept_to(lan, open_peer, inbox):
    host = lan[0]

    async def live():
        ip("link add eth1 type veth peer name far")
        ip("addr add 198.51.100.1/24 dev eth1")
        ip("link set eth1 up")
        ip("link set far up")
        both, first, second = open_peer(0), open_peer(1, interfaces=["eth0"]), open_peer(2, interfaces=["198.51.100.1"])
        assert names(both) == ["eth0", "eth1"]
        async with (
            Receiving(both, inbox) as at_both,
            Receiving(first, inbox) as at_first,
            Receiving(second, inbox) as at_second,
        ):
            both.multicast(b"to both")
            for heard, address in (at_first, "192.0.2.1"), (at_second, "198.51.100.1"):
                await heard.until_has(b"to both")
                assert [source[0] for _, source, _ in heard.received] == [address]

            first.multicast(b"on eth0")
            second.multicast(b"on eth1")
            await at_both.until_has(b"on eth0", b"on eth1")
            assert at_first.datagrams == [b"to both"]
            assert at_second.datagrams == [b"to both"]

    host.run_async(live)


def test_a_stream_to_an_interface_that_was_not_named_is_refused(lan, open_peer):
    async def live():
        ip("link add eth1 type veth peer name far")
        ip("addr add 198.51.100.1/24 dev eth1")
        ip("link set eth1 up")
        member, caller = open_peer(0, interfaces=["eth0"]), open_peer(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(member.listen, greet)
            with pytest.raises(ConnectionError):
                await caller.connect(("198.51.100.1", member.stream_port))
            stream = await caller.connect(("192.0.2.1", member.stream_port))
            assert await stream.receive() == b"welcome"
            stream.abort()
            nursery.cancel_scope.cancel()
        member.close()
        caller.close()

    lan[0].run_async(live)


def test_an_unknown_interface_is_an_error_that_lists_this_hosts(lan, open_peer):
    async def live():
        with pytest.raises(
            ConfigurationError, match=r"'wlan7' here; there is lo \(127\.0\.0\.1\), eth0 \(192\.0\.2\.1\)"
        ):
            open_peer(0, interfaces=["wlan7"])

    lan[0].run_async(live)


def test_a_named_interface_without_an_address_is_used_once_it_has_one(namespace, open_peer, inbox):
    async def live():
        ip("link set lo up")
        ip("link add eth0 type veth peer name other")
        ip("link set other up")
        network = open_peer(0, interfaces=["eth0"])
        assert not network.has_multicast

        ip("addr add 192.0.2.1/24 dev eth0")
        ip("link set eth0 up")
        assert await network.refresh() is True
        assert network.has_multicast
        network.close()

    namespace().run_async(live)


def test_the_default_route_is_seen_in_the_namespace_that_one_is_in(lan):
    lan[0].ip("link add garden7 type veth peer name other")
    lan[0].ip("addr add 198.51.100.1/24 dev garden7")
    lan[0].ip("link set garden7 up")
    lan[0].ip("route add default via 198.51.100.2")

    listed = lan[0].run(list_interfaces)

    assert [each.name for each in listed if each.has_default_route] == ["garden7"]


def test_the_own_socket_never_takes_the_port_of_the_group(namespace):
    def live():
        held = [open_own_socket("0.0.0.0", GROUP_PORT) for _ in range(3)]
        assert sorted(each.getsockname()[1] for each in held) == [47475, 47476, 47477]
        for each in held:
            each.close()

    host = namespace()
    host.run(
        lambda: subprocess.run(
            ["sysctl", "-w", "net.ipv4.ip_local_port_range=47474 47477"], check=True, capture_output=True
        )
    )
    host.run(live)


def test_why_multicast_does_not_work_on_an_interface_is_said_in_words(lan):
    def live():
        ip("link set eth0 down")
        down = next(each for each in list_interfaces() if each.name == "eth0")
        return multicast_works(down)

    result = lan[0].run(live)

    assert not result.works
    assert result.reason == "eth0 (192.0.2.1): Network is unreachable"


def test_zeroconf_finds_a_peer_across_a_link(lan, until):
    from gossamer.net.discovery import discover

    tag = os.urandom(8)
    found = [threading.Event(), threading.Event()]

    def peer(number):
        async def live():
            async with trio.open_nursery() as nursery:

                def on_hint(address):
                    assert address == (f"192.0.2.{2 - number}", 5000 + 1 - number)
                    found[number].set()

                async def find():
                    await discover(
                        peer_id=os.urandom(16),
                        tag=tag,
                        stream_port=5000 + number,
                        addresses=lambda: [f"192.0.2.{number + 1}"],
                        on_hint=on_hint,
                        lonely=lambda: not found[number].is_set(),
                    )

                nursery.start_soon(find)
                await until(lambda: all(each.is_set() for each in found), within_s=15)
                nursery.cancel_scope.cancel()

        return live

    run_both(lan, peer(0), peer(1))


def test_a_socket_of_the_test_itself_is_in_no_namespace_of_these(namespace):
    host = namespace()
    host.ip("link set lo up")

    with socket.create_server(("127.0.0.1", 0)) as outside:

        def inside():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(outside.getsockname(), timeout=1)

        host.run(inside)
