"""`simulate replay`: one run again, in words."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output, escaped
from ..verb import Exit, Stop
from .shared import chosen_variants, folder_of, name_of, traces_of
from .shared import write as write_report

if TYPE_CHECKING:
    from ...simulation.simulation import Simulation

LINES_SHOWN = 40


def replay(arguments: Namespace, output: Output) -> int:
    """Make one run again: of a scenario, of the swarm, or of a schedule's file; 1 if it is wrong."""
    from ...simulation.catalogue import find
    from ...simulation.player import Player
    from ...simulation.runner import SWARM, Job, reason, run_job
    from ...simulation.schedule import Schedule
    from ...simulation.simulation import Simulation
    from ...simulation.swarm import schedule_of

    if arguments.name not in (None, SWARM):
        folder = folder_of(arguments)
        one = find(arguments.name, folder)
        variants = chosen_variants(one, arguments.variant)
        if len(variants) > 1:
            raise Stop(Exit.USAGE, f"one run is replayed at a time: give one of {', '.join(variants)}")
        where = str(folder.resolve()) if folder else ""
        seed = _seed(arguments.what)
        job = Job(one.name, variants[0], seed, arguments.nodes or one.nodes, arguments.world, where)
        world = Simulation(seed, size=job.nodes)
        result = run_job(job, world)
        if result.outcome == "wrong" and job.world == "simulated" and not output.as_json:
            _tell(world, output)
        if output.as_json:
            output.line(result.line())
        elif result.outcome == "held":
            output.line(f"{name_of(result)}, seed {seed}: held; journal {result.journal}")
        if result.outcome != "held":
            output.hint(f"{name_of(result)}, seed {seed}: {escaped(result.why)}")
        if arguments.report:
            write_report(arguments.report, [result], traces_of([result], folder), None, output)
        return Exit.FALSE if result.outcome == "wrong" else Exit.OK
    path = Path(arguments.what)
    schedule = Schedule.from_json(path.read_text()) if path.suffix == ".json" else schedule_of(_seed(arguments.what))
    player = Player(schedule)
    try:
        player.safety()
        player.liveness()
    except Exception as error:
        if not output.as_json:
            _tell(player.world, output)
        output.hint(escaped(reason(error)))
        if output.as_json:
            output.document({"seed": schedule.seed, "outcome": "wrong", "why": reason(error)})
        return Exit.FALSE
    if output.as_json:
        output.document({"seed": schedule.seed, "outcome": "held", "journal": player.world.journal.hash})
    else:
        for step in schedule.steps:
            output.line(f"  {step}")
        output.line(f"held; {player.world.now:.1f} s simulated, journal {player.world.journal.hash}")
    return Exit.OK


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Stop(Exit.USAGE, f"{text!r} is no seed: give a number, or a schedule's .json file")
    return int(text)


def _tell(world: Simulation, output: Output) -> None:
    """Print the latest events of a run."""
    for line in world.journal.lines[-LINES_SHOWN:]:
        output.line(escaped(line))
