"""Register: all nodes end with one value, which somebody wrote, and it is the greatest by the documented rule.

The clocks are wrong by known amounts, minutes apart.  A write's stamp is its writer's
clock, pushed above the stamp of the write it saw and replaced, and above all that the
writer stamped before; what was heard from others pushes it by at most `DRAG_S`.  So of each
write a least and a greatest stamp are known, and none that is acknowledged may lie
wholly above the one that won.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ..scenario import World
from .history import History, Verdict, some

DRAG_S = 2.0
"""`Options.clock_drag_s`: how far a stamp that was heard may push the clock of who hears it."""
TOLERANCE_S = 0.1
"""What real clocks and calls are uncertain by."""
PREFIX = "register/"


class Register:
    """Blind writes to a few keys, by nodes whose clocks are minutes apart."""

    name = "register"

    def __init__(self, nodes: int | None = None, *, registers: int = 6, skew_max_s: int = 1800) -> None:
        self._nodes = nodes
        self._registers = registers
        self._skew_max_s = skew_max_s
        self._skew_s: dict[str, int] = {}
        self._written = 0

    def cast(self, world: World) -> list[str]:
        """Nodes whose clocks are wrong by whole minutes, each by another amount."""
        count = self._nodes or world.size
        minutes = world.rng.sample(range(-self._skew_max_s // 60, self._skew_max_s // 60 + 1), count)
        for number, off in enumerate(minutes):
            self._skew_s[f"n{number}"] = 60 * off
            world.add(f"n{number}", skew_ms=60_000 * off)
        world.run(3)
        return list(self._skew_s)

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Write a value that nobody else writes, or read."""
        register = rng.randrange(self._registers)
        if rng.random() < 0.2:
            return "read", register
        self._written += 1
        return "write", {"register": register, "value": self._written, "skew_s": self._skew_s[client]}

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """A write tells what its writer could see when it wrote."""
        if function == "write":
            key = f"{PREFIX}{argument['register']}"
            seen = world.read(client, key)
            world.write(client, key, argument["value"])
            return {"saw": seen}
        if function == "read":
            return world.read(client, f"{PREFIX}{argument}")
        return [world.read(client, f"{PREFIX}{register}") for register in range(self._registers)]

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


@dataclass(slots=True)
class Stamped:
    """A write and what its stamp must lie between."""

    value: Any
    least_s: float
    greatest_s: float


def check(history: History) -> Verdict:
    """Judge a history of writes that tell what they saw, by clocks whose error is told."""
    problems = []
    finals = history.finals()
    if len({tuple(shown) for shown in finals.values()}) > 1:
        problems.append(f"nodes differ in the end: {finals}")
    writes = stamped(history)
    attempted = {(call.argument["register"], call.argument["value"]) for call in history.attempted("write")}
    for name, shown in finals.items():
        for register, value in enumerate(shown):
            if value is None:
                if writes[register]:
                    problems.append(f"{name} shows nothing in register {register}, which was written")
                continue
            if (register, value) not in attempted:
                problems.append(f"{name} shows {value} in register {register}, which nobody wrote")
            elif value in writes[register]:
                problems += _above(name, register, writes[register][value], writes[register])
    return Verdict(
        tuple(problems),
        {
            "writes_count": sum(map(len, writes.values())),
            "registers_count": len(writes),
        },
    )


def _above(name: str, register: int, won: Stamped, writes: dict[Any, Stamped]) -> list[str]:
    """Say which writes should have won instead."""
    higher = [write.value for write in writes.values() if write.least_s > won.greatest_s]
    return [f"{name} shows {won.value} in register {register}, below {some(higher)}"] if higher else []


def stamped(history: History) -> dict[int, dict[Any, Stamped]]:
    """Return each acknowledged write with the bounds of its stamp, in seconds of the true clock, by register."""
    writes: dict[int, dict[Any, Stamped]] = defaultdict(dict)
    latest_s: dict[str, tuple[float, float]] = defaultdict(lambda: (float("-inf"), float("-inf")))
    for call in history.acknowledged("write"):
        register, value, skew_s = (call.argument[name] for name in ("register", "value", "skew_s"))
        assert call.completed_s is not None
        lows = [call.invoked_s + skew_s - TOLERANCE_S, latest_s[call.process][0]]
        highs = [call.completed_s + skew_s + DRAG_S + TOLERANCE_S, latest_s[call.process][1]]
        latest_s[call.process] = max(lows), max(highs)
        seen = writes[register].get(call.result["saw"])
        if seen is not None:
            lows.append(seen.least_s)
            highs.append(seen.greatest_s)
        writes[register][value] = Stamped(value, max(lows), max(highs))
    return writes
