"""The workloads as scenarios: each file tells its story to a simulated world, in each of its strengths."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from gossamer.simulation import Simulation, Wrong
from gossamer.simulation.scenario import Scenario
from gossamer.simulation.workloads import nemesis

FOLDER = Path(__file__).parents[2] / "simulations" / "scenarios"


def scenarios() -> list[tuple[Scenario, str]]:
    """Return (scenario, variant), for each."""
    found = []
    for path in sorted(FOLDER.glob("workload-*.py")):
        spec = spec_from_file_location(path.stem.replace("-", "_"), path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        story = next(item for item in vars(module).values() if isinstance(item, Scenario))
        assert story.name == path.stem
        found += [(story, variant) for variant in story.variants]
    return found


@pytest.mark.parametrize(("story", "variant"), scenarios(), ids=lambda item: getattr(item, "name", item) or "plain")
def test_a_workload_is_told_as_a_scenario(story, variant):
    world = Simulation(0, size=story.nodes)

    story.play(world, **story.variants[variant])

    assert world.figures["agreement_s"] < 10


def test_a_bank_that_stays_in_order_fails_its_scenario(monkeypatch):
    monkeypatch.setattr(nemesis.Nemesis, "turn", lambda self: None)
    story = next(story for story, variant in scenarios() if story.name == "workload-bank" and variant == "ledger")

    with pytest.raises(Wrong, match="stayed in order"):
        story.play(Simulation(3, size=1), ledger=True)
