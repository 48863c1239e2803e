"""The verb demo: real peers in real processes share, split, disagree, heal and agree, before your eyes.

    story      what happens, act by act
    troupe     the processes, and how the parent talks to them
    actor      what runs in each process: one peer
    readings   what the peers have to say: figures of this machine
    account    what was written, and whether all of it is still there
    verdict    how it went, in one line
    stage      how it is shown: a live table, plain lines, JSON

Nothing is simulated and nothing leaves the loopback.  The partition is a packet filter
inside each peer, so no rights are needed.
"""

from __future__ import annotations

import random
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from ..output import Output
from ..verb import Exit, Verb

PEERS_MIN, PEERS_MAX = 2, 30


def run(arguments: Namespace, output: Output) -> int:
    """Play the story; 0 if it went as promised, 1 if not."""
    from .stage import stage_for
    from .story import play_through
    from .verdict import Plan

    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    plan = Plan(arguments.peers, arguments.seconds, arguments.loss, seed)
    with stage_for(output) as stage:
        verdict = play_through(plan, stage)
    return Exit.OK if verdict.ok else Exit.FALSE


def _peers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and PEERS_MIN <= int(text) <= PEERS_MAX):
        raise ArgumentTypeError(f"{text!r} is no number from {PEERS_MIN} to {PEERS_MAX}")
    return int(text)


def _seconds(text: str) -> float:
    return _number(text, 0.2, 3600, "seconds")


def _loss(text: str) -> float:
    return _number(text, 0, 0.9, "share")


def _number(text: str, least: float, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise ArgumentTypeError(f"{text!r} is no {what} from {least} to {most}")
    return number


def _describe(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--peers", type=_peers, default=6, metavar="N", help=f"{PEERS_MIN} to {PEERS_MAX} (default: 6)")
    add("--seconds", type=_seconds, default=3.0, metavar="S", help="how long they write, in all (default: 3)")
    add("--loss", type=_loss, default=0.0, metavar="P", help="share of datagrams to lose, 0 to 0.9 (default: 0)")
    add("--seed", type=int, default=None, help="who is on which side, who dies and what is lost (default: random)")


VERBS = (
    Verb(
        "demo",
        "watch real peers share, split, disagree, heal and agree",
        run,
        _describe,
        "Starts so many processes on the loopback, cuts them in two halves that write the same keys,\n"
        "heals the cut, kills a peer, lets another join late, and compares what every peer holds\n"
        "with every write that was made.  Takes some 12 s.\n"
        "Exits with 0 if nothing was lost and all agree, else with 1, naming what went wrong.",
        joins=False,
        timeout="",
    ),
)
