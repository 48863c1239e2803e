"""`simulate compare`: the results of two versions."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output, escaped
from ..verb import Exit, Stop
from .shared import name_of, shown_number, title_of
from .shared import write as write_report

if TYPE_CHECKING:
    from ...simulation.report.comparison import Spread
    from ...simulation.result import Result


def compare(arguments: Namespace, output: Output) -> int:
    """Print what changed between two files of results; 1 if something that held is wrong now."""
    from ...simulation.report.comparison import changes

    before, after = _read(arguments.before), _read(arguments.after)
    found = changes(before, after)
    held = {(r.scenario, r.variant, r.seed, r.nodes, r.world) for r in before if r.outcome == "held"}
    broken = [r for r in after if r.outcome == "wrong" and (r.scenario, r.variant, r.seed, r.nodes, r.world) in held]
    if output.as_json:
        for change in found:
            output.document(
                {
                    "scenario": title_of(change.played),
                    "figure": change.figure,
                    "before": change.before.middle,
                    "after": change.after.middle,
                    "before_spread": [change.before.least, change.before.most],
                    "after_spread": [change.after.least, change.after.most],
                    "verdict": change.verdict,
                }
            )
        for result in broken:
            output.document({"scenario": name_of(result), "seed": result.seed, "verdict": "held before, wrong now"})
    else:
        rows = [
            (
                title_of(change.played),
                change.figure,
                _spread(change.before),
                _spread(change.after),
                "-" if change.ratio != change.ratio else f"{change.ratio:.2f}x",
                change.verdict,
            )
            for change in found
        ]
        output.table(("SCENARIO", "FIGURE", "BEFORE", "AFTER", "RATIO", "VERDICT"), rows)
        for result in broken:
            output.hint(f"{name_of(result)}, seed {result.seed} held before: {escaped(result.why)}")
    if arguments.report:
        write_report(arguments.report, after, [], before, output)
    return Exit.FALSE if broken else Exit.OK


def _read(path: str) -> list[Result]:
    from ...simulation.runner import Results

    results = Results(Path(path)).read()
    if not results:
        raise Stop(Exit.USAGE, f"{path} holds no results; make some: gossamer simulate run all --results {path}")
    return results


def _spread(of: Spread) -> str:
    return f"{shown_number(of.middle)} ({shown_number(of.least)} .. {shown_number(of.most)})"
