"""What the actions of `simulate` share: names, numbers, folders, reports."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import Output
from ..verb import Exit, Stop

if TYPE_CHECKING:
    from ...simulation.result import Result
    from ...simulation.scenario import Scenario

TRACES_MAX = 8
"""Runs drawn in one report: a file that nobody can open helps nobody."""


def folder_of(arguments: Namespace) -> Path | None:
    """Return the folder of scenario files that was given."""
    return Path(arguments.folder) if arguments.folder else None


def name_of(result: Result) -> str:
    """Return what was run, in words."""
    return title_of((result.scenario, result.variant, result.nodes, result.world))


def title_of(played: tuple[str, str, int, str]) -> str:
    """Return (scenario, variant, nodes, world) in words."""
    scenario, variant, nodes, world = played
    words = [scenario, *([variant] if variant else []), *([f"x{nodes}"] if nodes else [])]
    return " ".join([*words, *([world] if world != "simulated" else [])])


def shown_number(value: float) -> str:
    """Return a figure in four digits."""
    return f"{value:.4g}"


def chosen_variants(one: Scenario, variant: str | None) -> list[str]:
    """Return the variants of a scenario that `--variant` means."""
    if variant == "all":
        return list(one.variants)
    if variant is None:
        return [next(iter(one.variants))]
    if variant not in one.variants:
        raise Stop(Exit.USAGE, f"{one.name} has no variant {variant!r}; it has {', '.join(one.variants)}")
    return [variant]


def traces_of(results: Sequence[Result], folder: Path | None) -> list[Any]:
    """Make the first runs of each scenario again, watched."""
    from ...simulation.catalogue import find
    from ...simulation.runner import SWARM
    from ...simulation.simulation import Simulation
    from ...simulation.trace import Trace

    traces, seen = [], set()
    ordered = sorted(results, key=lambda result: result.outcome != "wrong")
    for result in ordered:
        key = result.scenario, result.variant
        if key in seen or result.scenario == SWARM or result.world == "real" or result.outcome == "skipped":
            continue
        seen.add(key)
        one = find(result.scenario, folder)
        world = Simulation(result.seed, size=result.nodes)
        traces.append(Trace(world, f"{name_of(result)}, seed {result.seed}"))
        try:
            one.play(world, **one.variants[result.variant])
        except Exception as error:
            world.say(f"it ends here: {error}")
        if len(traces) == TRACES_MAX:
            break
    return traces


def write(path: str, results: Sequence[Result], traces: Sequence[Any], before: Any, output: Output) -> None:
    """Write a report, and say where."""
    from ...simulation.report import write_report

    write_report(path, results, traces, before)
    output.hint(f"wrote {path}")
