"""What channels promise when takers die and streams break, on virtual time."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gossamer.views.lines import Errand


class Taker:
    """Takes one message after the other, each for a while, without waiting in between."""

    def __init__(self, net, mesh, rng, taken):
        self.mesh, self.net, self.rng, self.taken = mesh, net, rng, taken
        self.line = mesh.channel("work")._line
        self.is_alive = True
        self.held = self.last = None
        self.want()

    def want(self):
        self.errand = Errand(self.got)
        self.line.want(self.errand)

    def got(self):
        delivered = self.errand.delivered
        if delivered is None or not self.is_alive:
            return
        self.held = (delivered.boot, delivered.number)
        self.net.simulation.engine.after(self.rng.uniform(0, 0.02), self.finish, delivered)

    def finish(self, delivered):
        if self.is_alive:
            self.taken[self.held] += 1
            self.last = self.held
            self.held = None
            self.line.finish(delivered, kept=True)
            self.want()

    def die(self):
        self.is_alive = False
        self.net.kill(self.mesh)


def post(mesh, count):
    line = mesh.channel("work", capacity=count)._line
    for n in range(count):
        assert line.reserve()
        line.send(line.encoded((n,)), Errand(lambda: None))


def break_streams(net, rng):
    for node in net.simulation.nodes.values():
        if node.process is not None:
            for pipe, end in list(node.process._pipes.values()):
                if rng.random() < 0.3:
                    pipe.close(end)


@pytest.mark.parametrize("gossamer_seed", range(4))
def test_each_message_is_taken_exactly_once_though_streams_break(net, mesh_factory, gossamer_seed):
    rng, taken = random.Random(gossamer_seed), Counter()
    senders = [mesh_factory(f"sender {n}") for n in range(2)]
    takers = [Taker(net, mesh_factory(f"taker {n}"), rng, taken) for n in range(4)]
    net.weather(loss=0.2)
    for sender in senders:
        post(sender, 150)
    for _ in range(10):
        net.run(rng.uniform(0, 0.2))
        break_streams(net, rng)
    net.run(20)

    assert len(taken) == 300
    assert set(taken.values()) == {1}
    assert all(sender.channel("work").unfinished == 0 for sender in senders)
    assert all(taker.is_alive for taker in takers)


@pytest.mark.parametrize("gossamer_seed", range(3))
def test_what_a_killed_taker_held_is_taken_by_another_and_nothing_else_twice(net, mesh_factory, gossamer_seed):
    rng, taken = random.Random(gossamer_seed), Counter()
    sender = mesh_factory("sender")
    takers = [Taker(net, mesh_factory(f"taker {n}"), rng, taken) for n in range(6)]
    post(sender, 300)
    for victim in takers[:3]:
        net.run(rng.uniform(0.05, 0.3))
        victim.die()
    net.run(60)

    assert len(taken) == 300
    twice = {message for message, times in taken.items() if times > 1}
    assert twice <= {victim.last for victim in takers[:3]}, "only what a victim had just done, and nobody knew of"
    assert sender.channel("work").unfinished == 0


@pytest.mark.slow
def test_ten_thousand_messages_are_each_taken_though_takers_are_killed(net, mesh_factory, gossamer_seed):
    rng, taken = random.Random(gossamer_seed), Counter()
    sender = mesh_factory("sender")
    takers = [Taker(net, mesh_factory(f"taker {n}"), rng, taken) for n in range(TAKERS)]
    post(sender, 10_000)
    for victim in rng.sample(takers, TAKERS // 4):
        net.run(rng.uniform(0.0, 0.1))
        victim.die()
    for _ in range(120):
        if not sender.channel("work").unfinished:
            break
        net.run(1)

    assert len(taken) == 10_000
    twice = {message for message, times in taken.items() if times > 1}
    assert twice <= {taker.last for taker in takers if not taker.is_alive}


TAKERS = 100


def test_messages_of_one_sender_reach_one_taker_in_order_through_partitions(net, mesh_factory):
    sender, taker = mesh_factory("sender"), mesh_factory("taker")
    line = sender.channel("work")
    got = []
    for n in range(60):
        line.send(n)
        if n % 20 == 10:
            with net.partition(sender, taker):
                net.run(0.5)
        if n % 3 == 0:
            got.append(taker.channel("work").get(timeout=30))
    got += [taker.channel("work").get(timeout=30) for _ in range(40)]

    assert got == list(range(60))


def test_a_taker_that_was_cut_off_so_long_that_it_is_counted_as_dead_finds_its_message_taken(net, mesh_factory):
    sender, one, other = (mesh_factory(name) for name in ("sender", "one", "other"))
    sender.channel("work").send("x")
    with one.channel("work").taking(timeout=10) as held:
        net.partition(one, [sender, other])
        net.run(60)
        assert other.channel("work").get(timeout=10) == held == "x", "it is done twice, as the documentation says"
        net.heal()
        net.run(30)
    net.run(5)

    assert sender.channel("work").unfinished == 0
    sender.channel("work").send("y")
    assert one.channel("work").get(timeout=10) == "y"


def test_a_message_for_nobody_waits_for_a_taker_that_comes_late(net, mesh_factory):
    sender = mesh_factory("sender")
    sender.channel("work").send("x")
    net.run(5)

    late = mesh_factory("late")

    assert late.channel("work").check(wait=True, timeout=5)
    assert late.channel("work").get(timeout=5) == "x"
    assert not late.channel("work").check()


def test_a_mesh_without_calls_and_channels_pays_nothing_for_them(net, mesh_factory):
    ada, bob = mesh_factory("ada"), mesh_factory("bob")
    net.run(10)
    replica = ada.replica

    assert replica.courier.next_due() == float("inf")
    assert (len(replica.calls), replica.serving._callers, replica.inlets._inlets, replica.outlets._outlets) == (
        0,
        {},
        {},
        {},
    )
    assert len(ada) == len(bob) == 0
    assert not ada.replica.ledger.state.live


def test_a_taker_that_closes_at_once_has_consumed_what_it_got(mesh_factory, net):
    sender = mesh_factory("sender").channel("fred")
    net.weather(loss=0.2, disorder=0.3)
    for n in range(5):
        sender.send(n)

    got = []
    for n in range(5):
        taker = mesh_factory(f"taker {n}")
        got.append(taker.channel("fred").get(timeout=10))
        taker.close()

    assert got == list(range(5))
    sender.drain(timeout=5)
