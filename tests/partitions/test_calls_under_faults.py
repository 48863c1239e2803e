"""What calls promise when the network and the programs fail, on virtual time: at most one start, and no silence."""

from __future__ import annotations

import random

import pytest

import gossamer
from gossamer.wire.values import decode_value


class Caller:
    """Makes calls without waiting for each."""

    def __init__(self, mesh):
        self.mesh = mesh
        self.tickets = []

    def call(self, name, *args, timeout=60.0, **how):
        ticket = self.mesh._calling.ticket(name, args, {}, lambda: None, timeout=timeout, **how)
        self.tickets.append(ticket)
        self.mesh._begin(ticket)
        return ticket

    @property
    def outcomes(self):
        return [type(ticket.error) if ticket.error else ticket.result() for ticket in self.tickets if ticket.done]


@pytest.fixture
def trio_of_peers(mesh_factory, net):
    meshes = [mesh_factory(name) for name in ("ada", "bob", "cyd")]
    starts = {}
    for mesh in meshes[1:]:
        mesh.serve("work", lambda n: n)
        mesh.run_request = slowly(net, mesh, starts)
    meshes[0].wait(lambda mesh: len(mesh.servers("work")) == 2, timeout=10)
    return (*meshes, starts)


def slowly(net, mesh, starts):
    """Let each request take 20 ms, and note who started it."""
    run_at_once = mesh.run_request

    def run_request(request, handler):
        (n,), _ = decode_value(request.arguments)
        starts.setdefault(n, []).append(mesh.me.name)
        net.simulation.engine.after(0.02, run_at_once, request, handler)

    return run_request


def break_streams(net, rng=None):
    """Break every stream, or some, as a router does that forgets its connections."""
    for node in net.simulation.nodes.values():
        if node.process is not None:
            for pipe, end in list(node.process._pipes.values()):
                if rng is None or rng.random() < 0.5:
                    pipe.close(end)


@pytest.mark.parametrize("gossamer_seed", range(8))
def test_each_call_starts_at_most_once_and_is_answered_though_streams_break_all_the_time(
    net, trio_of_peers, gossamer_seed
):
    ada, _, _, starts = trio_of_peers
    rng = random.Random(gossamer_seed)
    net.weather(loss=0.3)
    caller = Caller(ada)
    for n in range(200):
        caller.call("work", n)
        if n % 5 == 0:
            net.run(rng.uniform(0, 0.05))
            break_streams(net, rng)
    net.run(20)

    assert len(caller.outcomes) == 200
    assert caller.outcomes == list(range(200)), "nobody died, so each was answered"
    assert all(len(peers) == 1 for peers in starts.values())
    assert starts.keys() == set(range(200))


@pytest.mark.parametrize("gossamer_seed", range(8))
def test_when_a_server_dies_each_call_still_starts_at_most_once_and_ends(net, trio_of_peers, gossamer_seed):
    ada, bob, cyd, starts = trio_of_peers
    rng = random.Random(gossamer_seed)
    caller = Caller(ada)
    victim = rng.choice([bob, cyd])
    for n in range(100):
        caller.call("work", n)
        if n == 50:
            net.run(rng.uniform(0, 0.01))
            net.kill(victim)
        if n % 10 == 0:
            net.run(rng.uniform(0, 0.01))
    net.run(30)

    assert len(caller.outcomes) == 100, "none hangs"
    assert all(len(peers) == 1 for peers in starts.values())
    answered = [outcome for outcome in caller.outcomes if outcome is not gossamer.PeerLost]
    assert all(n in starts for n in answered)
    assert len(answered) >= 50


@pytest.mark.parametrize("gossamer_seed", range(4))
def test_calls_wait_through_a_short_partition_and_start_once(net, trio_of_peers, gossamer_seed):
    ada, bob, cyd, starts = trio_of_peers
    caller = Caller(ada)
    caller.call("work", "before")
    with net.partition(ada, [bob, cyd]):
        for n in range(20):
            caller.call("work", n)
        net.run(1)
    net.run(20)

    assert caller.outcomes == ["before", *range(20)]
    assert all(len(peers) == 1 for peers in starts.values())


def test_a_partition_that_lasts_ends_calls_with_an_error(net, trio_of_peers):
    ada, bob, cyd, _ = trio_of_peers
    caller = Caller(ada)
    net.run(1)
    with net.partition(ada, [bob, cyd]):
        caller.call("work", 1)
        caller.call("work", 2, peer="cyd")
        net.run(40)

        assert len(caller.outcomes) == 2
        assert set(caller.outcomes) <= {gossamer.PeerLost, gossamer.NoService}
        with pytest.raises(gossamer.NoService, match="nobody is there"):
            ada.call("work", 3)


def test_equal_arguments_go_to_one_peer_and_others_are_spread(net, trio_of_peers):
    ada, _, _, starts = trio_of_peers
    for n in range(40):
        assert ada.call("work", n) == n
        assert ada.call("work", n) == n

    assert all(len(set(peers)) == 1 and len(peers) == 2 for peers in starts.values())
    assert {peer for peers in starts.values() for peer in peers} == {"bob", "cyd"}
    assert {peer for n in range(100, 110) for peer in [ada.call("work", n, route="same") and starts[n][0]]} < {
        "bob",
        "cyd",
    }


def test_a_caller_that_dies_takes_its_waiting_requests_with_it(net, mesh_factory):
    ada, bob = mesh_factory("ada"), mesh_factory("bob")
    bob.serve("work", lambda n: n, at_once=1)
    ada.wait(lambda mesh: mesh.servers("work"), timeout=10)
    bob.run_request = lambda request, handler: None  # it never ends
    caller = Caller(ada)
    for n in range(5):
        caller.call("work", n)
    net.run(1)
    assert bob.statistics()["requests started"] == 1
    stopped = []
    bob._stop_request = stopped.append

    net.kill(ada)
    net.run(30)

    assert bob.statistics()["requests started"] == 1
    assert [request.number for request in stopped] == [1]


def test_a_service_is_found_though_its_server_joined_after_the_call_was_made(net, mesh_factory):
    ada, bob = mesh_factory("ada"), mesh_factory("bob")
    net.partition(ada, bob)
    bob.serve("late", lambda: "found")
    net.heal()

    assert ada.call("late", timeout=30) == "found"


def test_a_peer_that_has_gone_is_not_asked_and_its_rows_are_tidied_up(net, mesh_factory):
    ada, bob = mesh_factory("ada"), mesh_factory("bob")
    bob.serve("work", lambda: "bob")
    ada.wait(lambda mesh: mesh.servers("work"), timeout=10)
    boot = bob.replica.identity.boot

    bob.close()
    net.run(2)
    assert ada.offers.of(boot) == [], "it took its rows with it"

    cyd = mesh_factory("cyd")
    cyd.serve("work", lambda: "cyd")
    ada.wait(lambda mesh: mesh.servers("work"), timeout=10)
    boot = cyd.replica.identity.boot
    net.kill(cyd)
    net.run(30)
    assert ada.servers("work") == frozenset()
    assert ada.offers.of(boot) != []
    net.run(3 * 3600)
    ada.serve("work", lambda: "ada")
    assert ada.offers.of(boot) == [], "it died, and after hours somebody else removes them"
    assert len(ada) == 0
