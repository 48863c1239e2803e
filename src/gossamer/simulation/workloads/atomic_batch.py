"""Atomic batch: of two batches over the same keys, one wins on all of them, and no reader sees a part of one.

Groups of keys are written whole, in one batch under one name; and now and then a single key of
one, by somebody whose clock may be fast.  Then no read may show two batches crossed: the one
on this key, the other on that, where both wrote both.  (A single write on top of a batch is no crossing,
and nothing is deleted, which would let what was below show.)
"""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

from ..scenario import World
from .history import History, Verdict

PREFIX = "group/"


class AtomicBatch:
    """Batches, single writes and reads, by nodes with clocks some seconds off."""

    name = "atomic-batch"

    def __init__(self, nodes: int | None = None, *, groups: int = 3, keys: int = 5, skew_ms: int = 5000) -> None:
        self._nodes = nodes
        self._groups, self._keys, self._skew_ms = groups, keys, skew_ms
        self._written = 0

    def cast(self, world: World) -> list[str]:
        """As many nodes as were asked for, with clocks seconds off."""
        return world.start(self._nodes, skew_ms=self._skew_ms)

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Write a group whole or in part, write one key of it, or read it."""
        group = rng.randrange(self._groups)
        draw = rng.random()
        if draw < 0.4:
            return "read", group
        self._written += 1
        count = 1 if draw < 0.6 else rng.randint(2, self._keys)
        return "write", [group, sorted(rng.sample(range(self._keys), count)), self._written]

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """A value is the name of the batch that wrote it."""
        if function == "write":
            group, keys, name = argument
            world.batch(client, {f"{PREFIX}{group}/{key}": name for key in keys})
            return name
        if function == "read":
            return self._read(world, client, argument)
        return [self._read(world, client, group) for group in range(self._groups)]

    def _read(self, world: World, client: str, group: int) -> list[Any]:
        return [world.read(client, f"{PREFIX}{group}/{key}") for key in range(self._keys)]

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


def check(history: History) -> Verdict:
    """Judge a history of batches and reads."""
    batches = {call.argument[2]: set(call.argument[1]) for call in history.attempted("write")}
    problems = []
    finals = history.finals()
    if len({repr(shown) for shown in finals.values()}) > 1:
        problems.append(f"nodes differ in the end: {finals}")
    reads = [(call.process, call.result) for call in history.acknowledged("read")]
    reads += [(name, shown) for name, groups in finals.items() for shown in groups]
    for name, shown in reads:
        strange = {value for value in shown if value is not None} - batches.keys()
        if strange:
            problems.append(f"{name} shows {sorted(strange)}, which nobody wrote")
            continue
        for (one, first), (other, second) in combinations(enumerate(shown), 2):
            if first is None or second is None or first == second:
                continue
            both = {one, other}
            if both <= batches[first] and both <= batches[second]:
                problems.append(f"{name} shows batch {first} on key {one} and batch {second} on key {other}")
    return Verdict(
        tuple(dict.fromkeys(problems)),
        {"batches_count": sum(len(keys) > 1 for keys in batches.values()), "reads_count": len(reads)},
    )
