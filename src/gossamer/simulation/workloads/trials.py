"""One run of a workload in a world: clients call, the nemesis strikes, all heals, everyone is read, all is judged."""

from __future__ import annotations

import random
from typing import Any, Protocol

from ..oracle import Wrong
from ..scenario import World
from .history import History, Verdict
from .nemesis import Nemesis


class Workload(Protocol):
    """What clients do, and what must come of it."""

    name: str
    """Under which it is listed, and which its keys begin with."""

    def cast(self, world: World) -> list[str]:
        """Bring the nodes into the world, and name them."""

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Return what the client of this node asks next: a function and its argument, which is JSON."""

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """Ask it; return the result, which is JSON.  Raise `LookupError` if nothing was done, for want of a key."""

    def check(self, history: History) -> Verdict:
        """Judge a history.  Pure: it looks at nothing else."""


def trial(
    world: World,
    workload: Workload,
    *,
    seconds: float = 40.0,
    calls_per_s: float = 15.0,
    nemesis: Nemesis | None = None,
    agree_within_s: float = 30.0,
) -> Verdict:
    """Run `workload` and judge it; figures go to the world's report too."""
    history, agreement_s = record(
        world, workload, seconds=seconds, calls_per_s=calls_per_s, nemesis=nemesis, agree_within_s=agree_within_s
    )
    verdict = workload.check(history)
    for figure, value in {**verdict.figures, "agreement_s": agreement_s}.items():
        world.measure(figure, value)
    return verdict


def expect(verdict: Verdict) -> None:
    """Raise `Wrong` if a promise was broken: what a scenario says at its end."""
    if not verdict.holds:
        raise Wrong(str(verdict))


def record(
    world: World,
    workload: Workload,
    *,
    seconds: float = 40.0,
    calls_per_s: float = 15.0,
    nemesis: Nemesis | None = None,
    agree_within_s: float = 30.0,
) -> tuple[History, float]:
    """Run `workload`; return its history, and how long the nodes took to agree after everything had healed."""
    names = workload.cast(world)
    history = History()
    nemesis = nemesis or Nemesis()
    nemesis.meet(world, names, history)
    ends_at = world.now + seconds
    while world.now < ends_at:
        world.run(world.rng.expovariate(calls_per_s))
        nemesis.turn()
        client = world.rng.choice(nemesis.awake)
        _call(world, workload, history, client, *workload.next_call(world.rng, client))
    nemesis.leave()
    agreement_s = world.settle(within_s=agree_within_s)
    for name in names:
        _call(world, workload, history, name, "final", None)
    return history, agreement_s


def _call(world: World, workload: Workload, history: History, client: str, function: str, argument: Any) -> None:
    history.enter(client, "invoke", function, argument, world.now)
    try:
        result = workload.perform(world, client, function, argument)
    except LookupError:
        history.enter(client, "fail", function, argument, world.now)
    except (OSError, TimeoutError):  # a real process may be out of reach just now; nobody knows what it has done
        history.enter(client, "info", function, argument, world.now)
    else:
        history.enter(client, "ok", function, result, world.now)
