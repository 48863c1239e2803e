"""A converged, idle mesh sends beacons and nothing else, however much it holds and whatever it went through."""

from __future__ import annotations

import pytest
from scenes import fill, mesh_of

from gossamer.options import Options
from gossamer.simulation import Simulation
from gossamer.wire.values import encode_value

QUIET_S = 60.0


def idle_bytes_per_s(mesh: Simulation, name: str) -> float:
    """Return what one node sends while nothing happens, and assert that it is beacons."""
    mesh.settle(within_s=30)
    mesh.run(seconds=20)
    mesh.traffic.clear()
    mesh.run(seconds=QUIET_S)

    assert mesh.traffic.kinds() == {"beacon"}
    return mesh.traffic.size_bytes(node=name) / QUIET_S


def with_keys(count: int) -> Simulation:
    mesh = mesh_of(0, "ab")
    mesh.checks.honest = count <= 10_000  # bytes are measured here; other tests compare large states
    for start in range(0, count, 1000):
        mesh.batch("a", {f"key/{number}": number for number in range(start, min(count, start + 1000))})
    return mesh


def with_past_origins(count: int) -> Simulation:
    """A mesh in which so many short-lived writers have written one key each, and are gone."""
    mesh = mesh_of(0, "ab")
    node = mesh.nodes["a"]
    ledger = node.replica.ledger
    for number in range(count):
        with ledger.lock:
            ledger.close_batch()
            ledger.origin = ledger.outbox = None
        node.write(f"key/{number}", encode_value(number))
    assert len(ledger.state.known) == count
    mesh.run(seconds=10)
    mesh.add("c")
    return mesh


@pytest.fixture(scope="module")
def usual() -> float:
    return idle_bytes_per_s(with_keys(1), "a")


@pytest.mark.parametrize("keys", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_idle_traffic_does_not_grow_with_the_number_of_keys(keys, usual):
    assert idle_bytes_per_s(with_keys(keys), "a") <= 1.1 * usual


@pytest.mark.slow
def test_idle_traffic_does_not_grow_with_ten_thousand_past_origins(usual):
    assert idle_bytes_per_s(with_past_origins(10_000), "a") <= 1.1 * usual


def test_deletes_leave_no_idle_traffic(usual):
    mesh = with_keys(2000)
    mesh.settle()
    for number in range(2000):
        mesh.delete("b", f"key/{number}")

    assert idle_bytes_per_s(mesh, "a") <= 1.1 * usual


def test_a_mesh_that_was_split_is_quiet_again_once_it_has_healed(seed, usual):
    mesh = mesh_of(seed, "abcdef")
    mesh.partition("abc", "def")
    for name in "abcdef":
        fill(mesh, name, 20)
        mesh.write(name, "shared", name)
    mesh.run(seconds=60)
    mesh.heal()

    assert idle_bytes_per_s(mesh, "a") <= 1.3 * usual


def test_a_mesh_in_which_one_died_is_quiet_again(seed):
    mesh = mesh_of(seed, "abcd")
    fill(mesh, "d", 20)
    mesh.run(seconds=1)
    mesh.crash("d")
    mesh.run(seconds=30)

    idle_bytes_per_s(mesh, "a")


def test_a_beacon_takes_no_more_than_two_hundred_bytes():
    mesh = mesh_of(0, "abc")
    for name in "abc":
        mesh.write(name, name, 1)
    mesh.settle()
    mesh.run(seconds=5)
    mesh.traffic.clear()
    mesh.run(seconds=60)

    assert mesh.traffic.size_bytes("beacon") / mesh.traffic.count("beacon") < 140


@pytest.mark.parametrize("nodes", [5, 20, 40])
def test_beacons_of_all_together_keep_to_a_twentieth_of_the_budget(nodes):
    options = Options(bandwidth_bits_per_s=200_000)
    mesh = mesh_of(0, [f"n{number}" for number in range(nodes)], options=options)
    mesh.run(seconds=10)
    mesh.traffic.clear()
    mesh.run(seconds=120)

    bits_per_s = mesh.traffic.size_bytes("beacon", way="multicast") * 8 / 120
    assert bits_per_s < 0.05 * 200_000
    expected_s = max(1.0, nodes * 250 * 8 / (0.05 * 200_000))
    assert mesh.traffic.count("beacon", way="multicast") == pytest.approx(nodes * 120 / expected_s, rel=0.2)
