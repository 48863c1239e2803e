"""`python -m gossamer.simulation.maelstrom node WORKLOAD` is a node, `... run WORKLOAD` runs a whole test."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .process import serve
from .services import SERVICES


def main(arguments: list[str] | None = None) -> int:
    """Be a node, or run a test; return the exit code: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m gossamer.simulation.maelstrom", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    node = verbs.add_parser("node", help="be a node on standard input and output")
    run = verbs.add_parser("run", help="start nodes, route their messages, drive the workload and check it")
    for verb in (node, run):
        verb.add_argument("workload", choices=sorted(SERVICES))
    run.add_argument("--nodes", type=int, default=5)
    run.add_argument("--seconds", type=float, default=10.0)
    run.add_argument("--rate", type=float, default=20.0, help="requests a second")
    run.add_argument("--loss", type=float, default=0.0, help="share of messages between nodes that are lost")
    run.add_argument("--latency-ms", type=float, default=10.0, help="mean, exponentially distributed")
    run.add_argument("--partition", action="store_true", help="split the nodes into halves, again and again")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--history", type=Path, help="write the history there, as JSON Lines")
    chosen = parser.parse_args(arguments)
    if chosen.verb == "node":
        serve(chosen.workload)
        return 0
    return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    from .runner import Plan
    from .runner import run as run_plan

    verdict, history = run_plan(
        Plan(
            chosen.workload,
            nodes=chosen.nodes,
            seconds=chosen.seconds,
            calls_per_s=chosen.rate,
            loss=chosen.loss,
            latency_s=chosen.latency_ms / 1000,
            partitions=chosen.partition,
            seed=chosen.seed,
        )
    )
    if chosen.history is not None:
        chosen.history.write_text("".join(f"{line}\n" for line in history.lines()))
    report = {"valid": verdict.holds, "problems": verdict.problems, **verdict.figures}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
