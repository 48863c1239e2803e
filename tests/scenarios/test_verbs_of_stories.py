"""What the stories of forks, strangers, watchers and full disks say to the simulator means what it says."""

from __future__ import annotations

import random

import pytest

from gossamer.simulation import Simulation, Wrong
from gossamer.simulation.links import Datagram
from gossamer.simulation.promises import Silence
from gossamer.simulation.scenario import NoSuchFault
from gossamer.simulation.stranger import Stranger, _is_sound


@pytest.fixture
def mesh():
    mesh = Simulation(1, size=3)
    mesh.start()
    return mesh


def origin(mesh, name):
    return mesh.nodes[name].replica.ledger.origin


# -- forks ----------------------------------------------------------------------------------------


def test_a_child_holds_what_its_parent_held_and_writes_under_an_origin_of_its_own(mesh):
    mesh.write("n0", "x", 1)
    mesh.fork("n0", "child")
    held = mesh.state("child")
    mesh.write("child", "x", 2)
    mesh.write("n0", "y", 3)
    mesh.settle(within_s=5)

    assert held == {"x": 1}
    assert mesh.state("n1") == {"x": 2, "y": 3}
    assert len({origin(mesh, "n0"), origin(mesh, "child")}) == 2
    assert mesh.nodes["child"].host == mesh.nodes["n0"].host
    assert mesh.nodes["child"].unicast_address != mesh.nodes["n0"].unicast_address


def test_a_process_that_forks_before_its_first_write_shares_no_origin_with_its_children_either(mesh):
    mesh.fork("n0", "child")
    mesh.fork("n0", "another")
    mesh.fork("child", "grandchild")
    for name in ("n0", "child", "another", "grandchild"):
        mesh.write(name, name, 1)
    mesh.settle(within_s=5)

    assert len({origin(mesh, name) for name in ("n0", "child", "another", "grandchild")}) == 4
    assert mesh.sees("n1") == {"n0", "n2", "child", "another", "grandchild"}


def test_what_a_parent_had_not_sent_when_it_died_is_with_its_child(mesh):
    mesh.write("n0", "x", 1)
    mesh.fork("n0", "child")
    mesh.kill("n0")
    mesh.settle(within_s=5)

    assert mesh.state("n1") == {"x": 1}
    Silence().judge(mesh)


@pytest.mark.parametrize("forks", [1, 3])
def test_a_process_that_was_alone_when_it_wrote_and_forked_agrees_with_its_children_and_falls_silent(forks):
    mesh = Simulation(1)
    mesh.add("parent")
    mesh.write("parent", "x", 1)
    for number in range(forks):
        mesh.fork("parent", f"child{number}")
    mesh.settle(within_s=5)
    mesh.add("late")
    mesh.settle(within_s=5)

    assert mesh.state("late") == {"x": 1}
    Silence().judge(mesh)


def test_a_child_shares_the_computer_of_its_parent_its_cables_and_its_power(mesh):
    mesh.fork("n0", "child")
    mesh.run(1)
    mesh.partition(["n0"], ["n1", "n2"])
    mesh.write("child", "x", 1)
    mesh.settle(within_s=5, among=["n0", "child"])
    apart = mesh.state("n1")
    mesh.heal()
    mesh.settle(within_s=5)
    mesh.crash("n0")

    assert apart == {}
    assert not mesh.nodes["child"].is_up


def test_a_process_that_stands_still_cannot_fork(mesh):
    mesh.pause("n0")

    with pytest.raises(ValueError, match="cannot fork"):
        mesh.fork("n0", "child")


# -- watchers -------------------------------------------------------------------------------------


def test_a_watcher_takes_what_changed_since_it_last_did(mesh):
    mesh.write("n0", "before", 0)
    mesh.settle()
    mesh.begin_watching("n1", changes_max=10)
    mesh.write("n0", "x", 1)
    mesh.write("n1", "x", 2)
    mesh.settle()
    taken = mesh.take_changes("n1")

    assert [key for key, _, _ in taken] == ["x"] * len(taken)
    assert taken[-1][2] == mesh.read("n1", "x")
    assert mesh.take_changes("n1") == []


def test_nobody_takes_changes_who_does_not_watch_and_nobody_watches_twice(mesh):
    with pytest.raises(ValueError, match="begin_watching"):
        mesh.take_changes("n0")
    mesh.begin_watching("n0", changes_max=1)
    with pytest.raises(ValueError, match="nothing can watch there"):
        mesh.begin_watching("n0", changes_max=1)


# -- strangers ------------------------------------------------------------------------------------


def test_a_stranger_says_nothing_that_is_sound_and_mutilates_what_it_overheard(mesh):
    stranger = Stranger(mesh.engine, mesh.links, random.Random(1), 0.5)
    stranger.begin()
    mesh.run(2)
    noise = [stranger._noise() for _ in range(500)]

    assert mesh.links.overheard
    assert not any(map(_is_sound, noise))
    assert len(set(noise)) > 400
    assert all(map(_is_sound, mesh.links.overheard))


def test_what_a_node_cannot_read_of_a_stranger_is_counted_and_of_another_node_is_a_bug(mesh):
    node = mesh.nodes["n0"]

    def garbage(sender):
        return Datagram(sender, b"b" * 12, ("10.0.0.9", 1), b"\xff\xff?", (), True, mesh.now)

    before = mesh.refused("n0")
    node.process.datagram(garbage("a stranger"))

    assert mesh.refused("n0") == before + 1
    with pytest.raises(Wrong, match="could not read what another node sent"):
        node.process.datagram(garbage("n1"))


# -- disks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["fill_disk", "free_disk"])
def test_a_simulated_computer_has_no_disk(mesh, verb):
    with pytest.raises(NoSuchFault, match="rig"):
        getattr(mesh, verb)("n0")
