"""Who comes late, comes back, or comes all at once."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.protocol.effects import Joined, Left


def test_a_late_joiner_knows_everything_within_a_second(mesh_of):
    mesh = mesh_of("ab")
    fill(mesh, "a", 500)
    mesh.settle()

    mesh.add("late")

    assert mesh.settle(within_s=2) < 1
    assert len(mesh.state("late")) == 500


@pytest.mark.slow
def test_a_late_joiner_catches_up_with_twenty_thousand_keys_while_writes_go_on(mesh_of, seed):
    mesh = mesh_of("abc")
    fill(mesh, "a", 10_000)
    fill(mesh, "b", 10_000)
    mesh.settle()

    mesh.add("late")
    for number in range(200):
        mesh.write("abc"[number % 3], f"new/{number}", number)
        mesh.write("abc"[number % 3], f"a/{number}", "changed")
        mesh.run(seconds=0.005)

    assert mesh.settle(within_s=10) < 5
    assert len(mesh.state("late")) == 20_200


@pytest.mark.slow
def test_a_late_joiner_writes_before_it_has_caught_up(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 5000)
    mesh.settle()

    mesh.add("late")
    mesh.write("late", "a/7", "mine")
    mesh.run(seconds=0.01)
    mesh.write("late", "own", 1)

    mesh.settle(within_s=10)

    assert mesh.read("a", "own") == 1
    assert len(mesh.nodes["a"].dots("a/7")) == 2


def test_thirty_peers_that_join_within_a_second_know_each_other_and_agree(mesh):
    for number in range(30):
        mesh.add(f"n{number}", skew_ms=mesh.rng.randint(-500, 500))
        mesh.write(f"n{number}", f"hello/{number}", number)
        mesh.run(seconds=1 / 30)

    assert mesh.settle(within_s=10) < 5
    mesh.run(seconds=2)
    assert all(len(mesh.sees(name)) == 29 for name in mesh.nodes)


def test_when_all_restart_at_once_nothing_is_left_and_nothing_is_confused(mesh_of):
    mesh = mesh_of("abcde")
    fill(mesh, "a", 100)
    mesh.settle()

    for name in "abcde":
        mesh.kill(name)
    for name in "abcde":
        mesh.restart(name)
    mesh.write("a", "first", 1)
    mesh.settle(within_s=5)

    assert mesh.state("e") == {"first": 1}
    mesh.run(seconds=2)
    assert all(len(mesh.sees(name)) == 4 for name in "abcde")


def test_who_restarts_with_nothing_is_given_everything_again(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "b", 200)
    mesh.settle()

    mesh.restart("b")
    mesh.write("b", "b/0", "again")
    mesh.settle(within_s=5)

    assert len(mesh.state("b")) == 200
    assert mesh.read("a", "b/0") in ("again", 0)


def test_a_restarted_peer_is_one_peer_and_not_two(mesh_of):
    mesh = mesh_of("abc")

    mesh.restart("b")
    mesh.run(seconds=15)

    assert mesh.sees("a") == {"b", "c"}
    assert len([m for m in mesh.nodes["a"].replica.membership.alive() if m.name == "b"]) == 1


def test_who_joins_is_announced_once(mesh_of):
    mesh = mesh_of("abc")

    mesh.add("late")
    mesh.run(seconds=10)

    assert len(mesh.notices("late", Joined)) == 3
    assert all(len(mesh.notices(name, Joined)) == 3 for name in "abc")
    assert not any(mesh.notices(name, Left) for name in "abc")
