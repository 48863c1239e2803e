"""Networks that fall apart and come together."""

from __future__ import annotations

from itertools import combinations

import pytest

from gossamer.protocol.effects import Left, Presence


def test_a_split_mesh_agrees_soon_after_it_heals(mesh):
    for name in "abcdef":
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500))
    mesh.links.loss = 0.2

    mesh.partition({"a", "b", "c"}, {"d", "e", "f"})
    mesh.write("a", "door", "open")
    mesh.write("f", "door", "shut")
    mesh.run(seconds=5)
    mesh.heal()

    assert mesh.settle(within_s=10) < 5


def test_both_sides_of_a_long_split_keep_what_they_wrote(mesh_of):
    mesh = mesh_of("abcdef")
    mesh.write("a", "before", 0)
    mesh.settle()

    mesh.partition("abc", "def")
    mesh.run(seconds=60)
    for number in range(50):
        mesh.write("abc"[number % 3], f"left/{number}", number)
        mesh.write("def"[number % 3], f"right/{number}", number)
    mesh.settle(among="abc")
    mesh.settle(among="def")
    mesh.heal()

    assert mesh.settle(within_s=15) < 10
    assert len(mesh.state("a")) == 101


def test_while_split_each_side_sees_only_itself_and_afterwards_all(mesh_of):
    mesh = mesh_of("abcdef")

    mesh.partition("abc", "def")
    mesh.run(seconds=20)

    assert mesh.sees("a") == {"b", "c"}
    assert mesh.sees("e") == {"d", "f"}

    mesh.heal()
    mesh.run(seconds=10)

    assert all(mesh.sees(name) == set("abcdef") - {name} for name in "abcdef")


def test_of_two_concurrent_writes_the_loser_stays_readable_until_the_next(mesh_of):
    mesh = mesh_of("ab")
    mesh.partition("a", "b")
    mesh.write("a", "door", "open")
    mesh.run(seconds=2)
    mesh.write("b", "door", "shut")
    mesh.heal()
    mesh.settle()

    assert mesh.read("a", "door") == mesh.read("b", "door") == "shut"
    assert len(mesh.nodes["a"].dots("door")) == len(mesh.nodes["b"].dots("door")) == 2

    mesh.write("a", "door", "ajar")
    mesh.settle()

    assert mesh.read("b", "door") == "ajar"
    assert len(mesh.nodes["b"].dots("door")) == 1


def test_three_sides_that_heal_two_by_two_agree(mesh_of):
    mesh = mesh_of("abcdef")
    mesh.partition("ab", "cd", "ef")
    for name in "abcdef":
        mesh.write(name, "all", name)
        mesh.write(name, f"own/{name}", 1)
    mesh.run(seconds=30)

    mesh.partition("abcd", "ef")
    mesh.settle(among="abcd", within_s=15)
    mesh.write("b", "all", "again")
    mesh.run(seconds=10)
    mesh.partition("ab", "cdef")
    mesh.settle(among="cdef", within_s=15)
    mesh.heal()
    mesh.settle(within_s=15)

    assert len(mesh.state("a")) == 7


def test_two_sites_agree_through_a_bridge_that_hears_both(mesh_of):
    mesh = mesh_of(["a", "b", "bridge", "c", "d"])
    for left in "ab":
        for right in "cd":
            mesh.cut(left, right)
            mesh.cut(right, left)
    mesh.run(seconds=20)

    mesh.write("a", "from/a", 1)
    mesh.write("d", "from/d", 2)

    assert mesh.settle(within_s=20) < 10


def test_a_flapping_bridge_still_carries_everything(mesh_of):
    mesh = mesh_of(["a", "b", "bridge", "c", "d"])
    for round_number in range(6):
        side = "ab" if round_number % 2 else "cd"
        mesh.partition({"bridge", *side}, set("abcd") - set(side))
        mesh.write("a", f"a/{round_number}", round_number)
        mesh.write("d", f"d/{round_number}", round_number)
        mesh.run(seconds=4)
    mesh.partition({"bridge", "a", "b"}, {"c", "d"})
    mesh.settle(among=["bridge", "a", "b"])
    mesh.partition({"bridge", "c", "d"}, {"a", "b"})

    mesh.settle(among=["bridge", "c", "d"])

    assert len(mesh.state("c")) == 12


@pytest.mark.parametrize("other_way", [False, True])
def test_a_link_that_works_one_way_only_delays_agreement(mesh_of, other_way):
    """A stream needs both ways; what cannot go straight goes by the third."""
    mesh = mesh_of("abc")
    mesh.cut(*("ba" if other_way else "ab"))
    mesh.run(seconds=15)

    mesh.write("a", "x", 1)
    mesh.write("b", "y", 2)

    assert mesh.settle(within_s=20) < 10


def test_two_peers_of_which_one_is_deaf_agree_once_it_hears(mesh_of):
    mesh = mesh_of("ab")
    mesh.cut("a", "b")
    mesh.write("a", "x", 1)
    mesh.write("b", "y", 2)
    mesh.run(seconds=30)

    mesh.heal()

    assert mesh.settle(within_s=10) < 10


def test_a_peer_behind_a_dead_link_is_not_accused_while_others_reach_it(mesh_of):
    mesh = mesh_of("abcd")

    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.run(seconds=60)

    assert not [left for left in mesh.notices("a", Left) if left.presence is Presence.FAILED]
    assert "b" in mesh.sees("a")


def test_any_way_a_mesh_of_four_falls_into_two_it_heals(seed, mesh_of):
    mesh = mesh_of("abcd")
    for size in (1, 2):
        for side in combinations("abcd", size):
            mesh.partition(set(side), set("abcd") - set(side))
            mesh.write(side[0], "key", side)
            mesh.write(next(iter(sorted(set("abcd") - set(side)))), "key", "other")
            mesh.run(seconds=3)
            mesh.heal()

            assert mesh.settle(within_s=15) < 15
