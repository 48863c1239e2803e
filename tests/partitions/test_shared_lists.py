"""Shared lists on networks that fall apart, lose, double and delay; among peers that die, restart and are cloned."""

from __future__ import annotations

import random

import pytest


def runs_of(shared, name):
    """Where the numbers that one writer appended stand, in order."""
    return [number for who, number in shared if who == name]


@pytest.mark.parametrize("gossamer_seed", range(5))
def test_five_hundred_appends_on_each_side_of_a_split_survive_in_one_order(mesh_factory, net, partition, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    net.weather(loss=0.3, delay_s=(0.001, 0.1), disorder=0.1, doubling=0.1)
    ours, theirs = north.shared_list("log"), south.shared_list("log")

    with partition(north, south):
        for number in range(500):
            ours.append(("north", number))
            theirs.append(("south", number))
            if number % 50 == 0:
                net.run(seconds=0.1)
    converged([north, south], within=30)

    assert ours == theirs
    assert len(ours) == 1000
    assert runs_of(ours, "north") == runs_of(ours, "south") == list(range(500))


@pytest.mark.parametrize(
    "gossamer_seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40))]
)
def test_whatever_is_done_in_bad_weather_all_agree_and_nothing_unseen_is_lost(
    mesh_factory, net, converged, gossamer_seed
):
    rng = random.Random(gossamer_seed)
    meshes = {name: mesh_factory(name) for name in "abcd"}
    net.weather(loss=0.2, delay_s=(0.001, 0.3), disorder=0.2, doubling=0.2)
    made, deleted, assigned = set(), set(), set()
    for number in range(120):
        shared = rng.choice(list(meshes.values())).shared_list("it")
        size = len(shared)
        match rng.choice(["append", "insert", "delete", "move", "assign", "batch", "split", "heal", "wait", "restart"]):
            case "append":
                shared.append((number, 0))
                made.add(number)
            case "insert":
                shared.insert(rng.randint(0, size), (number, 0))
                made.add(number)
            case "delete" if size:
                deleted.add(shared.pop(rng.randrange(size))[0])
            case "move" if size:
                shared.move(rng.randrange(size), rng.randrange(size))
            case "assign" if size:
                index = rng.randrange(size)
                assigned.add(shared[index][0])
                shared[index] = (shared[index][0], number)
            case "batch":
                mesh = rng.choice(list(meshes.values()))
                with mesh.batch():
                    mesh.shared_list("it").extend([(number, 0), (number + 1000, 0)])
                    mesh["last"] = number
                made |= {number, number + 1000}
            case "split":
                sides = {name: rng.randrange(2) for name in meshes}
                groups = [[meshes[n] for n in sides if sides[n] == side] for side in (0, 1)]
                if all(groups):
                    net.partition(*groups)
            case "heal":
                net.heal()
            case "wait":
                net.run(seconds=rng.choice([0.01, 0.5, 3.0]))
            case "restart":
                name = rng.choice(list(meshes))
                net.heal()
                converged(list(meshes.values()), within=60)
                meshes[name].close()
                meshes[name] = mesh_factory(name)
    net.heal()
    converged(list(meshes.values()), within=60)

    lists = [list(mesh.shared_list("it")) for mesh in meshes.values()]
    left = [number for number, _ in lists[0]]
    assert lists == [lists[0]] * len(lists)
    assert len(left) == len(set(left))
    assert made - deleted <= set(left) <= (made - deleted) | assigned


def test_an_append_sends_that_element_and_not_the_list(mesh_factory, net, converged):
    ours, theirs = mesh_factory("ours"), mesh_factory("theirs")
    shared = ours.shared_list("it")
    shared.extend(f"an element of some length {number}" for number in range(2000))
    converged([ours, theirs], within=20)
    before = ours.network.statistics

    shared.append("one more")
    theirs.wait(lambda mesh: mesh.shared_list("it")[-1] == "one more", timeout=5)

    after = ours.network.statistics
    sent = after.datagram_bytes_sent + after.stream_bytes_sent - before.datagram_bytes_sent - before.stream_bytes_sent
    assert sent < 2000


def test_who_died_leaves_a_prefix_of_its_appends(mesh_factory, net, converged):
    ours, theirs, third = mesh_factory("ours"), mesh_factory("theirs"), mesh_factory("third")
    for number in range(100):
        ours.shared_list("it").append(number)
        if number % 10 == 0:
            net.run(seconds=0.01)
    net.kill(ours)
    converged([theirs, third], within=20)

    left = list(theirs.shared_list("it"))
    assert left == list(third.shared_list("it")) == list(range(len(left)))


def test_someone_waits_for_what_is_appended_elsewhere(mesh_factory):
    ours, theirs = mesh_factory("ours"), mesh_factory("theirs")
    waiting = theirs.shared_list("it")
    ours.shared_list("it").append("here")

    assert theirs.wait(lambda _: "here" in waiting, timeout=5)
