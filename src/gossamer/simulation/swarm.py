"""Random lives of a mesh: for each seed other nodes, other options, and another choice of faults.

Which faults exist at all in a life is drawn first, so that some lives have many of few
kinds: this finds more than always offering everything (Groce et al., *Swarm Testing*,
2012).  `player` plays them.
"""

from __future__ import annotations

import random
from typing import Any

from .schedule import NodePlan, Schedule, Step

NODES_MAX = 7

FAULTS = {
    "split": 4, "cut": 3, "heal": 5, "break_stream": 4, "lose": 3, "disturb": 3, "burst": 2, "slow": 2,
    "die": 3, "restart": 4, "pause": 2, "resume": 4, "step_clock": 2, "join": 3,
}  # fmt: skip
"""Verb -> how likely, against the others, if it exists in a life at all."""
PROGRAM = {"write": 30, "write_many": 6, "write_large": 3, "delete": 10, "batch": 8, "wait": 25}
PAIRED = {"split": "heal", "cut": "heal", "die": "restart", "pause": "resume"}
"""What comes with a fault, so that a life can go on."""


def schedule_of(seed: int) -> Schedule:
    """Return the life of this seed.  The same on every machine and with every hash seed."""
    return _Author(seed).schedule()


class _Author:
    """Writes one schedule."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(f"{seed} swarm")
        self.multicast = rng.random() < 0.8
        self.keys = rng.choice([2, 5, 10, 60])
        self.nodes: list[NodePlan] = []
        self.length = rng.choice([8, 15, 25, 40])
        chosen = {fault for fault in FAULTS if rng.random() < 0.4}
        chosen |= {PAIRED[fault] for fault in chosen if fault in PAIRED}
        weights = {**PROGRAM, **{fault: FAULTS[fault] for fault in FAULTS if fault in chosen}}
        self.verbs, self.shares = list(weights), list(weights.values())

    def schedule(self) -> Schedule:
        rng = self.rng
        options = {
            "forget_deletes_after_s": rng.choice([5.0, 3600.0]),
            "deletes_max": rng.choice([3, 100_000]),
            "batch_ring_bytes": rng.choice([3000, 4 << 20]),
            "expiry_grace_s": rng.choice([2.0, 60.0]),
            "bandwidth_bits_per_s": rng.choice([100e3, 20e6]),
        }
        first = tuple(self.node() for _ in range(rng.randint(2, 4)))
        steps = tuple(self.step(number) for number in range(self.length))
        return Schedule(self.seed, first, steps, self.multicast, options)

    def node(self) -> NodePlan:
        rng, number = self.rng, len(self.nodes)
        hears = self.multicast and (not number or rng.random() < 0.9)
        knows_first = bool(number) and not (hears and rng.random() < 0.5)
        node = NodePlan(f"n{number}", rng.choice([0, 0, 0, 300, -4000, 3_600_000]), hears, knows_first)
        self.nodes.append(node)
        return node

    def step(self, number: int) -> Step:
        verb = self.rng.choices(self.verbs, self.shares)[0]
        if verb == "wait":
            return Step(verb, (), self.rng.choice([0.01, 0.1, 1.0, 1.0, 5.0, 20.0]))
        return Step(verb, getattr(self, f"_{verb}")(number), self.rng.choice([0.0, 0.0, 0.001, 0.02]))

    def _name(self) -> str:
        return self.rng.choice(self.nodes).name

    def _key(self) -> str:
        return f"key/{self.rng.randrange(self.keys)}"

    # -- arguments of each verb ---------------------------------------------------------------------

    def _write(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._key(), number, self.rng.choice([None, None, None, None, 3.0])

    def _write_many(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.keys, self.rng.choice([5, 50, 200]), number

    def _write_large(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._key(), self.rng.choice([1100, 3000, 60_000]), number

    def _delete(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.randrange(1000)

    def _batch(self, number: int) -> tuple[Any, ...]:
        numbers = self.rng.sample(range(self.keys), self.rng.randint(1, self.keys))
        gone = [key for key in numbers if self.rng.random() < 0.3]
        return self._name(), tuple(numbers), tuple(gone), number

    def _split(self, number: int) -> tuple[Any, ...]:
        sides = self.rng.choice([2, 2, 3])
        return (tuple((node.name, self.rng.randrange(sides)) for node in self.nodes),)

    def _cut(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._name()

    def _heal(self, number: int) -> tuple[Any, ...]:
        return ()

    def _break_stream(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._name(), int(10 ** self.rng.uniform(0, 4.5))

    def _lose(self, number: int) -> tuple[Any, ...]:
        return (self.rng.choice([0.0, 0.1, 0.3, 0.6]),)

    def _disturb(self, number: int) -> tuple[Any, ...]:
        rng = self.rng
        return rng.choice([0.0, 0.2]), rng.choice([0.0, 0.2]), rng.choice([0.05, 1.0, 20.0])

    def _burst(self, number: int) -> tuple[Any, ...]:
        return self.rng.choice([0.0, 0.2, 0.5]), self.rng.choice([0.05, 0.5, 3.0])

    def _slow(self, number: int) -> tuple[Any, ...]:
        return (self.rng.choice([160e3, 8e6, 400e6]),)

    def _die(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.choice(["kill", "crash", "stop"])

    def _restart(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _pause(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _resume(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _step_clock(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.choice([-60_000, 5000, 3_600_000])

    def _join(self, number: int) -> tuple[Any, ...]:
        if len(self.nodes) >= NODES_MAX:
            return ("", 0, True, False)
        node = self.node()
        return node.name, node.skew_ms, node.multicast, node.knows_first
