"""Random faults against real peers, under load, from a seed; then everything heals, and nothing may be lost."""

from __future__ import annotations

import random
from collections.abc import Callable

from .rig import Rig

KEYS = 40
FAULTS = {
    "split": 4, "cut": 3, "heal": 5, "lose": 3, "slow": 2, "pause": 3, "resume": 5, "kill": 2, "crash": 1, "restart": 4,
    "step_clock": 2, "deafen": 1,
}  # fmt: skip
"""How likely each is against the others."""
ALIVE_MIN = 2


class Nemesis:
    """Torments a rig that has been started.  What it does is a function of the seed, but for real time."""

    def __init__(self, rig: Rig, seed: object, *, writes_per_s: float = 60.0) -> None:
        self.rig = rig
        self.writes = 0
        self.faults = 0
        self._rng = random.Random(f"{seed} nemesis")
        self._pause_s = 1 / writes_per_s
        self._paused: set[str] = set()
        self._dead: set[str] = set()

    def torment(self, seconds: float) -> None:
        """Write all the time, and let something happen every second or so."""
        rng, rig = self._rng, self.rig
        ends_at, fault_at = rig.now + seconds, rig.now
        while rig.now < ends_at:
            if rig.now >= fault_at:
                verb = rng.choices(list(FAULTS), list(FAULTS.values()))[0]
                doing: Callable[[], None] = getattr(self, f"_{verb}")
                doing()
                self.faults += 1
                fault_at = rig.now + rng.uniform(0.3, 2.0)
            self._write()
            rig.run(self._pause_s * rng.uniform(0.5, 1.5))

    def heal(self) -> None:
        """Undo everything, but what is dead stays so: see `revive`."""
        self.rig.weather(loss=0.0, bandwidth_bits_per_s=400e6, multicast=True)
        for name in sorted(self._paused):
            self.rig.resume(name)
        self._paused.clear()
        self.rig.heal()

    def revive(self) -> None:
        """Start whom it has killed."""
        for name in sorted(self._dead):
            self.rig.restart(name)
        self._dead.clear()

    # -- load -----------------------------------------------------------------------------------

    def _up(self) -> list[str]:
        return [name for name in self.rig.names if name not in self._paused and name not in self._dead]

    def _write(self) -> None:
        rng, rig = self._rng, self.rig
        name, key = rng.choice(self._up()), f"key/{rng.randrange(KEYS)}"
        self.writes += 1
        chance = rng.random()
        if chance < 0.08 and rig.read(name, key) is not None:
            try:
                rig.delete(name, key)
            except KeyError:
                rig.write(name, key, self.writes)  # somebody else's delete came first
        elif chance < 0.2:
            keys = rng.sample(range(KEYS), 3)
            rig.batch(name, {f"key/{number}": self.writes for number in keys})
        else:
            rig.write(name, f"own/{self.writes}" if chance > 0.8 else key, self.writes)

    # -- faults ---------------------------------------------------------------------------------

    def _split(self) -> None:
        sides: list[list[str]] = [[], [], []]
        for name in self.rig.names:
            sides[self._rng.randrange(self._rng.choice([2, 3]))].append(name)
        self.rig.partition(*[side for side in sides if side])

    def _cut(self) -> None:
        sender, receiver = self._rng.sample(self.rig.names, 2)
        self.rig.cut(sender, receiver)

    def _heal(self) -> None:
        self.rig.heal()

    def _lose(self) -> None:
        self.rig.weather(loss=self._rng.choice([0.0, 0.05, 0.2, 0.4]))

    def _slow(self) -> None:
        self.rig.weather(bandwidth_bits_per_s=self._rng.choice([400e6, 2e6, 10e6]))

    def _deafen(self) -> None:
        self.rig.weather(multicast=self._rng.random() < 0.5)

    def _pause(self) -> None:
        if len(self._up()) > ALIVE_MIN:
            name = self._rng.choice(self._up())
            self.rig.pause(name)
            self._paused.add(name)

    def _resume(self) -> None:
        if self._paused:
            name = self._rng.choice(sorted(self._paused))
            self.rig.resume(name)
            self._paused.discard(name)

    def _kill(self) -> None:
        self._die(self.rig.kill)

    def _crash(self) -> None:
        self._die(self.rig.crash)

    def _die(self, how: Callable[[str], None]) -> None:
        if len(self._up()) > ALIVE_MIN:
            name = self._rng.choice(self._up())
            how(name)
            self._dead.add(name)

    def _restart(self) -> None:
        if self._dead:
            name = self._rng.choice(sorted(self._dead))
            self.rig.restart(name)
            self._dead.discard(name)

    def _step_clock(self) -> None:
        self.rig.step_clock(self._rng.choice(self._up()), self._rng.choice([-60_000, 5000, 3_600_000, -3_600_000]))
