"""Add/remove set: what was removed stays removed, and what was not is there, on every node.

Each element has one owner, who adds it, and adds it again after it was removed; whoever
sees it may remove it.  A removal removes exactly the addition that it saw.  So of each
element, in the end, the owner's last addition is there, unless somebody removed just that.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from ..scenario import World
from .history import History, Verdict, some

ELEMENTS_PER_NODE = 8
PREFIX = "add-remove/"


class AddRemoveSet:
    """Adds, removals and reads."""

    name = "add-remove-set"

    def __init__(self, nodes: int | None = None) -> None:
        self._nodes = nodes
        self._names: list[str] = []
        self._additions = 0

    def cast(self, world: World) -> list[str]:
        """As many nodes as were asked for, with clocks half a second off."""
        self._names = world.start(self._nodes)
        return self._names

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Add an element of one's own, remove anybody's, or read all."""
        draw = rng.random()
        if draw < 0.2:
            return "read", None
        if draw < 0.6:
            self._additions += 1
            return "add", [f"{client}/{rng.randrange(ELEMENTS_PER_NODE)}", self._additions]
        return "remove", f"{rng.choice(self._names)}/{rng.randrange(ELEMENTS_PER_NODE)}"

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """An element is a key, each addition of it a value; a removal tells which addition it saw."""
        if function == "add":
            element, addition = argument
            world.write(client, PREFIX + element, addition)
            return argument
        if function == "remove":
            seen = world.read(client, PREFIX + argument)
            if seen is None:
                raise KeyError(argument)
            world.delete(client, PREFIX + argument)
            return [argument, seen]
        found = {str(key).removeprefix(PREFIX): value for key, value in world.state(client).items()}
        return dict(sorted(found.items()))

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


def check(history: History) -> Verdict:
    """Judge a history of adds and removals in which each element is added by one process alone."""
    additions: dict[str, list[int]] = defaultdict(list)
    for call in history.acknowledged("add"):
        additions[call.argument[0]].append(call.argument[1])
    removed = {(element, addition) for element, addition in (c.result for c in history.acknowledged("remove"))}
    expected = {element: made[-1] for element, made in additions.items() if (element, made[-1]) not in removed}

    problems = []
    for name, held in history.finals().items():
        gone = [element for element in expected if element not in held]
        if gone:
            problems.append(f"{name} lacks in the end, though nobody removed it: {some(gone)}")
        back = [f"{element}={held[element]}" for element in held if held[element] != expected.get(element)]
        if back:
            problems.append(f"{name} shows in the end what was removed or replaced: {some(back)}")
    problems += _came_back(history, additions)
    return Verdict(
        tuple(problems),
        {
            "additions_count": sum(map(len, additions.values())),
            "removals_count": len(removed),
            "elements_count": len(expected),
        },
    )


def _came_back(history: History, additions: dict[str, list[int]]) -> list[str]:
    """Say what a node showed again that it had shown before, when it had shown nothing in between.

    One that another addition hid may show again, while its removal has not been heard there.
    """
    problems = []
    made = {(element, addition) for element, some_additions in additions.items() for addition in some_additions}
    shown: dict[tuple[str, str], set[int]] = defaultdict(set)
    gone: dict[tuple[str, str], set[int]] = defaultdict(set)
    for read in history.acknowledged("read", "final"):
        for element in additions:
            here = read.process, element
            addition = read.result.get(element)
            if addition is None:
                gone[here] |= shown.pop(here, set())
                continue
            shown[here].add(addition)
            if (element, addition) not in made:
                problems.append(f"{read.process} read {element}={addition}, which nobody added")
            elif addition in gone[here]:
                problems.append(f"{read.process} read {element}={addition} again, after it had gone there")
    return problems
