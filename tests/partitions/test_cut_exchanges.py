"""An exchange that is cut, at whatever byte, teaches nothing, and the next one repairs everything."""

from __future__ import annotations

import pytest
from scenes import fill, mesh_of

SIZE_BYTES = 6000
"""About what the exchange below takes; cuts beyond it cut nothing."""


def prepared(seed: object) -> object:
    mesh = mesh_of(seed, "ab")
    fill(mesh, "a", 150)
    mesh.settle()
    mesh.partition("a", "b")
    mesh.run(seconds=15)
    for number in range(0, 150, 2):
        mesh.delete("a", f"a/{number}")
    mesh.batch("a", {f"batch/{number}": number for number in range(60)})
    mesh.batch("b", {f"other/{number}": number for number in range(60)})
    return mesh


@pytest.mark.parametrize("way", ["ab", "ba"])
@pytest.mark.parametrize("chunk", [0, 1, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(2, 6))])
def test_an_exchange_cut_at_any_byte_changes_nothing_and_the_next_repairs_all(way, chunk):
    for cut_at in range(1 + chunk, SIZE_BYTES, 6 * 101):
        mesh = prepared(0)
        mesh.heal()
        mesh.links.break_stream_after(*way, cut_at)

        mesh.settle(within_s=20)

        assert len(mesh.state("a")) == 75 + 120


def test_a_late_join_cut_many_times_gets_there_in_the_end(mesh_of, seed):
    mesh = mesh_of("ab")
    fill(mesh, "a", 3000)
    mesh.settle()
    mesh.add("late")
    for _ in range(8):
        mesh.links.break_stream_after("a", "late", mesh.rng.randint(1, 30_000))
        mesh.links.break_stream_after("b", "late", mesh.rng.randint(1, 30_000))
        mesh.run(seconds=1.5)

    mesh.settle(within_s=20)

    assert len(mesh.state("late")) == 3000


def test_a_partition_in_the_middle_of_an_exchange_only_delays_it(mesh_of):
    mesh = mesh_of("ab")
    fill(mesh, "a", 5000)
    mesh.settle()
    mesh.links.bytes_per_s = 50_000
    mesh.add("late")
    mesh.run(seconds=0.6)
    assert 0 < mesh.traffic.count("delta") < 10

    mesh.partition("ab", ["late"])
    mesh.write("a", "a/1", "changed")
    mesh.run(seconds=40)
    mesh.heal()
    mesh.links.bytes_per_s = 50e6

    mesh.settle(within_s=20)
    assert len(mesh.state("late")) == 5000


def test_writes_during_a_slow_exchange_are_all_there_in_the_end(mesh_of):
    mesh = mesh_of("ab")
    fill(mesh, "a", 3000)
    mesh.settle()
    mesh.links.bytes_per_s = 30_000
    mesh.add("late")
    for number in range(100):
        mesh.write("a", f"during/{number}", number)
        mesh.write("late", f"late/{number}", number)
        mesh.run(seconds=0.02)
    mesh.links.bytes_per_s = 50e6

    mesh.settle(within_s=20)
    assert len(mesh.state("late")) == 3200
