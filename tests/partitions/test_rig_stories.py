"""Scenario files told to real processes, and a minute of random faults against five of them."""

from __future__ import annotations

import os

import pytest

from gossamer.simulation.catalogue import scenarios
from gossamer.simulation.rig import Rig, available
from gossamer.simulation.rig.nemesis import Nemesis

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


@pytest.mark.timeout(300)
def test_five_real_peers_lose_nothing_in_a_minute_of_random_faults():
    seed = int(os.environ.get("GOSSAMER_NEMESIS_SEED", "1"))
    with Rig(seed, size=5) as world:
        world.start()
        nemesis = Nemesis(world, seed)
        try:
            nemesis.torment(60)
            nemesis.heal()
            took_s = world.settle(within_s=3)
            nemesis.revive()
            world.settle(within_s=5)
        except Exception as error:
            log = "\n".join(world.log[-60:])
            raise AssertionError(f"seed {seed}: {error}\nwhat happened:\n{log}") from error

    assert world.account.acknowledged > 1000
    assert nemesis.faults > 30
    assert took_s < 3
