"""Whole lives of honest meshes, compared with what causality leaves at every step.

Seeded histories for breadth, Hypothesis for the smallest history behind a failure.
`python -m pytest -m soak tests/crdt` lives a million.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from history_peer import GRACE_MS
from history_world import World
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from random_history import KEYS, live_histories, live_one_history

CHUNK = 250


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(CHUNK, 2000, CHUNK))])
def test_every_replica_shows_what_causality_leaves_at_every_step(first):
    live_histories(range(first, first + CHUNK))


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("first", range(10_000, 1_010_000, 10_000))
def test_a_million_histories_keep_every_promise(first):
    live_histories(range(first, first + 10_000))


def test_a_history_is_a_function_of_its_seed_alone():
    journals = {_told_by_another_process(seed=7, hash_seed=hash_seed) for hash_seed in (1, 2)}

    assert len(journals) == 1
    assert len(journals.pop().splitlines()) > 20


def _told_by_another_process(seed: int, hash_seed: int) -> str:
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("random_history.py")), str(seed)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_a_history_that_goes_wrong_says_how_to_see_it_again(monkeypatch):
    monkeypatch.setattr(World, "settle", lambda self: 1 / 0)

    with pytest.raises(AssertionError, match=r"seed 5: ZeroDivisionError.*\n.*random_history\.py 5"):
        live_one_history(5)


keys = st.sampled_from(KEYS[:2])
puts = st.tuples(st.sampled_from([b"x", None]), st.sampled_from([0, 0, 5, 30]), st.just(0))


numbers = st.integers(0, 7)


def one_of(choices: Any, number: int) -> Any:
    """One of the choices there are, which Hypothesis cannot know when it draws a number."""
    return choices[number % len(choices)]


class HonestWorld(RuleBasedStateMachine):
    """The same world, with every choice made by Hypothesis, so that a failing history shrinks."""

    world: World

    @initialize(
        skews_ms=st.lists(st.integers(-GRACE_MS // 2, GRACE_MS // 2), min_size=2, max_size=3),
        held_max=st.sampled_from([1000, 1]),
    )
    def begin(self, skews_ms: list[int], held_max: int) -> None:
        links = [(i, i + 1) for i in range(len(skews_ms) - 1)]  # a chain: the middle relays
        self.world = World([*links, *((j, i) for i, j in links)], skews_ms, held_max, drag_ms=1 << 46)

    @rule(n=numbers, items=st.dictionaries(keys, puts, min_size=1, max_size=2), sent=st.booleans())
    def write(self, n: int, items: Any, sent: bool) -> None:
        slot = one_of(self.world.alive, n)
        self.world.write(slot, items)
        if sent:
            self.world.post(slot, self.world.neighbours(slot))

    @precondition(lambda self: any(self.world.inbox[slot] for slot in self.world.alive))
    @rule(n=numbers, m=numbers, relayed=st.booleans())
    def deliver(self, n: int, m: int, relayed: bool) -> None:
        slot = one_of([slot for slot in self.world.alive if self.world.inbox[slot]], n)
        index = one_of(range(len(self.world.inbox[slot])), m)
        self.world.deliver(slot, index, self.world.neighbours(slot) if relayed else ())

    @precondition(lambda self: self.world.living_links())
    @rule(n=numbers, joined=st.sampled_from(["at once", "in slices", "late"]))
    def ask(self, n: int, joined: str) -> None:
        slot, there = one_of(self.world.living_links(), n)
        self.world.ask(slot, there, self.world.neighbours(there))
        if joined != "late" and self.world.join(len(self.world.flying) - 1, slot) and joined == "at once":
            self.world.publish(slot)

    @precondition(lambda self: self.world.flying)
    @rule(n=numbers, m=numbers)
    def join(self, n: int, m: int) -> None:
        self.world.join(one_of(range(len(self.world.flying)), n), one_of(self.world.alive, m))

    @precondition(lambda self: self.joining())
    @rule(n=numbers, published=st.booleans())
    def go_on_joining(self, n: int, published: bool) -> None:
        slot = one_of(self.joining(), n)
        if published:
            self.world.publish(slot)
        else:
            self.world.prepare(slot, 1)

    def joining(self) -> list[int]:
        return [slot for slot in self.world.alive if self.world.peers[slot].joining is not None]

    @precondition(lambda self: any(self.world.peers[slot].state.deletes for slot in self.world.alive))
    @rule(n=numbers, m=numbers)
    def forget(self, n: int, m: int) -> None:
        slot = one_of([slot for slot in self.world.alive if self.world.peers[slot].state.deletes], n)
        self.world.forget(slot, [one_of(list(self.world.peers[slot].state.deletes), m)])

    @rule(n=numbers, passed_ms=st.sampled_from([1, 20, 2 * GRACE_MS]))
    def bury(self, n: int, passed_ms: int) -> None:
        self.world.wall_ms += passed_ms
        self.world.bury(one_of(self.world.alive, n))

    @rule(n=numbers)
    def sum_up(self, n: int) -> None:
        self.world.sum_up(one_of(self.world.alive, n), 1)

    @rule(n=numbers)
    def save(self, n: int) -> None:
        self.world.save(one_of(self.world.alive, n))

    @rule(n=numbers, from_save=st.booleans())
    def restart(self, n: int, from_save: bool) -> None:
        slot = one_of(self.world.alive, n)
        self.world.restart(slot, from_save and slot in self.world.saves)

    @precondition(lambda self: len(self.world.alive) > 2)
    @rule(n=numbers)
    def die(self, n: int) -> None:
        self.world.die(one_of(self.world.alive, n))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()


HonestWorld.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
test_hypothesis_finds_no_history_that_breaks_a_promise = HonestWorld.TestCase
