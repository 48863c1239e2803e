"""What was to be played, and how it went, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .account import Account, Reckoning
from .stage import Stage

CONTESTED = 8
"""Keys that both sides of the cut write."""
LISTED_MAX = 10
"""Things that went wrong, as many as are listed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play."""

    peers: int
    seconds: float
    """How long they write: half of it before the cut, half of it behind it."""
    loss: float
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it went."""

    ok: bool
    text: str


def judged(plan: Plan, stage: Stage, account: Account, reckoning: Reckoning | None, wrong: list[str]) -> Verdict:
    """Give the verdict on `stage`: `reckoning` is what the survivors hold, `wrong` what else went wrong."""
    written = f"{account.writes:,}".replace(",", " ")
    text = f"{plan.peers} peers, {written} writes"
    facts: dict[str, Any] = {"peers": plan.peers, "writes": account.writes, "seed": plan.seed}
    if reckoning is not None:
        text += f", {len(reckoning.lost)} lost, {reckoning.conflicts} conflicts resolved the same way everywhere"
        facts |= {"lost": list(reckoning.lost), "conflicts": reckoning.conflicts}
        wrong = [*wrong, *reckoning.wrong]
        if not wrong and reckoning.conflicts != CONTESTED:
            wrong = [f"{CONTESTED} keys were written on both sides, and {reckoning.conflicts} are conflicts"]
    if wrong:
        more = [f"and {len(wrong) - LISTED_MAX} more"] if len(wrong) > LISTED_MAX else []
        text = "\n  ".join([f"failed: {text}", *wrong[:LISTED_MAX], *more])
    stage.end(text, not wrong, **facts, wrong=wrong)
    return Verdict(not wrong, text)
