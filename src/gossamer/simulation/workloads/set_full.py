"""Set-full: whatever was acknowledged is in the end on every node, and how long others did not see it.

Clients add numbers, each once, and read the whole set.  Of each number is asked, as
Jepsen's checker of that name does: was it *never read*; was it *lost*, present in one read
and absent from a later one; or is it *stable* from some time on, and then, how *stale* had
reads been since it was known?

Beyond Jepsen's, every node is read at the end, and each must hold everything.  A write is
acknowledged by the writer's own machine, so of one that is killed only a prefix of what
it wrote is promised.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..scenario import World
from .history import Call, History, Verdict, percentile, some


class SetFull:
    """Adds and reads."""

    name = "set-full"

    def __init__(self, nodes: int | None = None) -> None:
        self._nodes = nodes
        self._added = 0

    def cast(self, world: World) -> list[str]:
        """As many nodes as were asked for, with clocks half a second off."""
        return world.start(self._nodes)

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Add the next number, or read the set."""
        if rng.random() < 0.3:
            return "read", None
        self._added += 1
        return "add", self._added

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """Each number is a key of its own."""
        if function == "add":
            world.write(client, f"set-full/{argument}", argument)
            return argument
        return sorted(value for key, value in world.state(client).items() if str(key).startswith("set-full/"))

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


@dataclass(slots=True)
class Element:
    """What became of one number."""

    number: Any
    known_s: float
    """When it was acknowledged, or first read if that was earlier."""
    absent_s: float | None = None
    """When the last read that lacked it, though it was known, began."""
    absent_read: int = -1
    present_read: int = -1
    """The numbers of the last reads that lacked it and held it."""

    @property
    def never_read(self) -> bool:
        """Whether no read held it."""
        return self.present_read < 0

    @property
    def lost(self) -> bool:
        """Whether it was known, and is absent from every read of the last ones."""
        return self.absent_read > self.present_read

    @property
    def stale_s(self) -> float:
        """For how long reads lacked it since it was known."""
        return 0.0 if self.absent_s is None else max(0.0, self.absent_s - self.known_s)


def check(history: History) -> Verdict:
    """Judge a history of adds and reads.  O(reads * elements)."""
    attempted = {call.argument for call in history.attempted("add")}
    acknowledged = {call.argument: call for call in history.acknowledged("add")}
    reads = history.acknowledged("read", "final")
    elements = follow(acknowledged.values(), reads)
    finals = history.finals()
    excused = died_with_their_writer(history, acknowledged.values(), finals)

    problems = []
    invented = {number for read in reads for number in read.result} - attempted
    if invented:
        problems.append(f"read but never added: {some(sorted(invented))}")
    for name, held in finals.items():
        missing = [number for number in acknowledged if number not in excused and number not in set(held)]
        if missing:
            problems.append(f"{name} lacks in the end: {some(missing)}")
    if len({tuple(held) for held in finals.values()}) > 1:
        problems.append("nodes differ in the end")
    lost = [e.number for e in elements if e.lost and not e.never_read and e.number not in excused]
    never_read = [e.number for e in elements if e.never_read and e.number not in excused]
    if lost:
        problems.append(f"lost: {some(lost)}")
    if never_read and finals:
        problems.append(f"never read: {some(never_read)}")
    stale_s = [e.stale_s for e in elements if not e.lost]
    return Verdict(
        tuple(problems),
        {
            "attempted_count": len(attempted),
            "acknowledged_count": len(acknowledged),
            "lost_count": len(lost),
            "never_read_count": len(never_read),
            "died_with_writer_count": len(excused),
            "stale_count": sum(s > 0 for s in stale_s),
            "stale_p50_s": percentile(stale_s, 0.5),
            "stale_p99_s": percentile(stale_s, 0.99),
            "stale_max_s": max(stale_s, default=0.0),
        },
    )


def follow(adds: Iterable[Call], reads: list[Call]) -> list[Element]:
    """Follow every acknowledged element through the reads, in the order in which they began."""
    elements = {call.argument: Element(call.argument, call.completed_s or call.invoked_s) for call in adds}
    held_by = [set(read.result) for read in reads]
    for read, held in zip(reads, held_by, strict=True):
        for number in held & elements.keys():
            elements[number].known_s = min(elements[number].known_s, read.completed_s or read.invoked_s)
    for at, (read, held) in enumerate(zip(reads, held_by, strict=True)):
        for element in elements.values():
            if element.number in held:
                element.present_read = at
            elif read.invoked_s >= element.known_s:
                element.absent_read, element.absent_s = at, read.invoked_s
    return list(elements.values())


def died_with_their_writer(history: History, adds: Iterable[Call], finals: dict[str, list[Any]]) -> set[Any]:
    """Return the elements that only a process knew that was killed: the last that it added, if no node holds them."""
    deaths: dict[str, list[float]] = defaultdict(list)
    for fault in history.faults("kill"):
        deaths[fault.value].append(fault.time_s)
    held = set().union(*finals.values()) if finals else set()
    runs: dict[tuple[str, float], list[Any]] = defaultdict(list)
    for call in adds:
        died_s = next((at for at in deaths[call.process] if at >= call.invoked_s), None)
        if died_s is not None:
            runs[call.process, died_s].append(call.argument)
    excused: set[Any] = set()
    for numbers in runs.values():
        while numbers and numbers[-1] not in held:
            excused.add(numbers.pop())
    return excused
