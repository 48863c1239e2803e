"""Objects that merge, in the random lives of the swarm: whoever writes a key there also counts and changes a set."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from gossamer.simulation.mesh import _Program
from gossamer.simulation.node import Node
from gossamer.simulation.player import Player
from gossamer.simulation.swarm import schedule_of
from gossamer.views.counter import Counter
from gossamer.views.mapping import MeshMapping
from gossamer.views.shared_set import SharedSet
from gossamer.views.spaces import COUNTER, SET
from gossamer.views.watchers import Watchers

LIVES = 60
LIVES_A_TEST = 20


class Inhabitant:
    """A program in a simulated process: the objects of a mesh, without a door."""

    def __init__(self, node: Node) -> None:
        self._node = node
        ledger = node.replica.ledger
        self._watchers = Watchers(lambda: node.corrected_ms, lambda origin: origin.hex())
        self._watchers.ledger = ledger
        self.mapping = MeshMapping(
            ledger,
            node.name,
            lambda: node.wall_ms,
            lambda: node.corrected_ms,
            node.turn_soon,
            lambda origin: origin.hex(),
        )
        self._watchers.mapping = self.mapping
        self.counted = 0
        assert node.process is not None
        node.process.program = _Program(self)  # type: ignore[arg-type]

    def _notice(self, notice: object) -> None:
        pass

    def _tick(self) -> None:
        pass

    def counter(self) -> Counter:
        return Counter(self.mapping._space(COUNTER), "n", lambda origins: origins, no_one, no_one)

    def set(self, policy: str) -> SharedSet:
        return SharedSet(self.mapping._space(SET), "s", policy, no_one, no_one)  # type: ignore[arg-type]

    def live_on(self, key: str, value: int) -> None:
        self.counter().add(1 + value % 3)
        self.counted += 1 + value % 3
        with self.mapping.batch():
            for policy in ("add", "last"):
                elements = self.set(policy)
                elements.remove(key) if key in elements and value % 2 else elements.add(key)


def no_one(*_: object) -> None:
    """Listen to nothing."""


class ObjectPlayer(Player):
    """Plays a life, in which whoever writes also lives on with objects."""

    def __init__(self, *arguments: Any) -> None:
        self.inhabitants: dict[object, Inhabitant] = {}
        super().__init__(*arguments)

    def write(self, name: str, key: str, value: int, ttl_s: float | None) -> None:
        """One write, and a step of the counter, and a change of both sets."""
        if self._up(name):
            each = self.inhabitant(name)
            each.mapping.set(key, value, ttl=ttl_s)
            each.live_on(key, value)

    def write_many(self, name: str, keys: int, count: int, salt: int) -> None:
        """Many steps, one after the other."""
        for number in range(count):
            if self._up(name):
                self.inhabitant(name).live_on(f"key/{(number * salt) % keys}", number)
            if number % 10 == 0:
                self.world.run(0.001)

    def write_large(self, name: str, key: str, size_bytes: int, salt: int) -> None:
        """An element that exceeds a datagram."""
        if self._up(name):
            self.inhabitant(name).set("add").add("x" * size_bytes)

    def delete(self, name: str, choice: int) -> None:
        """Delete one of the keys that are there."""
        if self._up(name) and (keys := sorted(self.inhabitant(name).mapping)):
            del self.inhabitant(name).mapping[keys[choice % len(keys)]]

    def batch(self, name: str, numbers: tuple[int, ...], gone: tuple[int, ...], value: int) -> None:
        """Keys and objects at once."""
        if self._up(name):
            each = self.inhabitant(name)
            with each.mapping.batch():
                for number in numbers:
                    if number in gone:
                        each.mapping.pop(f"key/{number}", None)
                    else:
                        each.mapping[f"key/{number}"] = value
                        each.live_on(f"key/{number}", value)

    def inhabitant(self, name: str) -> Inhabitant:
        process = self.world.nodes[name].process
        assert process is not None
        if process.program is None:
            self.inhabitants[process] = Inhabitant(self.world.nodes[name])
        return self.inhabitants[process]


@pytest.mark.parametrize("first", range(0, LIVES, LIVES_A_TEST))
def test_in_every_life_all_agree_on_objects_and_no_step_of_the_living_is_lost(first, monkeypatch):
    monkeypatch.setattr("gossamer.views.counter.FOLD_ORIGINS_MIN", 1)  # and everyone takes everyone else for gone
    for seed in range(first, first + LIVES_A_TEST):
        player = ObjectPlayer(schedule_of(seed))
        player.safety()
        player.liveness()

        seen: dict[str, set[object]] = defaultdict(set)
        there = [player.inhabitant(node.name) for node in player.world.alive()]
        for each in there:
            seen["n"].add(each.counter().value)
            seen["add"].add(each.set("add").value)
            seen["last"].add(each.set("last").value)
            assert not [key for key in each.mapping if not isinstance(key, str)]
        assert {name: len(values) for name, values in seen.items()} == {"n": 1, "add": 1, "last": 1}, seed
        sure = sum(each.counted for each in there)
        assert sure <= there[0].counter().value <= sum(each.counted for each in player.inhabitants.values()), seed
