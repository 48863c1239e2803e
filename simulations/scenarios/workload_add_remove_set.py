"""What was removed stays removed."""

from __future__ import annotations

from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import AddRemoveSet, expect, trial


@scenario(nodes=5, seconds=60)
def workload_add_remove_set(world: World) -> None:
    """Owners add, anybody removes what it sees, under a nemesis: nothing comes back, and nothing else goes."""
    expect(trial(world, AddRemoveSet()))
