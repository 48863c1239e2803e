"""Loss, doubles, disorder, delay: what multicast does on a bad day."""

from __future__ import annotations

import pytest
from scenes import fill


def chatter(mesh, seconds: float) -> int:
    """Let everyone write now and then; return how many keys there must be."""
    rounds = int(seconds * 20)
    for number in range(rounds):
        name = mesh.rng.choice(list(mesh.nodes))
        mesh.write(name, f"key/{number}", name)
        mesh.write(name, "shared", number)
        mesh.run(seconds=0.05)
    return rounds + 1


def test_with_thirty_percent_loss_everyone_agrees_within_seconds(mesh_of):
    mesh = mesh_of("abcde")
    mesh.links.loss = 0.3

    keys = chatter(mesh, seconds=10)

    assert mesh.settle(within_s=15) < 8
    assert len(mesh.state("a")) == keys


def test_loss_is_repaired_while_writes_go_on_and_not_only_afterwards(mesh_of):
    mesh = mesh_of("abcde")
    mesh.links.loss = 0.3
    behind = []
    for _ in range(100):
        mesh.write("a", "counter", len(behind))
        mesh.run(seconds=0.1)
        behind.append(len(behind) - (mesh.read("e", "counter") or 0))

    assert sorted(behind)[80] <= 5


def test_with_two_thirds_lost_everyone_still_agrees(mesh_of):
    mesh = mesh_of("abcde")
    mesh.links.loss = 0.67

    keys = chatter(mesh, seconds=5)

    assert mesh.settle(within_s=60) < 60
    assert len(mesh.state("a")) == keys


def test_doubled_and_reordered_datagrams_change_nothing(mesh_of):
    mesh = mesh_of("abcde")
    mesh.links.doubling = 0.3
    mesh.links.disorder = 0.3

    keys = chatter(mesh, seconds=10)

    assert mesh.settle(within_s=10) < 5
    assert len(mesh.state("a")) == keys


def test_loss_doubles_and_disorder_together_are_survived(mesh_of):
    mesh = mesh_of("abcd")
    mesh.links.loss, mesh.links.doubling, mesh.links.disorder = 0.3, 0.2, 0.3
    mesh.links.held_up_s = 3.0

    keys = chatter(mesh, seconds=10)

    assert mesh.settle(within_s=20) < 20
    assert len(mesh.state("a")) == keys


@pytest.mark.parametrize("delay_s", [0.05, 0.3])
def test_a_slow_network_is_only_slow(mesh_of, delay_s):
    mesh = mesh_of("abc")
    mesh.links.delay_s = (delay_s, 1.5 * delay_s)
    mesh.run(seconds=5)

    keys = chatter(mesh, seconds=3)

    assert mesh.settle(within_s=20) < 15
    assert len(mesh.state("a")) == keys


def test_one_lost_datagram_is_repaired_without_an_exchange(mesh_of):
    mesh = mesh_of("abcde")
    fill(mesh, "a", 10)
    mesh.settle()
    mesh.run(seconds=5)
    mesh.traffic.clear()

    mesh.links.loss = 1.0
    mesh.write("a", "lost", 1)
    mesh.run(seconds=0.001)
    mesh.links.loss = 0.0
    mesh.run(seconds=0.1)
    mesh.write("a", "next", 1)

    assert mesh.settle(within_s=3) < 1
    assert mesh.traffic.count("delta end") == 0


def test_a_peer_that_hears_multicast_badly_is_streamed_to(mesh_of):
    mesh = mesh_of("abc")
    mesh.links.losses["b"] = 0.6
    for number in range(200):
        mesh.write("a", f"key/{number}", number)
        mesh.run(seconds=0.1)
    mesh.traffic.clear()
    for number in range(50):
        mesh.write("a", f"more/{number}", number)
        mesh.run(seconds=0.1)

    assert mesh.traffic.count("batch", node="a", way="stream") >= 40
    assert mesh.settle(within_s=5) < 5
