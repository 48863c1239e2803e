"""One value wins, everywhere the same, and it is the one that the documented rule says."""

from __future__ import annotations

from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import Register, expect, trial


@scenario(nodes=5, seconds=60)
def workload_register(world: World) -> None:
    """Blind writes to a few keys by clocks that are minutes apart: the winner was written, and is the greatest."""
    expect(trial(world, Register()))
