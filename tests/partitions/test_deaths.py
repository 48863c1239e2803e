"""Processes and computers that die, and how the others take it."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.protocol.effects import Joined, Left, Presence


def test_what_one_of_many_heard_from_a_writer_that_died_reaches_all(mesh_of):
    mesh = mesh_of("abcde")
    for name in "bcd":
        mesh.cut("a", name)
    mesh.write("a", "last words", "remember")
    mesh.run(seconds=0.05)
    assert mesh.read("e", "last words") == "remember"
    assert mesh.read("b", "last words") is None

    mesh.crash("a")

    assert mesh.settle(within_s=10) < 8
    assert mesh.read("b", "last words") == "remember"


def test_a_delete_that_nobody_heard_did_not_happen(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("b", "key", 1)
    mesh.settle()

    mesh.partition("a", "bc")
    mesh.delete("a", "key")
    mesh.run(seconds=1)
    mesh.crash("a")
    mesh.heal()
    mesh.run(seconds=20)

    assert mesh.read("b", "key") == mesh.read("c", "key") == 1


def test_what_survives_of_a_writer_that_died_is_a_prefix_of_its_writes(mesh_of):
    mesh = mesh_of("abcd")
    mesh.links.loss = 0.5
    for number in range(100):
        mesh.write("a", f"key/{number:03}", number)
        mesh.run(seconds=0.003)

    mesh.crash("a")
    mesh.links.loss = 0.0
    mesh.settle(within_s=15)

    survived = sorted(mesh.state("b").values())
    assert survived == list(range(len(survived)))


def test_a_process_that_was_killed_is_missed_by_all_within_ten_seconds(mesh_of):
    mesh = mesh_of("abcdef")
    died_at = mesh.now

    mesh.kill("c")
    mesh.run(seconds=10)

    for name in "abdef":
        assert [left.presence for left in mesh.notices(name, Left, since=died_at)] == [Presence.FAILED]
        assert "c" not in mesh.sees(name)


def test_a_computer_that_lost_power_is_missed_by_all_within_ten_seconds(mesh_of):
    mesh = mesh_of("abcdef")

    mesh.crash("c")
    mesh.run(seconds=10)

    assert all("c" not in mesh.sees(name) for name in "abdef")


def test_in_a_lossy_network_nobody_who_lives_is_called_dead(mesh_of):
    mesh = mesh_of("abcdef")
    mesh.links.loss = 0.3

    mesh.run(seconds=120)

    assert not any(mesh.notices(name, Left) for name in "abcdef")


def test_a_goodbye_is_heard_at_once(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("c", "x", 1)

    mesh.stop("c")

    for name in "ab":
        assert [left.presence for left in mesh.notices(name, Left)] == [Presence.LEFT]
        assert mesh.sees(name) == {"a", "b"} - {name}


def test_who_said_goodbye_does_not_come_back_with_a_late_datagram(mesh_of):
    mesh = mesh_of("abc")
    mesh.links.disorder, mesh.links.held_up_s = 0.5, 1.0
    mesh.run(seconds=3)
    for name in "ab":
        mesh.nodes[name].notices.clear()

    mesh.stop("c")
    mesh.run(seconds=30)

    assert not any(mesh.notices(name, Joined) for name in "ab")
    assert all(len(mesh.notices(name, Left)) == 1 for name in "ab")


def test_who_closes_knows_that_its_last_write_was_heard(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("c", "last", "words")

    took_s = mesh.stop("c")

    assert took_s < 0.1
    assert mesh.read("a", "last") == mesh.read("b", "last") == "words"


def test_who_closes_alone_behind_a_dead_network_gives_up_after_the_linger(mesh_of):
    mesh = mesh_of("abc")
    mesh.partition("ab", "c")
    mesh.write("c", "last", "words")

    assert mesh.stop("c") == pytest.approx(1.0, abs=0.05)


def test_when_all_but_one_die_the_last_one_goes_on(mesh_of):
    mesh = mesh_of("abcd")
    fill(mesh, "a", 20)
    mesh.settle()

    for name in "abc":
        mesh.crash(name)
    mesh.write("d", "alone", 1)
    mesh.run(seconds=30)
    mesh.add("e")

    mesh.settle(within_s=3)
    assert len(mesh.state("e")) == 21


def test_a_chain_of_heirs_loses_nothing(mesh_of):
    """Each peer lives only long enough to hand over to the next."""
    mesh = mesh_of("a")
    fill(mesh, "a", 50)
    for heir, dies in zip("bcdefgh", "abcdefg", strict=True):
        mesh.add(heir)
        mesh.write(heir, f"reign/{heir}", 1)
        mesh.settle(within_s=5)
        mesh.kill(dies)

    assert len(mesh.state("h")) == 57
