"""Verbs on keys: ls, get, set, del, conflicts."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from .json_values import argument_value, plain
from .output import Output, age, bare_value, escaped, shown_key, shown_value
from .taking_part import catch_up, confirm, reached
from .verb import Exit, Stop, Verb

if TYPE_CHECKING:
    from .. import Entry
    from ..blocking import BlockingMesh

VALUES = """\
A VALUE is JSON if it can be read as that, else a text: 21.5 is a number, "21.5" and warm are texts.
Values that JSON does not know are written {"$bytes": "base64"}, {"$tuple": [...]}, {"$set": [...]},
{"$datetime": "2026-11-21T04:37:20+00:00"}, {"$decimal": "1.50"}, {"$uuid": "..."}, {"$float": "nan"};
what `get --json` prints under "value", `set` takes.  Keys are texts.  Put -- before one that begins with -."""


def describe_entry(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON."""
    return {
        "key": plain(entry.key),
        "value": plain(entry.value),
        "writer": entry.writer.name,
        "writer_id": entry.writer.id,
        "written_at_s": entry.written_at_s,
        "expires_at_s": entry.expires_at_s,
    }


def run_ls(arguments: Namespace, output: Output) -> int:
    """List keys."""
    pattern = arguments.pattern
    with reached(arguments) as (mesh, deadline):
        catch_up(mesh, deadline, lambda mesh: False)
        keys = [key for key in mesh if pattern == "*" or (type(key) is str and fnmatchcase(key, pattern))]
        entries = [entry for key in keys if (entry := _entry(mesh, key)) is not None]
    entries.sort(key=lambda entry: (type(entry.key) is not str, shown_key(entry.key)))
    if output.as_json:
        output.document([describe_entry(entry) for entry in entries])
    elif arguments.long:
        now_s = time.time()
        rows = (
            [shown_key(e.key), escaped(e.writer.name), age(now_s - e.written_at_s), shown_value(e.value)]
            for e in entries
        )
        output.table(("KEY", "WRITER", "AGE", "VALUE"), rows)
    else:
        for entry in entries:
            output.line(shown_key(entry.key))
    return Exit.OK if entries or pattern == "*" else Exit.FALSE


def run_get(arguments: Namespace, output: Output) -> int:
    """Print a value."""
    key = arguments.key
    with reached(arguments) as (mesh, deadline):
        catch_up(mesh, deadline, lambda mesh: key in mesh)
        entry = _entry(mesh, key)
    if entry is None:
        raise Stop(Exit.FALSE, f"there is no key {key!r}")
    if output.as_json:
        output.document(describe_entry(entry))
    else:
        output.line(bare_value(entry.value))
    return Exit.OK


def run_set(arguments: Namespace, output: Output) -> int:
    """Put a value."""
    value = argument_value(arguments.value)
    with reached(arguments) as (mesh, deadline):
        mesh.set(arguments.key, value, ttl=arguments.ttl)
        late = confirm(mesh, deadline)
        holders = sorted(peer.name for peer in mesh.peers if peer.name not in late)
    _tell_late(output, late)
    if output.as_json:
        output.document({"key": arguments.key, "value": plain(value), "held_by": holders, "not_confirmed_by": late})
    return Exit.OK


def run_del(arguments: Namespace, output: Output) -> int:
    """Delete keys."""
    keys = list(dict.fromkeys(arguments.key))
    with reached(arguments) as (mesh, deadline):
        catch_up(mesh, deadline, lambda mesh: all(key in mesh for key in keys))
        deleted = [key for key in keys if mesh.pop(key, _ABSENT) is not _ABSENT]
        late = confirm(mesh, deadline) if deleted else []
    _tell_late(output, late)
    absent = [key for key in keys if key not in deleted]
    if output.as_json:
        output.document({"deleted": deleted, "absent": absent, "not_confirmed_by": late})
    if absent:
        output.hint("there is no key " + ", ".join(map(repr, absent)))
    return Exit.FALSE if absent else Exit.OK


def run_conflicts(arguments: Namespace, output: Output) -> int:
    """List conflicts."""
    with reached(arguments) as (mesh, deadline):
        catch_up(mesh, deadline, lambda mesh: False)
        conflicts = mesh.conflicts()
    found = sorted(conflicts.items(), key=lambda item: shown_key(item[0]))
    if output.as_json:
        output.document(
            [
                {"key": plain(key), "winner": describe_entry(first), "losers": [describe_entry(e) for e in rest]}
                for key, (first, *rest) in found
            ]
        )
        return Exit.OK
    for key, (first, *rest) in found:
        output.line(f"{shown_key(key)}: {shown_value(first.value)} by {escaped(first.writer.name)} is seen")
        for entry in rest:
            output.line(f"    {shown_value(entry.value)} by {escaped(entry.writer.name)} lost")
    if not found:
        output.hint("no conflicts: no key holds writes that were made without knowledge of each other")
    return Exit.OK


_ABSENT: Any = object()


def _entry(mesh: BlockingMesh, key: Any) -> Entry | None:
    try:
        return mesh.entry(key)
    except KeyError:  # a peer may have deleted it since
        return None


def _tell_late(output: Output, late: list[str]) -> None:
    if late:
        output.hint(f"not confirmed yet by {', '.join(late)}; the others have it and pass it on")


def _pattern(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern; * crosses / (default: all)")
    parser.add_argument("-l", "--long", action="store_true", default=False, help="values, writers and ages too")


def _one_key(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY")


def _several_keys(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", nargs="+")


def _key_value(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("value", metavar="VALUE")
    parser.add_argument("--ttl", type=float, default=None, metavar="S", help="let it vanish after so many seconds")


VERBS = (
    Verb(
        "ls",
        "list the keys",
        run_ls,
        _pattern,
        "Exits with 1 if a pattern was given and no key matches it, with 3 if no peer is met.",
    ),
    Verb(
        "get",
        "print the value of a key",
        run_get,
        _one_key,
        "A text is printed as it is, anything else as JSON; --json adds writer and time.\n"
        "Exits with 1 if there is no such key, with 3 if no peer is met.",
    ),
    Verb(
        "set",
        "put a value under a key",
        run_set,
        _key_value,
        f"{VALUES}\n\nReturns when a peer has confirmed that it holds the value.  If no peer is met, nothing is\n"
        "stored, for it would vanish with this process: exits with 3; if none confirms in time, with 4.",
    ),
    Verb(
        "del",
        "delete keys",
        run_del,
        _several_keys,
        "Returns when a peer has confirmed it.  Exits with 1 if a key was absent (the others are\n"
        "deleted all the same), with 3 if no peer is met, with 4 if none confirms in time.",
    ),
    Verb(
        "conflicts",
        "list values written without knowledge of each other",
        run_conflicts,
        details="The first is what everybody sees; the next write of the key replaces them all.\n"
        "Exits with 0 whether there are any or not, with 3 if no peer is met.",
    ),
)
