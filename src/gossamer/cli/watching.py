"""Verbs that wait for something to happen: watch, wait."""

from __future__ import annotations

import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import MeshTimeout
from .json_values import argument_value, plain, same
from .keys import VALUES, describe_entry
from .output import Output, bare_value, escaped, shown_key, shown_value
from .taking_part import joined, nobody
from .verb import Exit, Stop, Verb

if TYPE_CHECKING:
    from .. import Entry
    from ..blocking import BlockingMesh
    from ..views.changes import Change

STAMP_BITS = 16
"""Below the milliseconds of a hybrid stamp."""


def run_watch(arguments: Namespace, output: Output) -> int:
    """Print changes as they happen."""
    wanted, seen = arguments.count, 0
    with joined(arguments) as mesh, mesh.changes(arguments.pattern) as changes:
        if not mesh.peers:
            output.hint(f"no other peer of the mesh {mesh.name!r} is there yet; waiting for one")
        patience = threading.Timer(arguments.timeout or 0.0, changes.close)
        patience.daemon = True
        if arguments.timeout is not None:
            patience.start()
        try:
            for change in changes:
                seen += 1
                _print_change(output, change)
                if seen == wanted:
                    return Exit.OK
        finally:
            patience.cancel()
    if wanted is not None:
        raise Stop(Exit.TIMED_OUT, f"{seen} of {wanted} changes happened within {arguments.timeout:g} s")
    return Exit.OK


def run_wait(arguments: Namespace, output: Output) -> int:
    """Wait until a key is there, or has a value."""
    key, equals = arguments.key, arguments.equals
    wanted = None if equals is None else argument_value(equals)
    ever_met = False

    def held(mesh: BlockingMesh) -> Entry | None:
        nonlocal ever_met
        ever_met = ever_met or bool(mesh.peers)
        if not ever_met or key not in mesh:
            return None
        entry = mesh.entry(key)
        return entry if equals is None or same(entry.value, wanted) else None

    with joined(arguments) as mesh:
        try:
            entry = mesh.wait(held, arguments.timeout)
            assert entry is not None
        except MeshTimeout:
            if not ever_met:
                raise nobody(mesh, arguments.timeout) from None
            state = f"it is {shown_value(mesh.get(key))}" if key in mesh else "it is not there"
            raise Stop(Exit.TIMED_OUT, f"waited {arguments.timeout:g} s for {key!r}: {state}") from None
    if output.as_json:
        output.document(describe_entry(entry))
    else:
        output.line(bare_value(entry.value))
    return Exit.OK


def _print_change(output: Output, change: Change) -> None:
    if output.as_json:
        output.document(_as_json(change))
        return
    moment = datetime.now().astimezone().strftime("%H:%M:%S")
    writer = f"  by {escaped(change.peer.name)}" if change.peer is not None else ""
    new = shown_value(change.new) if change.kind == "set" else {"delete": "deleted", "expire": "expired"}[change.kind]
    output.line(f"{moment}  {shown_key(change.key)}  {new}{writer}")


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "key": plain(change.key),
        "kind": change.kind,
        "old": plain(change.old),
        "new": plain(change.new),
        "writer": None if change.peer is None else change.peer.name,
        "written_at_s": (change.stamp >> STAMP_BITS) / 1000 if change.stamp else None,
        "superseded": [plain(value) for value in change.superseded],
    }


def count(text: str) -> int:
    """Return how many things a verb shall wait for."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is no count; it is a number from 1")
    return int(text)


def _describe_watch(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern; * crosses / (default: all)")
    parser.add_argument("-n", "--count", type=count, default=None, metavar="N", help="stop after so many changes")


def _describe_wait(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--equals", default=None, metavar="VALUE", help="wait until it has this value")


VERBS = (
    Verb(
        "watch",
        "print changes as they happen",
        run_watch,
        _describe_watch,
        "One line a change, from now on; with --json, one JSON object a line.  A reader that is too\n"
        "slow gets the last value of each key.  Goes on while nobody is there.  With -n, exits with 4\n"
        "if --timeout ends it first; without, the timeout is its end and it exits with 0.",
        timeout="seconds after which to stop (default: never)",
    ),
    Verb(
        "wait",
        "wait until a key is there, or has a value",
        run_wait,
        _describe_wait,
        f"Prints the value as `get` does.\n\n{VALUES}\n\nExits with 4 if it did not happen within --timeout, with 3 if "
        "no peer was met in that time.",
        timeout="seconds to wait (default: for ever)",
    ),
)
