"""A fault schedule: what happens to a mesh, step by step, as data.

A schedule is made from a seed (see `swarm`), played, written to a file, and shrunk by
dropping steps, nodes and faults.  So no step relies on another: one that makes no sense
when its turn comes (its node is gone, its key is not there) is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import GossamerError
from ..options import Options

VERSION = 1


class ScheduleError(GossamerError, ValueError):
    """This is no schedule that this version can read.  The message says why."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A computer that takes part from the beginning, or joins by a step."""

    name: str
    skew_ms: int = 0
    multicast: bool = True
    knows_first: bool = False
    """Whether it is given the address of the first node."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something happens, and then some time passes."""

    verb: str
    """The name of a method of `player.Player`."""
    arguments: tuple[Any, ...] = ()
    then_s: float = 0.0

    def __str__(self) -> str:
        words = " ".join(str(argument) for argument in self.arguments)
        return f"{self.verb} {words}".rstrip() + (f", then {self.then_s:g} s" if self.then_s else "")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One life of a mesh."""

    seed: int
    nodes: tuple[NodePlan, ...]
    steps: tuple[Step, ...]
    multicast: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of `Options`, those that differ from the defaults."""

    def to_json(self) -> str:
        """Return this as a JSON document."""
        return json.dumps({"version": VERSION, **asdict(self), "options": dict(self.options)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        """Return the schedule of a JSON document; raise ScheduleError for anything else."""
        try:
            fields = json.loads(text)
            if fields.pop("version") != VERSION:
                raise ScheduleError(
                    f"a schedule of another version than {VERSION}: replay it with the Gossamer it is of"
                )
            Options(**fields["options"])
            nodes = tuple(NodePlan(**node) for node in fields.pop("nodes"))
            steps = tuple(
                Step(step["verb"], tuple(map(_frozen, step["arguments"])), step["then_s"])
                for step in fields.pop("steps")
            )
            return cls(nodes=nodes, steps=steps, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, ScheduleError):
                raise
            raise ScheduleError(f"this is no schedule: {type(error).__name__}: {error}") from error


def _frozen(argument: Any) -> Any:
    return tuple(map(_frozen, argument)) if isinstance(argument, list) else argument
