"""`simulate soak`: random lives for as long as one likes; what fails is shrunk."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ..output import Output, coloured, escaped
from ..verb import Exit
from .engines import executor_for, shown

LIVES = 1000
"""How many, if neither a number nor a time is given."""


def soak(arguments: Namespace, output: Output) -> int:
    """Live random lives; 0 if all held."""
    from ...simulation.runner import SWARM, Results, swarm_jobs, sweep
    from ...simulation.version import version

    kept = Results(Path(arguments.results)) if arguments.results else None
    mine = (r for r in kept.read() if r.scenario == SWARM and r.version == version()) if kept else ()
    done = {result.seed for result in mine}
    lives = arguments.schedules or (None if arguments.seconds else LIVES)
    output.hint(f"lives from seed {arguments.start} on" + (f"; {len(done)} are in {arguments.results}" if done else ""))
    began, made, wrong = time.monotonic(), 0, []
    ends_at = began + (arguments.seconds or float("inf"))
    jobs = swarm_jobs(_seeds(arguments.start, done, lives, ends_at))
    with executor_for(arguments, serial=False) as (executor, workers):
        for result in shown(sweep(jobs, executor, workers), lives, output):
            made += 1
            if kept:
                kept.add(result)
            if result.outcome == "wrong":
                wrong.append(result.seed)
                again = f"gossamer simulate replay {result.seed}"
                output.hint(f"seed {result.seed}: {escaped(result.why)}\n  again: {again}")
    took_s = max(1e-9, time.monotonic() - began)
    if wrong and arguments.shrink:
        _shrink(wrong[0], arguments, output)
    figures = {"lives": made, "wrong": len(wrong), "seconds": round(took_s, 1), "lives_per_s": round(made / took_s, 1)}
    if output.as_json:
        output.document({**figures, "start": arguments.start, "wrong_seeds": wrong})
    else:
        text = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in figures.items())
        output.line(coloured(text, "red" if wrong else "green"))
    return Exit.FALSE if wrong else Exit.OK


def _seeds(start: int, done: set[int], lives: int | None, ends_at: float) -> Iterator[int]:
    """Yield so many seeds that are not done, from `start` on, until `ends_at`."""
    numbers = (seed for seed in count(start) if seed not in done)
    for _ in count() if lives is None else range(lives):
        if time.monotonic() >= ends_at:
            return
        yield next(numbers)


def _shrink(seed: int, arguments: Namespace, output: Output) -> None:
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
