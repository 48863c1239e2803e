"""Random lives of a mesh: every step of each is held against causality, and each must heal, agree and fall silent."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from gossamer.crdt.open_batch import OpenBatch
from gossamer.simulation import Wrong
from gossamer.simulation.player import Player, play
from gossamer.simulation.promises import Silence
from gossamer.simulation.schedule import NodePlan, Schedule, ScheduleError, Step
from gossamer.simulation.shrinking import failure_of, shrink
from gossamer.simulation.swarm import schedule_of

LIVES = 1920
"""With the 60 of `test_objects_in_the_swarm` and the 20 of `test_lists_in_the_swarm`, 2000 in the default run."""
LIVES_A_TEST = 40


def live(seeds):
    for seed in seeds:
        try:
            play(schedule_of(seed))
        except Exception as error:
            raise AssertionError(f"{error}; again: gossamer simulate replay {seed}") from error


@pytest.mark.parametrize("first", range(0, LIVES, LIVES_A_TEST))
def test_whatever_happens_nothing_is_lost_and_all_agree_in_the_end(first):
    live(range(first, first + LIVES_A_TEST))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(2000, 7000, 250))
@pytest.mark.timeout(300)
def test_whatever_happens_nothing_is_lost_in_thousands_of_lives(first):
    live(range(first, first + 250))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost_in_a_million_lives():
    first = random.SystemRandom().randrange(1 << 40)
    live(range(first, first + int(os.environ.get("GOSSAMER_SOAK_LIVES", "1000000"))))


def test_a_life_is_the_same_in_another_process_whatever_its_hashes_are():
    program = (
        "from gossamer.simulation.player import play; from gossamer.simulation.swarm import schedule_of;"
        "print(play(schedule_of(7)).journal)"
    )

    def lived(hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    assert lived("1") == lived("2") == play(schedule_of(7)).journal


def test_another_seed_lives_another_life():
    assert play(schedule_of(1)).journal != play(schedule_of(2)).journal


def test_every_fault_is_drawn_by_some_seed_and_acts():
    verbs = {step.verb for seed in range(200) for step in schedule_of(seed).steps}

    assert verbs == {name for name in vars(Player) if not name.startswith("_")} - {"safety", "liveness"}


def test_a_schedule_comes_back_from_its_file_and_is_played_the_same_way():
    schedule = schedule_of(11)
    again = Schedule.from_json(schedule.to_json())

    assert again == schedule
    assert play(again).journal == play(schedule).journal


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', '{"version": 1, "options": {"no_such": 1}}'])
def test_what_is_no_schedule_is_refused_in_words(text):
    with pytest.raises(ScheduleError, match="schedule"):
        Schedule.from_json(text)


@pytest.mark.parametrize("seed", range(30, 40))
def test_a_schedule_without_some_of_its_steps_and_nodes_still_makes_sense(seed):
    schedule, rng = schedule_of(seed), random.Random(seed)
    steps = tuple(step for step in schedule.steps if rng.random() < 0.5)

    play(Schedule(seed, schedule.nodes[:-1], steps, schedule.multicast, schedule.options))


@pytest.mark.slow
def test_a_failing_life_shrinks_to_a_small_history_that_fails_the_same_way(monkeypatch):
    monkeypatch.setattr(
        OpenBatch, "_coalesced", lambda self, key, earlier, past: ()
    )  # a coalesced write loses its past
    seed = next(seed for seed in range(2000) if failure_of(schedule_of(seed)))
    schedule = schedule_of(seed)
    small = shrink(schedule, seconds=20)

    assert failure_of(small) == failure_of(schedule) != ""
    assert len(small.steps) <= max(4, len(schedule.steps) // 3)
    assert shrink(small, seconds=20) == small


def test_what_does_not_fail_is_not_shrunk():
    assert shrink(schedule_of(1)) == schedule_of(1)


def test_a_mesh_that_finds_no_rest_is_wrong(monkeypatch):
    monkeypatch.setattr(Silence, "_unrest", lambda self, simulation: "not silent")

    with pytest.raises(Wrong, match="not silent"):
        play(Schedule(1, (NodePlan("n0"), NodePlan("n1")), (Step("wait", (), 1.0),)))
