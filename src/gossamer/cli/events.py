"""Verbs of events, which are told and not kept: pub, sub."""

from __future__ import annotations

import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .json_values import argument_value, plain
from .keys import VALUES
from .output import Output, escaped, shown_key, shown_value
from .taking_part import joined, reached
from .verb import Exit, Stop, Verb
from .watching import count

if TYPE_CHECKING:
    from ..views.events import Event

NAME_CHARACTERS_MAX = 256


def run_pub(arguments: Namespace, output: Output) -> int:
    """Emit one event."""
    args = [argument_value(word) for word in arguments.argument]
    kwargs = {name: argument_value(word) for name, word in arguments.keyword}
    with reached(arguments) as (mesh, deadline):
        peers = sorted(peer.name for peer in mesh.peers)
        had = mesh.events.emit(
            arguments.name, *args, sender=arguments.sender, timeout=max(0.05, deadline.left_s()), **kwargs
        )
    if not had:
        raise Stop(Exit.TIMED_OUT, f"not every peer confirmed the event within {deadline.timeout_s:g} s")
    if output.as_json:
        output.document({"event": arguments.name, "had_by": peers})
    return Exit.OK


def run_sub(arguments: Namespace, output: Output) -> int:
    """Print events as they happen."""
    wanted, seen = arguments.count, 0
    with joined(arguments) as mesh, mesh.events.stream(arguments.pattern, sender=arguments.sender) as stream:
        if not mesh.peers:
            output.hint(f"no other peer of the mesh {mesh.name!r} is there yet; waiting for one")
        patience = threading.Timer(arguments.timeout or 0.0, stream.close)
        patience.daemon = True
        if arguments.timeout is not None:
            patience.start()
        try:
            for event in stream:
                seen += 1
                _print_event(output, event)
                if seen == wanted:
                    return Exit.OK
        finally:
            patience.cancel()
    if wanted is not None:
        raise Stop(Exit.TIMED_OUT, f"{seen} of {wanted} events happened within {arguments.timeout:g} s")
    return Exit.OK


def _print_event(output: Output, event: Event) -> None:
    if event.missed:
        output.hint(f"{event.missed} events of {event.peer.name} were missed before this one")
    if output.as_json:
        output.document(_as_json(event))
        return
    moment = datetime.now().astimezone().strftime("%H:%M:%S")
    said = [shown_value(value) for value in event.args]
    said += [f"{escaped(name)}={shown_value(value)}" for name, value in event.kwargs.items()]
    sender = event.sender if type(event.sender) is str else shown_value(event.sender)
    output.line("  ".join([moment, shown_key(event.name), *said, f"by {escaped(sender)}"]))


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "event": event.name,
        "args": [plain(value) for value in event.args],
        "kwargs": {name: plain(value) for name, value in event.kwargs.items()},
        "sender": plain(event.sender),
        "peer": event.peer.name,
        "number": event.number,
        "missed": event.missed,
    }


def _name(text: str) -> str:
    if not 0 < len(text) <= NAME_CHARACTERS_MAX:
        raise ArgumentTypeError(f"an event's name has 1 to {NAME_CHARACTERS_MAX} characters")
    return text


def _keyword(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()) or name in ("sender", "timeout"):
        raise ArgumentTypeError(f"{text!r} is no NAME=VALUE with a name that a keyword argument may have")
    return name, value


def _describe_pub(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", type=_name)
    parser.add_argument("argument", metavar="VALUE", nargs="*", default=[], help="its arguments")
    parser.add_argument(
        "-k", "--keyword", metavar="NAME=VALUE", type=_keyword, action="append", default=[], help="one; repeatable"
    )
    parser.add_argument("--sender", default=None, metavar="NAME", help="who is said to send it (default: this peer)")


def _describe_sub(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern; * crosses / (default: all)")
    parser.add_argument("-n", "--count", type=count, default=None, metavar="N", help="stop after so many events")
    parser.add_argument("--sender", default=None, metavar="PATTERN", help="only those of this sender, a shell pattern")


VERBS = (
    Verb(
        "pub",
        "emit an event",
        run_pub,
        _describe_pub,
        f"Ends once every peer that is there has it; exits with 4 if one has not within --timeout.\n\n{VALUES}",
        timeout="seconds to find a peer and to have it confirmed (default: 3)",
    ),
    Verb(
        "sub",
        "print events as they happen",
        run_sub,
        _describe_sub,
        "One line an event, from now on; with --json, one JSON object a line.  What was missed, because it\n"
        "was lost or this reader was too slow, is said on stderr.  With -n, exits with 4 if --timeout ends\n"
        "it first; without, the timeout is its end and it exits with 0.",
        timeout="seconds after which to stop (default: never)",
    ),
)
