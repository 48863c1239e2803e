"""Computers that were copied while they ran: detected, reported, and most of what they wrote survives."""

from __future__ import annotations

from scenes import fill

from gossamer.protocol.effects import Forked


def test_a_cloned_computer_is_noticed_and_reported(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 20)
    mesh.settle()

    mesh.clone("a", "twin")
    mesh.run(seconds=5)

    assert mesh.notices("a", Forked) or mesh.notices("twin", Forked)


def test_a_clone_and_its_original_become_two_peers_that_agree_with_all(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 20)
    mesh.settle()

    mesh.clone("a", "twin")
    mesh.write("a", "of a", 1)
    mesh.write("twin", "of twin", 2)
    mesh.run(seconds=5)
    mesh.write("a", "later of a", 1)
    mesh.write("twin", "later of twin", 2)

    assert mesh.settle(within_s=40) < 40
    assert len({node.replica.ledger.origin for node in mesh.nodes.values() if node.replica.ledger.origin}) >= 2
    for name in ("a", "b", "c", "twin"):
        assert mesh.read(name, "later of a") == 1
        assert mesh.read(name, "later of twin") == 2
    assert mesh.nodes["a"].replica.identity.boot != mesh.nodes["twin"].replica.identity.boot


def test_most_of_what_both_twins_wrote_while_split_survives(mesh_of):
    mesh = mesh_of("abcd")
    fill(mesh, "a", 50)
    mesh.settle()
    mesh.clone("a", "twin")
    mesh.partition("ab", ["c", "d", "twin"])
    for number in range(50):
        mesh.write("a", f"left/{number}", number)
        mesh.write("twin", f"right/{number}", number)
        mesh.run(seconds=0.02)
    mesh.run(seconds=20)
    mesh.heal()

    mesh.settle(within_s=60)
    survived = mesh.state("b")
    assert sum(key.startswith("a/") for key in survived) == 50
    assert sum(key.startswith(("left/", "right/")) for key in survived) >= 60


def test_a_mesh_with_a_clone_comes_to_rest(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 20)
    mesh.settle()
    mesh.clone("a", "twin")
    for number in range(20):
        mesh.write("a", f"x/{number}", 1)
        mesh.write("twin", f"y/{number}", 2)
        mesh.run(seconds=0.3)
    mesh.settle(within_s=60)
    mesh.run(seconds=60)
    mesh.traffic.clear()
    mesh.run(seconds=60)

    assert mesh.traffic.kinds() == {"beacon"}
