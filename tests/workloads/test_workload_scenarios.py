"""The workloads as scenarios: each file tells its story to a simulated world, in each of its strengths."""

from __future__ import annotations

import pytest

from gossamer.simulation import Simulation, Wrong
from gossamer.simulation.catalogue import find, scenarios
from gossamer.simulation.workloads import nemesis

TOLD = [
    (story, variant)
    for name, story in scenarios().items()
    if name.startswith("workload-")
    for variant in story.variants
]


@pytest.mark.slow
@pytest.mark.parametrize(("story", "variant"), TOLD, ids=lambda item: getattr(item, "name", item) or "plain")
def test_a_workload_is_told_as_a_scenario(story, variant):
    world = Simulation(0, size=story.nodes)

    story.play(world, **story.variants[variant])

    assert world.figures["agreement_s"] < 10


def test_a_bank_that_stays_in_order_fails_its_scenario(monkeypatch):
    monkeypatch.setattr(nemesis.Nemesis, "turn", lambda self: None)

    with pytest.raises(Wrong, match="stayed in order"):
        find("workload-bank").play(Simulation(0), ledger=True)
