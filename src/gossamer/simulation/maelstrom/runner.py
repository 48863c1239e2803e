"""Drives a workload against a cluster and judges it, as Maelstrom does.

Clients ask at random nodes; the network loses, delays and splits; then it heals, and every
node must show all that was acknowledged.  For sets that is Jepsen's set-full; a counter
must be the sum of what was acknowledged, give or take what nobody knows to have been done.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..workloads import set_full
from ..workloads.history import NEMESIS, History, Verdict
from .cluster import NODE, Cluster
from .messages import Body

SPLIT_S = 3.0
AGREE_S = 15.0
"""How long after the end of all faults nodes may differ."""
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run."""

    workload: str
    nodes: int = 5
    seconds: float = 10.0
    calls_per_s: float = 20.0
    loss: float = 0.0
    latency_s: float = 0.01
    partitions: bool = False
    seed: int = 0


def run(plan: Plan, command: Iterable[str] = NODE) -> tuple[Verdict, History]:
    """Start the nodes by `command` and the name of the workload, drive that, and judge it."""
    rng = random.Random(f"maelstrom {plan.seed}")
    history = History()
    with Cluster(
        plan.workload, plan.nodes, rng=rng, latency_s=plan.latency_s, loss=plan.loss, command=command
    ) as cluster:
        began = time.monotonic()
        _Driver(plan, cluster, rng, history, began).drive()
        carried = cluster.carried
    verdict = check(plan.workload, history)
    return Verdict(verdict.problems, {**verdict.figures, "messages_count": carried}), history


class _Driver:
    """The clients and the nemesis."""

    def __init__(self, plan: Plan, cluster: Cluster, rng: random.Random, history: History, began: float) -> None:
        self._plan, self._cluster, self._rng, self._history, self._began = plan, cluster, rng, history, began
        self._added = 0

    def drive(self) -> None:
        """Ask, split, heal, and read everyone at the end."""
        plan, cluster = self._plan, self._cluster
        if plan.workload == "broadcast":
            topology = {name: [other for other in cluster.names if other != name] for name in cluster.names}
            for name in cluster.names:
                cluster.answer(cluster.ask(name, {"type": "topology", "topology": topology}))
        ends_at, turns_at, split = self._began + plan.seconds, self._began + SPLIT_S, False
        while time.monotonic() < ends_at:
            cluster.run_until(min(ends_at, time.monotonic() + self._rng.expovariate(plan.calls_per_s)))
            if plan.partitions and time.monotonic() >= turns_at:
                split, turns_at = not split, time.monotonic() + SPLIT_S
                self._turn(split)
            name = self._rng.choice(cluster.names)
            if self._rng.random() < 0.3:
                self._call(name, "read")
            else:
                self._add(name)
        self._turn(False)
        cluster.loss = 0.0
        self._read_everyone()

    def _turn(self, split: bool) -> None:
        names = self._rng.sample(self._cluster.names, len(self._cluster.names))
        sides = names[: len(names) // 2], names[len(names) // 2 :]
        self._cluster.partition(*sides) if split else self._cluster.heal()
        self._history.enter(NEMESIS, "info", "halves" if split else "relent", sides if split else None, self._now())

    def _add(self, name: str) -> None:
        self._added += 1
        if self._plan.workload == "broadcast":
            self._call(name, "add", self._added, {"type": "broadcast", "message": self._added})
        elif self._plan.workload == "g-set":
            self._call(name, "add", self._added, {"type": "add", "element": self._added})
        else:
            delta = self._rng.randint(-10, 10)
            self._call(name, "add", delta, {"type": "add", "delta": delta})

    def _read_everyone(self) -> None:
        """Read all nodes until they show the same, or for `AGREE_S`; the last reads are the final ones."""
        deadline = time.monotonic() + AGREE_S
        while True:
            shown = [self._result(self._ask(name, {"type": "read"})) for name in self._cluster.names]
            if all(one == shown[0] for one in shown) or time.monotonic() > deadline:
                break
            self._cluster.run_until(time.monotonic() + LOOK_S)
        for name in self._cluster.names:
            self._call(name, "final", None, {"type": "read"})

    def _call(self, name: str, function: str, argument: Any = None, body: Body | None = None) -> None:
        self._history.enter(name, "invoke", function, argument, self._now())
        answer = self._ask(name, body or {"type": "read"})
        if answer is None:
            self._history.enter(name, "info", function, argument, self._now())
        elif answer["type"] == "error":
            self._history.enter(name, "fail", function, answer, self._now())
        else:
            result = argument if function == "add" else self._result(answer)
            self._history.enter(name, "ok", function, result, self._now())

    def _ask(self, name: str, body: Body) -> Body | None:
        return self._cluster.answer(self._cluster.ask(name, body))

    def _result(self, answer: Body | None) -> Any:
        found = None if answer is None else answer.get("messages", answer.get("value"))
        return sorted(found) if isinstance(found, list) else found

    def _now(self) -> float:
        return time.monotonic() - self._began


def check(workload: str, history: History) -> Verdict:
    """Judge a history of adds and reads."""
    return check_counter(history) if workload == "pn-counter" else set_full.check(history)


def check_counter(history: History) -> Verdict:
    """Each final value must be the sum of what was acknowledged and of some of what may have been done."""
    acknowledged = [call.argument for call in history.acknowledged("add")]
    possible = {sum(acknowledged)}
    for call in history.attempted("add"):
        if call.outcome != "ok":
            possible |= {value + call.argument for value in possible}
    finals = history.finals()
    problems = [
        f"{name} counts {value}, not {sorted(possible)[0] if len(possible) == 1 else sorted(possible)}"
        for name, value in finals.items()
        if value not in possible
    ]
    if len(set(finals.values())) > 1:
        problems.append(f"nodes differ in the end: {finals}")
    return Verdict(tuple(problems), {"acknowledged_count": len(acknowledged), "value": sum(acknowledged)})
