"""Events under loss, splits and deaths; `simulation.event_promises` looks at every single one."""

from __future__ import annotations

import pytest
from scenes import mesh_of

from gossamer.protocol.event_ring import KEPT_EVENTS
from gossamer.simulation.oracle import Wrong


def emitted(mesh, name, count, start=0, *, write=True, step_s=0.01):
    for n in range(start, start + count):
        if write:
            mesh.write(name, f"{name}/n", n)
        mesh.emit(name, "n", n)
        mesh.run(step_s)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_each_of_two_thousand_events_through_loss_starts_once_in_order_after_its_state(seed):
    mesh = mesh_of(seed, "abc")
    mesh.weather(loss=0.3, disorder=0.1, doubling=0.1)

    emitted(mesh, "a", 2000, step_s=0.002)
    mesh.run(10)

    assert [mesh.heard(name, "a") for name in "abc"] == [2000] * 3
    assert [mesh.missed(name) for name in "abc"] == [0] * 3
    mesh.settle()


@pytest.mark.parametrize("seed", range(3))
def test_what_was_emitted_in_a_short_split_is_heard_after_it(seed):
    mesh = mesh_of(seed, "abcd")
    mesh.partition("ab", "cd")
    for name in "ac":
        emitted(mesh, name, 50)
    mesh.run(10)

    mesh.heal()
    mesh.run(15)

    assert all(mesh.heard(name, sender) == 50 for name in "abcd" for sender in "ac")
    assert not any(mesh.missed(name) for name in "abcd")
    mesh.settle()


def test_of_a_long_split_what_can_no_longer_be_repeated_is_missed_and_counted():
    mesh = mesh_of(1, "ab")
    mesh.partition("a", "b")
    emitted(mesh, "a", 700)
    mesh.run(40)
    emitted(mesh, "a", 1, start=700)

    mesh.heal()
    mesh.run(20)

    assert mesh.heard("b", "a") == KEPT_EVENTS
    assert mesh.missed("b") == 701 - KEPT_EVENTS
    assert mesh.nodes["b"].events[0].missed == 701 - KEPT_EVENTS
    mesh.settle()


def test_what_a_peer_said_last_before_it_died_is_missed_aloud_if_nobody_heard_it():
    mesh = mesh_of(2, "ab")
    emitted(mesh, "a", 5)
    mesh.cut("a", "b")
    emitted(mesh, "a", 3, start=5)
    mesh.mend("a", "b")
    mesh.weather(loss=1.0)
    mesh.run(0.01)
    mesh.kill("a")
    mesh.weather(loss=0.0)
    mesh.run(60)

    assert mesh.heard("b", "a") == 5


def test_a_peer_that_never_wrote_emits_too():
    mesh = mesh_of(3, "abc")
    mesh.weather(loss=0.3)

    emitted(mesh, "a", 100, write=False)
    mesh.run(5)

    assert [mesh.heard(name, "a") for name in "bc"] == [100, 100]
    assert mesh.nodes["a"].replica.ledger.origin is None


def test_the_last_event_of_a_burst_is_repaired_though_nothing_follows_it():
    mesh = mesh_of(4, "ab")
    mesh.cut("a", "b")
    emitted(mesh, "a", 1)
    mesh.mend("a", "b")
    mesh.run(3)

    assert mesh.heard("b", "a") == 1


def test_a_network_without_multicast_carries_events_by_streams():
    mesh = mesh_of(5, "ab", settled=False)
    mesh.weather(multicast=False)
    mesh.hint("b", ["a"])
    mesh.run(15)

    emitted(mesh, "a", 200)
    emitted(mesh, "b", 200)
    mesh.run(5)

    assert (mesh.heard("b", "a"), mesh.heard("a", "b")) == (200, 200)
    assert not any(node.counts()["events repeated"] for node in mesh.nodes.values())


def test_a_flood_of_events_neither_delays_state_nor_is_lost():
    mesh = mesh_of(6, "abc")
    for n in range(20_000):
        mesh.emit("a", "flood", n)
    mesh.write("a", "k", 1)
    mesh.run(0.1)
    seen = [mesh.read(name, "k") for name in "bc"]
    mesh.run(10)

    assert seen == [1, 1]
    assert [mesh.heard(name, "a") for name in "bc"] == [20_000, 20_000]
    mesh.settle()


def test_who_restarts_counts_anew_and_is_heard_anew():
    mesh = mesh_of(7, "ab")
    emitted(mesh, "a", 3)
    mesh.run(1)
    mesh.restart("a")
    mesh.run(5)
    emitted(mesh, "a", 2)
    mesh.run(3)

    assert [event.number for event in mesh.nodes["b"].events] == [1, 2, 3, 1, 2]


def test_a_quiet_mesh_sends_nothing_of_events():
    mesh = mesh_of(8, "ab")
    mesh.run(10)

    assert not any("event" in name for node in mesh.nodes.values() for name, n in node.counts().items() if n)
    assert mesh.nodes["a"].replica.emissions.ring.head(0.0) == []


def test_the_promises_notice_an_event_that_came_too_early_or_twice():
    mesh = mesh_of(9, "ab")
    emitted(mesh, "a", 3)
    mesh.run(1)
    node = mesh.nodes["b"]

    with pytest.raises(Wrong, match="after 3"):
        node.happened(node.events[-1:])


def test_an_event_that_came_before_its_state_starts_as_soon_as_that_is_here():
    mesh = mesh_of(10, "ab")
    mesh.write("a", "large", "x" * 3_000_000)
    mesh.emit("a", "ready")
    mesh.run(0.01)
    assert mesh.read("b", "large") is None
    assert mesh.heard("b", "a") == 0

    while mesh.read("b", "large") is None:
        mesh.run(0.001)
    mesh.run(0.003)

    assert mesh.heard("b", "a") == 1
