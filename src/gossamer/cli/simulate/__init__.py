"""The verb simulate: stories and random lives of a mesh on virtual time, by the thousand.

running    scenarios under many seeds, kept as JSON Lines
replaying  one run again, in words
soaking    random lives for as long as one likes
comparing  the results of two versions
engines    where runs are made, and the progress bar
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace

from ..output import Output
from ..verb import Exit, Verb, seconds
from .shared import folder_of


def run(arguments: Namespace, output: Output) -> int:
    """Do what was asked."""
    match arguments.action:
        case "list":
            return list_scenarios(arguments, output)
        case "run":
            from .running import run_scenarios

            return run_scenarios(arguments, output)
        case "replay":
            from .replaying import replay

            return replay(arguments, output)
        case "soak":
            from .soaking import soak

            return soak(arguments, output)
        case _:
            from .comparing import compare

            return compare(arguments, output)


def list_scenarios(arguments: Namespace, output: Output) -> int:
    """Print the scenarios, with the first line of their stories."""
    from ...simulation.catalogue import scenarios

    found = scenarios(folder_of(arguments)).values()
    if output.as_json:
        for one in found:
            output.document(
                {
                    "name": one.name,
                    "story": _first_line(one.story),
                    "nodes": one.nodes,
                    "variants": list(one.variants),
                    "worlds": list(one.worlds),
                    "slow": one.slow,
                }
            )
        return Exit.OK
    rows = [
        (one.name, str(one.nodes), ", ".join(filter(None, one.variants)) or "-", ", ".join(one.worlds), one.story)
        for one in found
    ]
    output.table(
        ("SCENARIO", "NODES", "VARIANTS", "WORLDS", "STORY"), [(*row[:4], _first_line(row[4])) for row in rows]
    )
    output.line("\nand `swarm`: random lives, any seed")
    return Exit.OK


def _first_line(story: str) -> str:
    return story.strip().split("\n\n")[0].replace("\n    ", " ")


def _seeds(text: str) -> range:
    first, dots, last = text.partition("..")
    try:
        found = range(int(first), int(last) + 1) if dots else range(1, int(first) + 1)
    except ValueError:
        found = range(0)
    if not found or found[0] < 0:
        raise ArgumentTypeError(f"{text!r} are no seeds: give how many, or A..B")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ArgumentTypeError(f"{text!r} is no number of them: it is 1 or more")
    return int(text)


def _describe(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, help: str) -> ArgumentParser:
        one = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        one.add_argument("--json", action="store_true", default=SUPPRESS, help="print JSON, a line each")
        return one

    def runs(one: ArgumentParser) -> None:
        one.add_argument("--jobs", type=_count, default=None, metavar="N", help="workers (default: all cores)")
        one.add_argument("--engine", default="processes", help="processes, serial, or dask://host:port")
        one.add_argument("--results", default=None, metavar="FILE", help="append results here, and go on from them")

    def story(one: ArgumentParser) -> None:
        one.add_argument("--variant", default=None, help="one of the scenario's, or all (default: its first)")
        one.add_argument("--nodes", type=_count, default=None, metavar="N", help="how many (default: the scenario's)")
        one.add_argument("--world", choices=("simulated", "real"), default="simulated", help="where it is told")
        one.add_argument("--folder", default=None, metavar="DIR", help="where your own scenario files are")
        one.add_argument("--report", default=None, metavar="FILE.html", help="draw what happened")

    one = action("list", "list the scenarios")
    one.add_argument("--folder", default=None, metavar="DIR", help="where your own scenario files are")
    one = action("run", "run scenarios under many seeds")
    one.add_argument("names", nargs="+", metavar="NAME", help="scenarios, swarm, or all")
    one.add_argument("--seeds", type=_seeds, default=range(1, 2), metavar="N|A..B", help="how many, or from .. to")
    story(one)
    runs(one)
    one = action("replay", "make one run again, and tell what happened")
    one.add_argument("what", metavar="SEED|FILE.json", help="a seed, or a schedule that was shrunk")
    one.add_argument("name", nargs="?", default=None, metavar="NAME", help="a scenario (default: the swarm)")
    story(one)
    one = action("soak", "live random lives for as long as you like")
    one.add_argument("--seconds", type=seconds, default=0.0, metavar="S", help="how long")
    one.add_argument("--schedules", type=_count, default=None, metavar="N", help="how many (default: 1000)")
    one.add_argument("--start", type=int, default=10_000, metavar="SEED", help="the first seed (default: 10000)")
    one.add_argument("--no-shrink", dest="shrink", action="store_false", help="leave a failing life as it is")
    one.add_argument("--shrink-seconds", type=seconds, default=60.0, metavar="S", help="for shrinking (default: 60)")
    runs(one)
    one = action("compare", "compare the results of two versions")
    one.add_argument("before", metavar="BEFORE.jsonl")
    one.add_argument("after", metavar="AFTER.jsonl")
    one.add_argument("--report", default=None, metavar="FILE.html", help="draw the differences")


VERBS = (
    Verb(
        "simulate",
        "try to break a mesh on virtual time: stories, random lives, by the thousand",
        run,
        _describe,
        "A run is a function of its seed; one that fails names the command that makes it again.\n"
        "Exits with 0 if all held, 1 if something was wrong.",
        joins=False,
        timeout="",
    ),
)
