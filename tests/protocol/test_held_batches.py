"""Batches that come too early are held, within bounds; what is dropped costs an exchange and nothing else."""

from __future__ import annotations

from gossamer.options import Options
from gossamer.simulation import Simulation

HELD_BYTES_MAX = 4000


def behind_by_one(options: Options) -> Simulation:
    """Three peers of which `c` has missed one write of `a`, and is told nothing more for a moment."""
    mesh = Simulation("held", options=options)
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=3)
    mesh.links.losses = {"c": 1.0}
    mesh.write("a", "missed", "x" * 1000)
    mesh.run(seconds=0.005)
    mesh.links.losses = {}
    return mesh


def flood(mesh: Simulation, batches: int, first: int = 0) -> None:
    """Let `a` write what leaves no room to repeat earlier batches, faster than anybody asks for the one that lacks."""
    for number in range(first, first + batches):
        mesh.write("a", f"after/{number}", mesh.rng.randbytes(900))
        mesh.run(seconds=0.001)


def held(mesh: Simulation) -> int:
    return mesh.nodes["c"].replica.ledger.waiting.size_bytes


def test_what_follows_a_loss_is_held_and_applied_once_the_loss_is_repaired():
    mesh = behind_by_one(Options())
    flood(mesh, 10)
    mesh.traffic.clear()
    assert held(mesh) > 9 * 900
    assert mesh.state("c") == {}

    assert mesh.settle(within_s=2) < 0.5
    assert len(mesh.state("c")) == 11
    assert mesh.traffic.count("delta end") == 0
    assert held(mesh) == 0


def test_no_more_is_held_than_allowed_and_what_was_dropped_costs_an_exchange_and_nothing_else():
    mesh = behind_by_one(Options(held_batches_bytes=HELD_BYTES_MAX, repair_floor_s=0.3))
    mesh.traffic.clear()
    for first in range(40):
        flood(mesh, 1, first)
        assert held(mesh) <= HELD_BYTES_MAX
    assert held(mesh) > HELD_BYTES_MAX - 1100

    mesh.settle(within_s=5)

    assert len(mesh.state("c")) == 41
    assert held(mesh) == 0
    assert 1 <= mesh.traffic.count("delta end") <= 4


def test_of_what_is_held_the_farthest_ahead_is_dropped_first():
    mesh = behind_by_one(Options(held_batches_bytes=HELD_BYTES_MAX, repair_floor_s=0.3))
    flood(mesh, 40)
    waiting = mesh.nodes["c"].replica.ledger.waiting
    [origin] = waiting.origins()

    assert waiting.gaps(origin) == [(0, 1)]


def test_a_batch_larger_than_all_that_may_be_held_is_not_held_at_all():
    mesh = behind_by_one(Options(held_batches_bytes=500, repair_floor_s=0.3))
    flood(mesh, 3)
    assert held(mesh) == 0

    mesh.settle(within_s=5)

    assert len(mesh.state("c")) == 4


def test_a_doubled_batch_is_held_once():
    mesh = behind_by_one(Options(repair_floor_s=0.3))
    mesh.links.doubling = 1.0
    flood(mesh, 5)

    assert held(mesh) < 5 * 1000

    mesh.settle(within_s=5)
    assert len(mesh.state("c")) == 6
