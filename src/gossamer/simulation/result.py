"""What came of one run of a scenario: a line of JSON, keyed so that sweeps can be resumed and merged."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["held", "wrong", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    scenario: str
    variant: str
    seed: int
    nodes: int
    world: str
    version: str
    """Of Gossamer; in a checkout, with the commit."""
    outcome: Outcome
    why: str = ""
    """What broke, or why it was skipped."""
    figures: dict[str, float] = field(default_factory=dict)
    """What the story measured; each name ends in its unit."""
    journal: str = ""
    """The hash of all that happened, a function of scenario, variant, nodes and seed alone."""
    events: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def key(self) -> tuple[str, str, int, int, str, str]:
        """What tells this run from others."""
        return self.scenario, self.variant, self.seed, self.nodes, self.world, self.version

    def line(self) -> str:
        """Return this as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_line(cls, line: str) -> Result:
        """Return the result that a line holds; unknown fields of a later version are passed over."""
        fields: dict[str, Any] = json.loads(line)
        return cls(**{name: value for name, value in fields.items() if name in cls.__dataclass_fields__})
