"""`simulate soak`: random lives for as long as one likes; what fails is shrunk."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output, coloured, escaped
from ..verb import Exit
from .engines import results_of, shown

if TYPE_CHECKING:
    from ...simulation.result import Result

LIVES = 1000
"""How many, if neither a number nor a time is given."""


def soak(arguments: Namespace, output: Output) -> int:
    """Live random lives; 0 if all held."""
    from ...simulation.runner import DIED, SWARM, Results, swarm_jobs
    from ...simulation.version import version

    kept = Results(Path(arguments.results)) if arguments.results else None
    before = kept.read() if kept else []
    mine = [r for r in before if r.scenario == SWARM and r.version == version() and not r.why.startswith(DIED)]
    done = {result.seed for result in mine}
    lives = arguments.schedules or (None if arguments.seconds else LIVES)
    output.hint(f"lives from seed {arguments.start} on" + (f"; {len(done)} are in {arguments.results}" if done else ""))
    began, made, interrupted = time.monotonic(), 0, False
    wrong: list[Result] = []
    ends_at = began + (arguments.seconds or float("inf"))
    jobs = swarm_jobs(_seeds(arguments.start, done, lives, ends_at))
    try:
        for result in shown(results_of(jobs, arguments), lives, output):
            made += 1
            if kept:
                kept.add(result)
            if result.outcome == "wrong":
                wrong.append(result)
                again = f"gossamer simulate replay {result.seed}"
                output.hint(f"seed {result.seed}: {escaped(result.why)}\n  again: {again}")
    except KeyboardInterrupt:
        output.hint(f"stopped after {made} lives")
        interrupted = True
    took_s = max(1e-9, time.monotonic() - began)
    shrinkable = [result.seed for result in wrong if not result.why.startswith(DIED)]  # the others would end us, too
    shrunk = _shrink(shrinkable[0], arguments, output) if shrinkable and arguments.shrink else None
    figures = {"lives": made, "wrong": len(wrong), "seconds": round(took_s, 1), "lives_per_s": round(made / took_s, 1)}
    if output.as_json:
        seeds = [result.seed for result in wrong]
        output.document({**figures, "start": arguments.start, "wrong_seeds": seeds, "shrunk": shrunk})
    else:
        text = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in figures.items())
        output.line(coloured(text, "red" if wrong else "green"))
    return Exit.INTERRUPTED if interrupted else Exit.FALSE if wrong else Exit.OK


def _seeds(start: int, done: set[int], lives: int | None, ends_at: float) -> Iterator[int]:
    """Yield so many seeds that are not done, from `start` on, until `ends_at`."""
    numbers = (seed for seed in count(start) if seed not in done)
    for _ in count() if lives is None else range(lives):
        if time.monotonic() >= ends_at:
            return
        yield next(numbers)


def _shrink(seed: int, arguments: Namespace, output: Output) -> str:
    from ...simulation.shrinking import shrink
    from ...simulation.swarm import schedule_of

    schedule = schedule_of(seed)
    small = shrink(schedule, seconds=arguments.shrink_seconds)
    path = Path(f"shrunk-{seed}.json")
    path.write_text(small.to_json())
    output.hint(
        f"shrunk from {len(schedule.steps)} steps to {len(small.steps)}, from {len(schedule.nodes)} nodes to "
        f"{len(small.nodes)}\n  again: gossamer simulate replay {path}"
    )
    return str(path)
