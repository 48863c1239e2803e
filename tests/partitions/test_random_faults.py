"""Random lives of a mesh: every step of each is held against causality, and each must heal, agree and fall silent."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from random_faults import RandomMesh, live_random_meshes

SEEDS_A_TEST = 20


@pytest.mark.parametrize("start", range(0, 120, SEEDS_A_TEST))
def test_whatever_happens_nothing_is_lost_and_all_agree_in_the_end(start):
    live_random_meshes(range(start, start + SEEDS_A_TEST))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 2000, 100))
def test_whatever_happens_nothing_is_lost_in_a_thousand_lives(start):
    live_random_meshes(range(start, start + 100))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost_for_hours():
    first = random.SystemRandom().randrange(1 << 40)
    live_random_meshes(range(first, first + int(os.environ.get("GOSSAMER_SOAK_LIVES", "20000"))))


def test_a_life_is_the_same_in_another_process_whatever_its_hashes_are():
    def lived(hash_seed: str) -> str:
        program = (
            "from random_faults import RandomMesh; life = RandomMesh(7); life.live(); print(life.mesh.journal.hash)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    life = RandomMesh(7)
    life.live()

    assert lived("1") == lived("2") == life.mesh.journal.hash


def test_another_seed_lives_another_life():
    lives = [RandomMesh(seed) for seed in (1, 2)]
    for life in lives:
        life.live()

    assert lives[0].mesh.journal.hash != lives[1].mesh.journal.hash


def test_a_life_that_goes_wrong_says_how_to_live_it_again(monkeypatch):
    monkeypatch.setattr(RandomMesh, "rest", lambda self: 1 / 0)

    with pytest.raises(AssertionError, match=r"replay: live_random_meshes\(\[3\]\)"):
        live_random_meshes([3])
