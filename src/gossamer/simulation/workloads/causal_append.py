"""Causal append: a write that has seen another never loses to it, though clocks be wrong by an hour.

Clients append: they read a list, and write it back with one more item.  So each written list
names all that its writer had seen, and its last item is the write's own name.  Of
concurrent appends one wins, and the others' items are lost (that is what a register
does); but the winner is an append that no other has seen, and no node goes back to
a list that it has seen replaced.
"""

from __future__ import annotations

import random
from typing import Any

from ..scenario import World
from .history import Call, History, Verdict

HOUR_MS = 3_600_000
PREFIX = "append/"


class CausalAppend:
    """Read, append, write."""

    name = "causal-append"

    def __init__(self, nodes: int | None = None, *, lists: int = 4, skew_ms: int = HOUR_MS) -> None:
        self._nodes = nodes
        self._lists = lists
        self._skew_ms = skew_ms
        self._appended = 0

    def cast(self, world: World) -> list[str]:
        """Nodes whose clocks are right, an hour ahead, or an hour behind."""
        names = [f"n{number}" for number in range(self._nodes or world.size)]
        for at, name in enumerate(names):
            world.add(name, skew_ms=(0, self._skew_ms, -self._skew_ms)[at % 3])
        world.run(3)
        return names

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Append an item to one of the lists, or read one."""
        chosen = rng.randrange(self._lists)
        if rng.random() < 0.3:
            return "read", chosen
        self._appended += 1
        return "append", [chosen, self._appended]

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """An append tells the whole list that it wrote."""
        if function == "append":
            chosen, item = argument
            written = [*self._read(world, client, chosen), item]
            world.write(client, f"{PREFIX}{chosen}", written)
            return written
        if function == "read":
            return self._read(world, client, argument)
        return [self._read(world, client, chosen) for chosen in range(self._lists)]

    def _read(self, world: World, client: str, chosen: int) -> list[int]:
        return list(world.read(client, f"{PREFIX}{chosen}") or ())

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


def check(history: History) -> Verdict:
    """Judge a history of appends and reads."""
    appends = history.acknowledged("append")
    seen_by: dict[int, int] = {}
    """Item -> one that was appended by who had seen it."""
    for call in appends:
        for item in call.result[:-1]:
            seen_by[item] = call.result[-1]
    items = {call.argument[1] for call in history.attempted("append")}

    problems = []
    finals = history.finals()
    if len({repr(lists) for lists in finals.values()}) > 1:
        problems.append(f"nodes differ in the end: {finals}")
    for name, lists in finals.items():
        for chosen, shown in enumerate(lists):
            strange = [item for item in shown if item not in items]
            if strange:
                problems.append(f"{name} shows {strange} in list {chosen}, which nobody appended")
            if shown and shown[-1] in seen_by:
                problems.append(f"in list {chosen}, {seen_by[shown[-1]]} had seen {shown[-1]}, and lost to it")
            if not shown and any(call.argument[0] == chosen for call in appends):
                problems.append(f"{name} shows nothing in list {chosen}")
    problems += _went_back(history)
    winners = {tuple(lists[chosen]) for lists in finals.values() for chosen in range(len(lists))}
    return Verdict(
        tuple(dict.fromkeys(problems)),
        {"appends_count": len(appends), "kept_count": sum(map(len, winners))},
    )


def _went_back(history: History) -> list[str]:
    """Say where a node showed a list that another list had seen which it showed before."""
    problems = []
    passed: dict[tuple[str, int], set[int]] = {}
    for call in history.acknowledged("append", "read"):
        chosen, shown = _shown(call)
        gone = passed.setdefault((call.process, chosen), set())
        seen = shown[:-1]
        top = call.result[-2:-1] if call.function == "append" else shown[-1:]
        if top and top[0] in gone:
            problems.append(f"{call.process} showed {top[0]} on top of list {chosen} again, after it had been replaced")
        gone.update(seen)
    return problems


def _shown(call: Call) -> tuple[int, list[int]]:
    return (call.argument[0] if call.function == "append" else call.argument), call.result
