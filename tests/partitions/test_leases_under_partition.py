"""What a partition does to leases: an advisory one may be held twice, a quorum one never is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gossamer.errors import LeaseHeld, NoQuorum
from gossamer.simulation import Simulation, scenarios

VOTERS = ["ann", "bob", "cat"]
SEEDS = [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))]


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_scenario_each_side_has_an_advisory_holder_and_never_two_have_the_votes(seed):
    world = Simulation(seed, size=5)

    scenarios()["leases-under-partition"].play(world)

    assert world.figures["advisory_holders"] == 2
    assert world.figures["quorum_holders_at_once"] == 1


def test_through_cuts_loss_and_stalls_programs_pass_a_quorum_lease_on_under_rising_tokens(mesh_factory, net):
    meshes = {name: mesh_factory(name) for name in VOTERS}
    net.run(6)
    leases = {name: mesh.quorum_lease("leader", voters=VOTERS, ttl=5) for name, mesh in meshes.items()}
    rng, held = net.simulation.rng, []
    net.weather(loss=0.2, doubling=0.2, disorder=0.3)
    for turn in range(24):
        name = rng.choice(VOTERS)
        match turn % 4:
            case 0:
                net.partition([name], [other for other in VOTERS if other != name])
            case 1:
                net.heal()
            case 2:
                net.simulation.step_clock(name, rng.randint(-100_000, 100_000))
            case _:
                pass
        candidate = rng.choice(VOTERS)
        if leases[candidate].valid():
            continue
        try:
            leases[candidate].acquire(timeout=4)
        except (NoQuorum, LeaseHeld):
            continue
        assert [name for name, lease in leases.items() if lease.valid()] == [candidate]
        held.append(leases[candidate].token)

    assert len(held) > 2
    assert all(earlier < later for earlier, later in pairwise(held))


def test_a_holder_that_dies_loses_its_lease_and_another_gets_it(mesh_factory, net):
    meshes = {name: mesh_factory(name) for name in VOTERS}
    net.run(6)
    first = meshes["ann"].quorum_lease("leader", voters=VOTERS, ttl=5)
    first.acquire(timeout=5)
    token = first.token
    net.kill(meshes["ann"])

    second = meshes["bob"].quorum_lease("leader", voters=VOTERS, ttl=5)
    second.acquire(timeout=20)

    assert second.token > token
    assert not first.valid()


def test_a_holder_that_stood_still_finds_on_waking_that_it_holds_nothing(mesh_factory, net):
    meshes = {name: mesh_factory(name) for name in VOTERS}
    net.run(6)
    first = meshes["ann"].quorum_lease("leader", voters=VOTERS, ttl=5)
    first.acquire(timeout=5)
    token = first.token
    meshes["ann"].fenced("robot").put("speed", 1, first)
    net.run(0.5)
    net.simulation.pause("ann")
    second = meshes["bob"].quorum_lease("leader", voters=VOTERS, ttl=5)
    second.acquire(timeout=20)
    meshes["bob"].fenced("robot").put("speed", 2, second)
    net.simulation.resume("ann")

    assert not first.valid()
    meshes["ann"].fenced("robot").put("speed", 3, token)  # it does not ask, and has heard of nothing
    net.run(5)

    assert [mesh.fenced("robot")["speed"] for mesh in meshes.values()] == [2, 2, 2]
