"""The nemesis: strikes with a random fault, relents after a while, and strikes again.

One fault at a time, chosen and timed by the seed of the world; what this world cannot do
is passed over.  Everything it does stands in the history, as what no client did.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from ..scenario import NoSuchFault, World
from .history import NEMESIS, History

PARTITIONS = ("halves", "three sides", "alone", "bridge", "one way")
FAULTS = (*PARTITIONS, "loss", "pause")
"""What everybody survives, with everything acknowledged."""
DEADLY = (*FAULTS, "kill")
"""With a process that dies and one that is started in its place: what only it knew is gone."""


class Nemesis:
    """Faults, one after the other."""

    def __init__(
        self,
        faults: Sequence[str] = FAULTS,
        *,
        strike_s: tuple[float, float] = (2.0, 10.0),
        calm_s: tuple[float, float] = (0.5, 4.0),
    ) -> None:
        self._faults = list(faults)
        self._strike_s, self._calm_s = strike_s, calm_s
        self._next_at = math.inf
        self._undo: Callable[[], object] | None = None
        self._absent: str | None = None
        self._world: World
        self._rng: random.Random
        self._names: list[str]
        self._history: History

    def meet(self, world: World, names: Sequence[str], history: History) -> None:
        """Begin, in this world, among these nodes."""
        self._world, self._names, self._history = world, list(names), history
        self._rng = random.Random(world.rng.getrandbits(64))
        if self._faults:
            self._next_at = world.now + self._rng.uniform(*self._calm_s)

    @property
    def awake(self) -> list[str]:
        """The nodes whose programs run."""
        return [name for name in self._names if name != self._absent]

    def turn(self) -> None:
        """Strike or relent, if it is time."""
        if self._world.now >= self._next_at:
            if self._undo is None:
                self._strike()
            else:
                self._relent()

    def leave(self) -> None:
        """Relent for good."""
        self._next_at = math.inf
        if self._undo is not None:
            self._relent()

    def _strike(self) -> None:
        fault = self._rng.choice(self._faults)
        try:
            said, self._undo = getattr(self, "_" + fault.replace(" ", "_"))()
        except NoSuchFault:
            self._faults.remove(fault)
            self._next_at = self._world.now + 0.1 if self._faults else math.inf
            return
        self._history.enter(NEMESIS, "info", fault, said, self._world.now)
        self._world.say(f"nemesis: {fault} {said}")
        self._next_at = self._world.now + self._rng.uniform(*self._strike_s)

    def _relent(self) -> None:
        assert self._undo is not None
        self._undo()
        self._undo = self._absent = None
        self._history.enter(NEMESIS, "info", "relent", None, self._world.now)
        self._world.say("nemesis: relents")
        self._next_at = self._world.now + self._rng.uniform(*self._calm_s)

    # -- faults: each returns what was done, in JSON, and how to undo it ---------------------------

    def _shuffled(self) -> list[str]:
        return self._rng.sample(self._names, len(self._names))

    def _split(self, *sides: list[str]) -> tuple[object, Callable[[], object]]:
        self._world.partition(*sides)
        return sides, self._world.heal

    def _halves(self) -> tuple[object, Callable[[], object]]:
        names = self._shuffled()
        return self._split(names[: len(names) // 2], names[len(names) // 2 :])

    def _three_sides(self) -> tuple[object, Callable[[], object]]:
        names = self._shuffled()
        return self._split(names[::3], names[1::3], names[2::3])

    def _alone(self) -> tuple[object, Callable[[], object]]:
        first, *others = self._shuffled()
        return self._split([first], others)

    def _bridge(self) -> tuple[object, Callable[[], object]]:
        """Two halves that hear each other only through one node between them."""
        bridge, *others = self._shuffled()
        left, right = others[::2], others[1::2]
        for one in left:
            for other in right:
                self._world.cut(one, other)
                self._world.cut(other, one)
        return [bridge, left, right], self._world.heal

    def _one_way(self) -> tuple[object, Callable[[], object]]:
        """What one node sends, nobody hears; it hears everybody."""
        first, *others = self._shuffled()
        for other in others:
            self._world.cut(first, other)
        return first, self._world.heal

    def _loss(self) -> tuple[object, Callable[[], object]]:
        share = self._rng.choice([0.1, 0.3, 0.6])
        self._world.weather(loss=share)
        return share, lambda: self._world.weather(loss=0.0)

    def _pause(self) -> tuple[object, Callable[[], object]]:
        name = self._rng.choice(self._names)
        self._world.pause(name)
        self._absent = name
        return name, lambda: self._world.resume(name)

    def _kill(self) -> tuple[object, Callable[[], object]]:
        name = self._rng.choice(self._names)
        self._world.kill(name)
        self._absent = name
        return name, lambda: self._world.restart(name)
