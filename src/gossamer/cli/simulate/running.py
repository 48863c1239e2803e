"""`simulate run`: scenarios under many seeds."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output, coloured, escaped
from ..verb import Exit
from .engines import results_of, shown
from .shared import chosen_variants, folder_of, name_of, shown_number, title_of, traces_of
from .shared import write as write_report

if TYPE_CHECKING:
    from ...simulation.result import Result
    from ...simulation.runner import Job


def run_scenarios(arguments: Namespace, output: Output) -> int:
    """Run scenarios under many seeds; 0 if all held."""
    from ...simulation.catalogue import find, scenarios
    from ...simulation.runner import SWARM, jobs_of, swarm_jobs

    folder = folder_of(arguments)
    names = arguments.names
    if names == ["all"]:
        names = [name for name, one in scenarios(folder).items() if arguments.world in one.worlds]
    jobs: list[Job] = []
    for name in names:
        if name == SWARM:
            jobs += swarm_jobs(arguments.seeds)
            continue
        one = find(name, folder)
        jobs += jobs_of(
            one,
            arguments.seeds,
            variants=chosen_variants(one, arguments.variant),
            nodes=arguments.nodes,
            world=arguments.world,
            folder=str(folder.resolve()) if folder else "",
        )
    results = _swept(arguments, output, jobs)
    if arguments.report:
        write_report(arguments.report, results, traces_of(results, folder), None, output)
    return _verdict(results, output)


def _swept(arguments: Namespace, output: Output, jobs: Sequence[Job]) -> list[Result]:
    """Make the runs that have no result yet; return all results of `jobs`."""
    from ...simulation.runner import Results

    kept = Results(Path(arguments.results)) if arguments.results else None
    todo = kept.missing(jobs) if kept else list(jobs)
    if len(todo) < len(jobs):
        output.hint(f"{len(jobs) - len(todo)} of {len(jobs)} runs have results in {arguments.results}")
    made: list[Result] = []
    try:
        for result in shown(results_of(todo, arguments, serial=arguments.world == "real"), len(todo), output):
            made.append(result)
            if kept:
                kept.add(result)
            _tell(result, jobs, output)
    except KeyboardInterrupt:
        output.hint(f"stopped after {len(made)} of {len(todo)} runs" + ("; what is done is kept" if kept else ""))
        raise
    keys = {job.key for job in jobs}
    return [result for result in kept.read() if result.key in keys] if kept else made


def _tell(result: Result, jobs: Sequence[Job], output: Output) -> None:
    if output.as_json:
        output.line(result.line())
    if result.outcome != "wrong":
        return
    job = next(job for job in jobs if job.key == result.key)
    output.hint(f"{name_of(result)}, seed {result.seed}: {escaped(result.why)}\n  again: {job.replay}")


def _verdict(results: Sequence[Result], output: Output) -> int:
    """Print what came of the runs; 0 if all held."""
    outcomes = Counter(result.outcome for result in results)
    if not output.as_json:
        _print_figures(results, output)
        for why, n in Counter(r.why for r in results if r.outcome == "skipped").items():
            output.hint(f"{n} skipped: {why}")
        words = [f"{len(results)} runs", f"{outcomes['held']} held", f"{outcomes['wrong']} wrong"]
        words += [f"{outcomes['skipped']} skipped"] if outcomes["skipped"] else []
        output.line(coloured(", ".join(words), "red" if outcomes["wrong"] else "green"))
    return Exit.FALSE if outcomes["wrong"] else Exit.OK


def _print_figures(results: Sequence[Result], output: Output) -> None:
    from ...simulation.report.comparison import by_figure, spread

    rows = []
    for (played, figure), values in sorted(by_figure(results).items()):
        of_all = spread(list(values.values()))
        least, most = shown_number(of_all.least), shown_number(of_all.most)
        rows.append((title_of(played), figure, str(of_all.count), shown_number(of_all.middle), f"{least} .. {most}"))
    if rows:
        output.table(("SCENARIO", "FIGURE", "RUNS", "MEDIAN", "SPREAD"), rows)
