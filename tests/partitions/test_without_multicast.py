"""Wi-Fi isolation, VPNs, containers: no multicast at all, and one address to begin with."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.simulation.player import Player
from gossamer.simulation.schedule import NodePlan, Schedule, Step


def isolated(mesh, count: int, *, knows: bool):
    """Nodes that know the address of the first; `knows` whether they can tell that there is no multicast."""
    mesh.links.multicast = False
    names = [f"n{number}" for number in range(count)]
    for number, name in enumerate(names):
        mesh.add(name, multicast=not knows, peers=names[:1] if number else ())
    return names


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_one_address_is_enough_for_everyone_to_meet_and_agree(mesh, count, knows):
    names = isolated(mesh, count, knows=knows)
    mesh.run(seconds=10)
    for name in names:
        mesh.write(name, f"from/{name}", 1)

    assert mesh.settle(within_s=10) < 5
    mesh.run(seconds=5)
    assert all(mesh.sees(name) == set(names) - {name} for name in names)


@pytest.mark.parametrize("knows", [True, False])
def test_a_write_without_multicast_arrives_at_once(mesh, knows):
    names = isolated(mesh, 5, knows=knows)
    mesh.run(seconds=15)

    for number in range(10):
        mesh.write(names[number % 5], "key", number)

        assert mesh.settle(within_s=2) < 0.1
        mesh.run(seconds=1)


def test_a_late_joiner_without_multicast_catches_up(mesh):
    names = isolated(mesh, 4, knows=True)
    mesh.run(seconds=10)
    fill(mesh, "n1", 3000)
    mesh.settle(within_s=10)

    mesh.add("late", multicast=False, peers=[names[2]])

    assert mesh.settle(within_s=5) < 3


def test_one_peer_without_multicast_among_many_with_it(mesh):
    for name in "abcd":
        mesh.add(name)
    mesh.add("far", multicast=False, peers=["b"])
    mesh.run(seconds=10)
    mesh.write("far", "from far", 1)
    mesh.write("a", "from a", 2)

    assert mesh.settle(within_s=5) < 2
    assert "far" in mesh.sees("d")


def test_the_static_peer_that_is_not_there_yet_is_tried_until_it_is(mesh):
    mesh.links.multicast = False
    mesh.add("first", multicast=False)
    mesh.crash("first")
    mesh.add("second", multicast=False, peers=["first"])
    mesh.write("second", "key", 1)
    mesh.run(seconds=60)

    mesh.restart("first")

    assert mesh.settle(within_s=15) < 15
    assert mesh.read("first", "key") == 1


def test_who_was_reached_once_is_found_again_after_a_long_split_without_multicast(mesh):
    names = isolated(mesh, 4, knows=True)
    mesh.run(seconds=10)
    mesh.partition(names[:2], names[2:])
    mesh.run(seconds=300)
    mesh.write("n0", "left", 1)
    mesh.write("n3", "right", 1)
    mesh.heal()

    assert mesh.settle(within_s=20) < 20


def test_a_death_without_multicast_is_noticed(mesh):
    names = isolated(mesh, 5, knows=True)
    mesh.run(seconds=10)

    mesh.crash("n3")
    mesh.run(seconds=12)

    assert all("n3" not in mesh.sees(name) for name in names if name != "n3")


def test_nobody_is_called_dead_where_only_streams_work(mesh):
    from gossamer.protocol.effects import Left

    names = isolated(mesh, 6, knows=True)
    mesh.run(seconds=120)

    assert not any(mesh.notices(name, Left) for name in names)


def test_a_restarted_peer_is_not_called_again_and_again_for_its_dead_run(mesh):
    names = isolated(mesh, 4, knows=True)
    mesh.run(seconds=10)

    mesh.restart("n2")
    mesh.hint("n2", names[:1])
    mesh.run(seconds=20)

    assert all(len(mesh.nodes[name].replica.exchanges.links) <= 2 * 3 for name in names)
    assert all(mesh.sees(name) == set(names) - {name} for name in names)


def test_those_who_are_pushed_to_before_they_were_found_deaf_are_told_of_each_other_all_the_same():
    """Found by life 326 of the swarm: who was pushed to, because there was much to send, passed for one told."""
    schedule = Schedule(
        seed=326,
        nodes=(NodePlan("n0", 3_600_000, multicast=False), NodePlan("n1", multicast=False, knows_first=True)),
        steps=(
            Step("join", ("n2", 3_600_000, False, True), then_s=0.02),
            Step("write", ("n0", "key/1", 1, None)),
        ),
    )
    player = Player(schedule)
    player.safety()
    player.liveness()

    assert player.world.sees("n1") == {"n0", "n2"}
