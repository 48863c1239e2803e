"""Of two batches over the same keys one wins on all."""

from __future__ import annotations

from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import AtomicBatch, expect, trial


@scenario(nodes=5, seconds=60)
def workload_atomic_batch(world: World) -> None:
    """Groups of keys are written whole, by clocks seconds apart, and no read shows two batches crossed."""
    expect(trial(world, AtomicBatch()))
