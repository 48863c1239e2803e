"""Scenario files told to real processes."""

from __future__ import annotations

import pytest

from gossamer.simulation.catalogue import scenarios
from gossamer.simulation.rig import Rig, available

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available() or "-")]

TOLD = [
    "split-brain",
    "one-way-link",
    "bridge-node",
    "no-multicast",
    "clock-stepped",
    "deleter-dies-unheard",
    "writer-dies-after-one-heard",
    "everyone-restarts",
    "slow-link",
    "hot-key",
]
ALL = scenarios()


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.timeout(300)
def test_a_scenario_file_holds_with_real_peers(name):
    one = ALL[name]
    with Rig(1, size=min(one.nodes, 5)) as world:
        one.play(world, **next(iter(one.variants.values())))

        assert world.figures
