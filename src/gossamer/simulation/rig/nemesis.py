"""Random faults against a rig that is written to all the while: a schedule from a seed, so that a life can be replayed.

What happens follows from the seed; how the processes race is real, so a replay repeats
the faults and the writes, and mostly but not surely what came of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from ..schedule import NodePlan, Schedule, Step

if TYPE_CHECKING:
    from .rig import Rig

WRITES_PER_S = 20
FAULT_EVERY_S = 1.0
"""On average; each lasts until another undoes it."""
FAULTS = {
    "split": 4, "cut": 3, "heal": 4, "lose": 3, "slow": 1, "clear": 3, "unplug": 2, "plug_in": 3,
    "pause": 2, "resume": 4, "kill": 2, "crash": 1, "stop": 1, "restart": 5, "step_clock": 2,
}  # fmt: skip
"""Verb -> how likely, against the others."""
SHARED_KEYS = 10
"""Keys that everybody writes and deletes; every other write is to a key of its own."""


def schedule_of(seed: int, nodes: int, seconds: float) -> Schedule:
    """Return `seconds` of faults and writes for so many nodes.  The same on every machine."""
    rng = random.Random(f"{seed} nemesis")
    names = [f"n{number}" for number in range(nodes)]
    plans = tuple(NodePlan(name, rng.randint(-500, 500)) for name in names)
    steps: list[Step] = []
    next_fault_s = FAULT_EVERY_S
    for number in range(round(seconds * WRITES_PER_S)):
        if number / WRITES_PER_S >= next_fault_s:
            verb = rng.choices(list(FAULTS), list(FAULTS.values()))[0]
            steps.append(Step(verb, _arguments(verb, rng, names)))
            next_fault_s += rng.uniform(0.2, 2) * FAULT_EVERY_S
        steps.append(_write(rng, names, number))
    return Schedule(seed, plans, tuple(steps))


def _arguments(verb: str, rng: random.Random, names: list[str]) -> tuple[Any, ...]:
    match verb:
        case "split":
            sides = rng.choice([2, 2, 3])
            return (tuple((name, rng.randrange(sides)) for name in names),)
        case "cut":
            return tuple(rng.sample(names, 2))
        case "heal" | "clear":
            return ()
        case "lose":
            return (rng.choice([0.01, 0.05, 0.1, 0.3]),)
        case "slow":
            return (rng.choice([256e3, 2e6]),)
        case "step_clock":
            return rng.choice(names), rng.choice([-3_600_000, -5000, 5000, 3_600_000])
        case _:
            return (rng.choice(names),)


def _write(rng: random.Random, names: list[str], number: int) -> Step:
    name, key = rng.choice(names), f"shared/{rng.randrange(SHARED_KEYS)}"
    then_s = 1 / WRITES_PER_S
    match rng.choices(["own", "shared", "delete", "batch", "confirm"], [50, 25, 15, 8, 2])[0]:
        case "own":
            return Step("write", (name, f"own/{number}", number), then_s)
        case "shared":
            return Step("write", (name, key, number), then_s)
        case "delete":
            return Step("delete", (name, key), then_s)
        case "batch":
            return Step("batch", (name, f"batch/{number}", key, number), then_s)
        case _:
            return Step("confirm", (name,), then_s)


class Nemesis:
    """Plays a schedule on a rig.  Its methods are the verbs of steps; one that makes no sense now is passed over."""

    def __init__(self, rig: Rig, schedule: Schedule) -> None:
        self.rig = rig
        self.schedule = schedule
        self.done: dict[str, int] = {}
        """How often each verb was done."""

    def play(self) -> None:
        """Start the nodes, then do all steps at their times; being late shortens no pause to less than nothing."""
        rig = self.rig
        for plan in self.schedule.nodes:
            rig.install(plan.name, skew_ms=plan.skew_ms)
        rig.boot([plan.name for plan in self.schedule.nodes])
        due_s = rig.now
        for step in self.schedule.steps:
            if getattr(self, step.verb)(*step.arguments) is not False:
                self.done[step.verb] = self.done.get(step.verb, 0) + 1
                if not step.then_s:
                    rig.say(str(step))
            due_s += step.then_s
            rig.run(max(0.0, due_s - rig.now))

    def recover(self, within_s: float) -> float:
        """End all faults, start again who died; return how long after the last repair all agreed.

        Raises `Wrong` if they do not agree in time, or if an acknowledged write was lost.
        """
        rig = self.rig
        for host in rig.hosts.values():
            if host.is_paused:
                rig.resume(host.name)
        rig.weather(loss=0.0, bandwidth_bits_per_s=400e6)
        down = [host.name for host in rig.hosts.values() if not host.is_up]
        rig.boot(down)
        for name in rig.names:
            rig.plug_in(name)
        rig.heal()
        rig.say("everything heals")
        return rig.settle(within_s)

    def _is_awake(self, name: str) -> bool:
        return self.rig.host(name).is_awake

    # -- programs -----------------------------------------------------------------------------------

    def write(self, name: str, key: str, value: int) -> bool:
        """One write."""
        if awake := self._is_awake(name):
            self.rig.write(name, key, value)
        return awake

    def delete(self, name: str, key: str) -> bool:
        """One delete, of a key that is there."""
        try:
            if awake := self._is_awake(name):
                self.rig.delete(name, key)
            return awake
        except KeyError:
            return False

    def batch(self, name: str, key: str, gone: str, value: int) -> bool:
        """Two writes and a delete at once."""
        if awake := self._is_awake(name):
            self.rig.batch(name, {f"{key}/a": value, f"{key}/b": value}, delete=[gone])
        return awake

    def confirm(self, name: str) -> bool:
        """Wait a moment for somebody else to hold what was written: then it must outlive its author."""
        return self._is_awake(name) and self.rig.confirm(name, within_s=0.3)

    # -- faults -------------------------------------------------------------------------------------

    def split(self, sides: tuple[tuple[str, int], ...]) -> None:
        """Split the network, instead of how it was split before."""
        numbers = {number for _, number in sides}
        self.rig.partition(*([name for name, number in sides if number == side] for side in sorted(numbers)))

    def cut(self, sender: str, receiver: str) -> None:
        """Cut one way."""
        self.rig.cut(sender, receiver)

    def heal(self) -> None:
        """Undo splits and cuts."""
        self.rig.heal()

    def lose(self, share: float) -> None:
        """Lose packets everywhere."""
        self.rig.weather(loss=share)

    def slow(self, bits_per_s: float) -> None:
        """Let every link be slow."""
        self.rig.weather(bandwidth_bits_per_s=bits_per_s)

    def clear(self) -> None:
        """Lose nothing and be fast."""
        self.rig.weather(loss=0.0, bandwidth_bits_per_s=400e6)

    def unplug(self, name: str) -> None:
        """Pull a cable."""
        self.rig.unplug(name)

    def plug_in(self, name: str) -> bool:
        """Put it in again."""
        if self.rig.host(name).lost_power:
            return False
        self.rig.plug_in(name)
        return True

    def pause(self, name: str) -> bool:
        """Stop a process."""
        if awake := self._is_awake(name):
            self.rig.pause(name)
        return awake

    def resume(self, name: str) -> bool:
        """Let it go on."""
        if paused := self.rig.host(name).is_paused:
            self.rig.resume(name)
        return paused

    def kill(self, name: str) -> bool:
        """Kill a process, unless too few would be left; another had the time to hear all of it, if one could."""
        self.confirm(name)
        return self._end(name, "kill")

    def crash(self, name: str) -> bool:
        """Take the power from a computer."""
        return self._end(name, "crash")

    def stop(self, name: str) -> bool:
        """Let a program end in an orderly way."""
        return self._end(name, "stop")

    def _end(self, name: str, how: str) -> bool:
        up = [host for host in self.rig.hosts.values() if host.is_up]
        if not self._is_awake(name) or len(up) <= len(self.rig.hosts) // 2 + 1:
            return False
        getattr(self.rig, how)(name)
        return True

    def restart(self, name: str) -> bool:
        """Start a process where none is."""
        if self.rig.host(name).is_up:
            return False
        self.rig.boot([name])
        return True

    def step_clock(self, name: str, by_ms: int) -> bool:
        """Set a clock."""
        if self.rig.host(name).is_paused:
            return False
        self.rig.step_clock(name, by_ms)
        return True
