"""Processes that stand still for a while: SIGSTOP, swapping, a laptop that sleeps."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.protocol.effects import Joined, Left, Presence


@pytest.mark.parametrize("stall_s", [4, 20, 600])
def test_who_stood_still_accuses_nobody_on_waking(mesh_of, stall_s):
    mesh = mesh_of("abcdef")

    mesh.pause("c")
    mesh.run(seconds=stall_s)
    mesh.resume("c")
    mesh.run(seconds=20)

    assert not mesh.notices("c", Left)
    assert mesh.sees("c") == set("abdef")


def test_who_stands_still_for_twenty_seconds_is_missed_and_comes_back(mesh_of):
    mesh = mesh_of("abcdef")
    began = mesh.now

    mesh.pause("c")
    mesh.run(seconds=20)

    for name in "abdef":
        assert [left.presence for left in mesh.notices(name, Left)] == [Presence.FAILED]

    mesh.resume("c")
    mesh.run(seconds=5)

    assert all(len(mesh.notices(name, Joined, since=began)) == 1 for name in "abdef")
    assert all("c" in mesh.sees(name) for name in "abdef")


def test_who_stands_still_for_two_seconds_is_not_missed(mesh_of):
    mesh = mesh_of("abcdef")

    mesh.pause("c")
    mesh.run(seconds=2)
    mesh.resume("c")
    mesh.run(seconds=20)

    assert not any(mesh.notices(name, Left) for name in "abdef")


def test_who_stood_still_catches_up_with_what_was_written_meanwhile(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 100)
    mesh.settle()
    mesh.pause("c")
    fill(mesh, "b", 2000)
    mesh.write("a", "a/0", "changed")
    mesh.run(seconds=20)

    mesh.resume("c")

    assert mesh.settle(within_s=10) < 8
    assert len(mesh.state("c")) == 2100


def test_a_peer_that_reads_nothing_delays_no_other_and_costs_its_writer_no_memory(mesh):
    mesh.links.multicast = False
    names = ["a", "b", "slow"]
    for name in names:
        mesh.add(name, multicast=False, peers=["a"] if name != "a" else ())
    mesh.run(seconds=10)

    mesh.pause("slow")
    for number in range(400):
        mesh.write("a", f"key/{number % 50}", "x" * 20_000)
        mesh.run(seconds=0.01)

        assert number < 20 or mesh.difference(["a", "b"]) == "" or mesh.settle(among=["a", "b"], within_s=1) < 0.5
    outbox = mesh.nodes["a"].replica.ledger.outbox
    assert sum(len(encoded.data) for encoded in outbox.ring) <= mesh.options.batch_ring_bytes + 40_000

    mesh.resume("slow")
    mesh.settle(within_s=20)


def test_two_who_slept_together_meet_again(mesh_of):
    mesh = mesh_of("ab")
    mesh.pause("a")
    mesh.pause("b")
    mesh.run(seconds=3600)
    mesh.resume("a")
    mesh.run(seconds=1)
    mesh.resume("b")
    mesh.write("a", "key", 1)

    assert mesh.settle(within_s=10) < 8
    mesh.run(seconds=10)
    assert mesh.sees("a") == {"b"}
