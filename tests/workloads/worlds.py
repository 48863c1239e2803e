"""The simulated world that workloads are told to here."""

from __future__ import annotations

from typing import Any

from gossamer.simulation import Simulation


class SimulatedWorld(Simulation):
    """What `World` asks for beyond `Simulation`."""

    def __init__(self, seed: object = 0, *, size: int = 5, **how: Any) -> None:
        super().__init__(seed, **how)
        self.size = size
        self.figures: dict[str, float] = {}

    @property
    def names(self) -> list[str]:
        return list(self.nodes)

    def start(self, count: int | None = None, *, skew_ms: int = 500, meet: bool = True) -> list[str]:
        names = [f"n{number}" for number in range(1, (count or self.size) + 1)]
        for name in names:
            self.add(name, skew_ms=self.rng.randint(-skew_ms, skew_ms))
        if meet:
            self.run(3)
        return names

    def mend(self, sender: str, receiver: str) -> None:
        self.links.mend(sender, receiver)

    def weather(self, **faults: Any) -> None:
        for name, value in faults.items():
            setattr(self.links, name, value)

    def step_clock(self, name: str, by_ms: int) -> None:
        self.nodes[name].clock.step(by_ms)

    def say(self, text: str) -> None:
        self.journal.note(self.now, "story", text)

    def measure(self, figure: str, value: float) -> None:
        self.figures[figure] = value
