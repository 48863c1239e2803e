"""Every acknowledged key is on every node once all has healed."""

from __future__ import annotations

from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import DEADLY, FAULTS, Nemesis, SetFull, expect, trial


@scenario(
    nodes=5,
    variants={"": {"deadly": False}, "deadly": {"deadly": True}},
    seconds=60,
)
def workload_set_full(world: World, deadly: bool = False) -> None:
    """Clients add numbers and read the set while a nemesis splits, loses and pauses; how stale are reads?

    In the deadly variant processes are killed too: of what one wrote that was killed, a prefix is left.
    """
    expect(trial(world, SetFull(), nemesis=Nemesis(DEADLY if deadly else FAULTS)))
