"""A write that has seen another never loses to it."""

from __future__ import annotations

from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import CausalAppend, expect, trial


@scenario(nodes=6, seconds=60)
def workload_causal_append(world: World) -> None:
    """Clients append to lists that they have read, by clocks an hour ahead and an hour behind."""
    expect(trial(world, CausalAppend()))
