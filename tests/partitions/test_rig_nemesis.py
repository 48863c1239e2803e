"""Real peers under random faults lose nothing that they acknowledged, and agree soon after."""

from __future__ import annotations

import os

import pytest

from gossamer.simulation.catalogue import find
from gossamer.simulation.rig import Rig, available
from gossamer.simulation.rig.nemesis import FAULTS, Nemesis, schedule_of
from gossamer.simulation.schedule import Schedule


def test_a_schedule_is_a_function_of_its_seed_and_survives_being_written_down():
    schedule = schedule_of(3, 5, 60)

    assert schedule == schedule_of(3, 5, 60) == Schedule.from_json(schedule.to_json())
    assert schedule != schedule_of(4, 5, 60)
    assert {step.verb for step in schedule.steps} > set(FAULTS)


@pytest.mark.netns
@pytest.mark.skipif(bool(available()), reason=available())
@pytest.mark.timeout(180)
def test_five_peers_lose_nothing_in_a_minute_of_random_faults_and_agree_within_three_seconds():
    seed = int(os.environ.get("GOSSAMER_NEMESIS_SEED", "1"))
    schedule = schedule_of(seed, nodes=5, seconds=60)
    with Rig(seed) as rig:
        nemesis = Nemesis(rig, schedule)
        nemesis.play()
        took_s = nemesis.recover(within_s=20)

    assert took_s < 3, rig.said
    assert len(rig.record.writes) > 500
    assert sum(nemesis.done[verb] for verb in nemesis.done.keys() & FAULTS.keys()) > 20


@pytest.mark.netns
@pytest.mark.skipif(bool(available()), reason=available())
@pytest.mark.parametrize("name", ["split-brain", "bridge-node", "one-way-link"])
@pytest.mark.timeout(180)
def test_a_story_told_to_the_simulator_can_be_told_to_the_rig(name):
    story = find(name)
    with Rig(1, size=story.nodes) as rig:
        story.play(rig, **next(iter(story.variants.values())))

        assert rig.figures
