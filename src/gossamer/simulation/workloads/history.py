"""What clients and the nemesis did and saw: invocations and completions, in order, as JSON Lines.

Law: an operation is entered when it happens and never changes.  A checker sees nothing
else, so whoever doubts a verdict can read why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Type = Literal["invoke", "ok", "fail", "info"]
"""It began; it was done; it was certainly not done; nobody knows whether it was."""

NEMESIS = "nemesis"
"""The process under which faults are entered: each as one operation of type "info"."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of a history."""

    process: str
    """The node that the client talks to, or "nemesis"."""
    type: Type
    function: str
    """What is asked for: "add", "read", ...; "final" is a read after everything has healed."""
    value: Any
    """The argument of an invocation, the result of a completion.  JSON."""
    time_s: float


@dataclass(frozen=True, slots=True)
class Call:
    """An invocation with its completion."""

    process: str
    function: str
    argument: Any
    invoked_s: float
    outcome: Type = "info"
    """How it ended; "info" if it never did."""
    result: Any = None
    completed_s: float | None = None


class History:
    """The operations of one run.  A process has one call open at a time."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self.operations = list(operations)

    def enter(self, process: str, type: Type, function: str, value: Any, time_s: float) -> None:
        """Something happened just now.  `value` must be JSON: what it holds is kept as it is at this moment."""
        self.operations.append(Operation(process, type, function, value, time_s))

    def calls(self, *functions: str) -> list[Call]:
        """Return the clients' calls of these functions (of all, if none is named), by the order of invocation."""
        calls: list[Call] = []
        opened: dict[str, int] = {}
        for it in self.operations:
            if it.process == NEMESIS or (functions and it.function not in functions):
                continue
            if it.type == "invoke":
                opened[it.process] = len(calls)
                calls.append(Call(it.process, it.function, it.value, it.time_s))
            elif (at := opened.pop(it.process, None)) is not None:
                begun = calls[at]
                calls[at] = Call(
                    begun.process, begun.function, begun.argument, begun.invoked_s, it.type, it.value, it.time_s
                )
        return calls

    def acknowledged(self, *functions: str) -> list[Call]:
        """Return those of `calls` that were done for certain."""
        return [call for call in self.calls(*functions) if call.outcome == "ok"]

    def attempted(self, *functions: str) -> list[Call]:
        """Return those of `calls` that may have been done."""
        return [call for call in self.calls(*functions) if call.outcome != "fail"]

    def finals(self) -> dict[str, Any]:
        """Return what each node showed at the end."""
        return {call.process: call.result for call in self.acknowledged("final")}

    def faults(self, function: str) -> list[Operation]:
        """Return what the nemesis did of one kind."""
        return [it for it in self.operations if it.process == NEMESIS and it.function == function]

    def lines(self) -> Iterator[str]:
        """Yield each operation as a line of JSON."""
        for operation in self.operations:
            yield json.dumps(asdict(operation), separators=(",", ":"))

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> History:
        """Return the history that these lines hold; empty ones are passed over."""
        return cls(Operation(**json.loads(line)) for line in lines if line.strip())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checker found."""

    problems: tuple[str, ...] = ()
    """Each broken promise in words; none if all was kept."""
    figures: dict[str, float] = field(default_factory=dict)
    """What was measured; each name ends in its unit."""

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems

    def __str__(self) -> str:
        return "; ".join(self.problems) or "held"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the least of `values` below or at which `share` of them lie; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def some(items: Iterable[Any], at_most: int = 5) -> str:
    """Return the first of many in words, and how many there are."""
    listed = list(items)
    shown = ", ".join(map(str, listed[:at_most]))
    return shown if len(listed) <= at_most else f"{shown}, ... ({len(listed)})"
