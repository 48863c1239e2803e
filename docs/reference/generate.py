"""Writes the reference pages that say what the code says: run `python docs/reference/generate.py`.

The docstrings are the source; a test fails when a page no longer is what they make.
Nothing here depends on the version of Python: signatures and arguments are printed from
their parts, not as `inspect` or `argparse` would.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gossamer
from gossamer import errors, options
from gossamer.blocking import BlockingChanges
from gossamer.blocking_events import BlockingEvents, BlockingEventStream
from gossamer.cli.arguments import VERBS, parser
from gossamer.cli.verb import Exit
from gossamer.contrib import pytest_plugin
from gossamer.loop_events import Events
from gossamer.mesh import Changes
from gossamer.simulation.simulated_net import SimulatedNet

HERE = Path(__file__).parent
NOTE = "<!-- Made by docs/reference/generate.py from the docstrings: change those. -->"


def pages() -> dict[str, str]:
    """Return the text of each page, by file name."""
    made = {
        "api.md": api_page(),
        "cli.md": cli_page(),
        "errors.md": errors_page(),
        "exit-codes.md": exit_codes_page(),
        "options.md": options_page(),
        "pytest-plugin.md": pytest_plugin_page(),
    }
    return {name: "\n".join([lines[0], "", NOTE, "", *lines[1:]]).rstrip() + "\n" for name, lines in made.items()}


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


# -- options --------------------------------------------------------------------------------------


def options_page() -> list[str]:
    """Every tunable, its default and its docstring, under the headings of options.py."""
    lines = [
        "# Options",
        "Give them as `gossamer.join(..., options=gossamer.Options(beacon_interval_s=0.5))`.",
        "",
    ]
    source = inspect.getsource(options)
    described = dict(attribute_docs(source, "Options"))
    heading_at = {
        n: m[1] for n, line in enumerate(source.splitlines(), 1) if (m := re.match(r"\s+# -- (.*?) -+$", line))
    }
    (body,) = [node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for node in body:
        if not isinstance(node, ast.AnnAssign):
            continue
        assert isinstance(node.target, ast.Name)
        assert node.value is not None
        for line in [n for n in heading_at if n < node.lineno]:
            lines += [f"## {heading_at.pop(line).capitalize()}", ""]
        lines += [
            f"### `{node.target.id}`",
            "",
            f"Default: `{ast.unparse(node.value)}`. {described[node.target.id]}",
            "",
        ]
    return lines


# -- errors ---------------------------------------------------------------------------------------


def errors_page() -> list[str]:
    """The exception tree: each class, what else it is, and what it means."""
    lines = ["# Errors"]
    lines += ["Every error that gossamer raises on purpose is a `GossamerError`, and also the built-in that people"]
    lines += ["already catch. A message says what happened, why, and what to do.", ""]
    lines += ["| error | is also a | means |", "|---|---|---|"]
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, errors.GossamerError):
            also = ", ".join(f"`{base.__name__}`" for base in cls.__bases__ if base is not errors.GossamerError)
            lines.append(f"| `{cls.__name__}` | {also} | {one_line(cls.__doc__)} |")
    return lines


# -- the command line -----------------------------------------------------------------------------


def exit_codes_page() -> list[str]:
    """The codes that every verb ends with."""
    lines = [
        "# Exit codes",
        "The same for every verb of `gossamer`.",
        "",
        "| code | name | means |",
        "|---|---|---|",
    ]
    described = dict(attribute_docs(inspect.getsource(Exit), "Exit"))
    words = {"OK": "It is done.", "TIMED_OUT": "It did not happen in time.", "INTERRUPTED": "Ctrl-C."}
    lines += [f"| {code.value} | {code.name} | {described.get(code.name) or words[code.name]} |" for code in Exit]
    return lines


def cli_page() -> list[str]:
    """Every verb with its arguments."""
    whole = parser()
    (verbs,) = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    lines = [
        "# Command line",
        "`gossamer VERB`, or `python -m gossamer VERB`. Data goes to stdout, hints to stderr.",
    ]
    lines += ["See [exit codes](exit-codes.md).", ""]
    lines += [
        "A verb is a peer like any other, for a moment: one that meets no peer has stored nothing, and says so.",
        "",
    ]
    lines += ["| verb | |", "|---|---|", *(f"| [`{verb.name}`](#{verb.name}) | {verb.summary} |" for verb in VERBS), ""]
    for verb in VERBS:
        one: argparse.ArgumentParser = verbs.choices[verb.name]
        lines += [f"## {verb.name}", "", f"{verb.summary[0].upper()}{verb.summary[1:]}.", ""]
        own = list(arguments_of(one))
        lines += ["| argument | |", "|---|---|", *own, ""] if own else []
        lines += [paragraph(verb.details), ""] if verb.details else []
        for action in one._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, sub in action.choices.items():
                    lines += [f"### {verb.name} {name}", "", f"{sub.description}", ""]
                    lines += ["| argument | |", "|---|---|", *arguments_of(sub), ""]
    return lines


def arguments_of(one: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a row for each argument of a verb."""
    for action in one._actions:
        if action.help == argparse.SUPPRESS or "--help" in action.option_strings:
            continue
        if isinstance(action, argparse._SubParsersAction):
            yield f"| `{action.metavar}` | {', '.join(action.choices)}: see below |"
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        takes = action.nargs != 0
        names = [f"{name} {metavar}" if takes and name.startswith("--") else name for name in action.option_strings]
        shown = ", ".join(f"`{name}`" for name in names) or f"`{metavar}`{' ...' if action.nargs == '+' else ''}"
        yield f"| {shown} | {one_line(action.help)} |"


# -- the API --------------------------------------------------------------------------------------

FIXTURES = ("mesh", "mesh_factory", "net", "partition", "converged", "gossamer_seed")
NET = (
    "weather",
    "partition",
    "cut",
    "mend",
    "heal",
    "run",
    "converged",
    "open",
    "kill",
    "now",
    "report",
    "disagreement",
)
DOORS = ("join", "open_mesh", "register")
SHARED = {
    "As a dict": ("set", "setdefault", "update", "pop", "popitem", "clear", "copy", "snapshot"),
    "More than a dict": ("batch", "scope", "entry", "conflicts"),
    "Objects that merge": ("counter", "shared_set", "shared_list", "value", "derived", "object", "objects"),
    "Leases": ("advisory_lease", "quorum_lease", "fenced"),
    "Who is there": ("name", "me", "peers", "on_join", "on_leave"),
    "Events": ("events",),
    "Serving": ("serve", "unserve", "servers"),
    "Watching": ("on", "off", "on_conflict", "add_listener", "remove_listener"),
    "Knowing": ("status", "statistics", "foreign"),
}
"""What both meshes do.  Public names that are not here are for other rooms of the house, not for programs."""
WAITING = ("changes", "wait", "settled", "close")
EVENTS = ("emit", "on", "once", "off", "confirmed", "wait_for", "stream", "missed")
CACHE = [
    *("read", "set", "insert", "replace", "touch", "discard", "batch", "add", "emit", "wait", "on", "off", "changes"),
    *("version", "age_s", "close"),
]
OBJECTS: dict[type, tuple[str, ...]] = {
    gossamer.Counter: ("value", "add", "subtract", "reset", "on_change", "off", "name"),
    gossamer.SharedSet: ("value", "add", "update", "remove", "discard", "pop", "clear", "snapshot", "on_change", "off"),
    gossamer.SharedList: (
        "value",
        "append",
        "insert",
        "extend",
        "pop",
        "remove",
        "clear",
        "move",
        "sort",
        "reverse",
        "copy",
        "on_change",
        "off",
        "name",
    ),
    gossamer.Value: ("value", "get", "set", "delete", "change", "touch", "on_change", "off", "key"),
    gossamer.Derived: ("value", "on_change", "off"),
    gossamer.Lease: (
        *("acquire", "release", "renew", "keep", "valid", "left", "token", "holder", "has_quorum"),
        *("on_lost", "wait_lost", "name", "ttl"),
    ),
    gossamer.AsyncLease: ("acquire", "renew", "keep", "wait_lost"),
    gossamer.Fenced: ("put", "remove", "update", "adopt", "token", "snapshot"),
}
BINDINGS = {"tkinter": ("tk_var", "tk_text"), "qt": ("MeshSignals",)}
CACHES = {
    "django": ("GossamerCache",),
    "cachelib": ("GossamerCache",),
    "flask_caching": ("GossamerCache",),
    "dogpile": ("GossamerBackend",),
    "aiocache": ("GossamerCache",),
}
WAITING = ("changes", "wait", "settled", "run_forever", "call", "gather", "channel", "close")
CHANNEL = ("send", "drain", "get", "taking", "check", "subscribe", "unfinished", "name", "mode", "close")
VALUES = ("Change", "Entry", "Event", "Gathered", "Peer", "Status", "PeerStatus", "Unknown")


def api_page() -> list[str]:
    """Every public name: functions, the two meshes, and the values that they give."""
    lines = ["# API"]
    lines += ["All names are in `gossamer`. [Errors](errors.md) and [options](options.md) have pages of their own.", ""]
    for name in DOORS:
        lines += described_function(getattr(gossamer, name), name, "##")
    lines += ["## A mesh", "", "A `MutableMapping`: all that a `dict` does, it does, thread-safe. Besides:", ""]
    for title, names in SHARED.items():
        lines += [f"### {title}", ""]
        for name in names:
            lines += described_member(name, inspect.getattr_static(gossamer.BlockingMesh, name))
    for cls in (gossamer.BlockingMesh, gossamer.Mesh):
        lines += [f"## {cls.__name__}", "", paragraph(inspect.getdoc(cls) or ""), ""]
        for name in WAITING:
            if hasattr(cls, name):
                lines += described_member(name, inspect.getattr_static(cls, name))
    lines += ["## Changes", "", paragraph(inspect.getdoc(BlockingChanges) or ""), ""]
    lines += ["In trio and asyncio, use `async with` and `async for`, and await `take`.", ""]
    for name in ("take", "conflated", "close"):
        lines += described_member(name, inspect.getattr_static(Changes, name))
    lines += ["## Events", "", paragraph(inspect.getdoc(BlockingEvents) or ""), ""]
    lines += ["This is `mesh.events`. In trio and asyncio, `wait_for` and `confirmed` are awaited.", ""]
    for name in EVENTS:
        if hasattr(BlockingEvents, name):
            lines += described_member(name, inspect.getattr_static(BlockingEvents, name))
    lines += ["In trio and asyncio:", ""]
    lines += described_member("emit", inspect.getattr_static(Events, "emit"))
    lines += ["### A stream of events", "", paragraph(inspect.getdoc(BlockingEventStream) or ""), ""]
    for name in ("get", "missed", "close"):
        lines += described_member(name, inspect.getattr_static(BlockingEventStream, name))
    for channel in (gossamer.BlockingChannel, gossamer.Channel):
        lines += [f"## {channel.__name__}", "", paragraph(inspect.getdoc(channel) or ""), ""]
        for name in CHANNEL:
            lines += described_member(name, inspect.getattr_static(channel, name))
    lines += described_function(gossamer.attach, "attach", "##")
    lines += ["## Cache", "", paragraph(inspect.getdoc(gossamer.Cache) or ""), ""]
    for name in CACHE:
        lines += described_member(name, inspect.getattr_static(gossamer.Cache, name))
    lines += described_function(gossamer.host, "host", "##")
    lines += ["## Hosted", "", paragraph(inspect.getdoc(gossamer.Hosted) or ""), ""]
    for name in ("mesh", "derived_key"):
        lines += described_member(name, inspect.getattr_static(gossamer.Hosted, name))
    lines += ["## Scope", "", paragraph(inspect.getdoc(gossamer.Scope) or ""), ""]
    for cls, names in OBJECTS.items():
        lines += [f"## {cls.__name__}", "", paragraph(inspect.getdoc(cls) or ""), ""]
        for name in names:
            lines += described_member(name, inspect.getattr_static(cls, name))
    for name in VALUES:
        lines += described_value(getattr(gossamer, name))
    return lines + asyncio_section() + contrib_section()


def asyncio_section() -> list[str]:
    """The door of asyncio: a module of its own."""
    lines = ["## gossamer.aio", "", paragraph(inspect.getdoc(gossamer.aio) or ""), ""]
    lines += described_function(gossamer.aio.open_mesh, "gossamer.aio.open_mesh", "###")
    lines += ["### AsyncioMesh", "", paragraph(inspect.getdoc(gossamer.aio.AsyncioMesh) or ""), ""]
    for name in WAITING:
        lines += described_member(name, inspect.getattr_static(gossamer.aio.AsyncioMesh, name))
    return lines


def contrib_section() -> list[str]:
    """What binds a mesh to other libraries."""
    lines = ["## gossamer.contrib", "", "For windows: see [how to](../how-to/use-in-guis-and-notebooks.md).", ""]
    lines += contributed(BINDINGS)
    lines += ["For the caches of other libraries: see [how to](../how-to/cache-in-web-frameworks.md).", ""]
    return lines + contributed(CACHES)


def contributed(modules: dict[str, tuple[str, ...]]) -> list[str]:
    """Names of modules that are read, not imported, for what they bind to may be missing where this runs."""
    lines = []
    for module, names in modules.items():
        source = (Path(gossamer.__file__).parent / "contrib" / f"{module}.py").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names:
                made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
                taken = parameters(node if isinstance(node, ast.FunctionDef) else made[0])
                lines += [f"### `gossamer.contrib.{module}.{node.name}({taken})`", ""]
                lines += [paragraph(ast.get_docstring(node) or ""), ""]
    return lines


def parameters(function: ast.FunctionDef) -> str:
    """Return the parameters of a function that is not imported, and their defaults, without types."""
    taken = function.args
    for argument in (*taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg):
        if argument is not None:
            argument.annotation = None
    return ast.unparse(function.args).removeprefix("self, ")


def described_member(name: str, member: Any) -> list[str]:
    """A method or a property."""
    if isinstance(member, property):
        return [f"#### `{name}`", "", paragraph(inspect.getdoc(member) or ""), ""]
    return described_function(member, name, "####")


def described_function(function: Any, name: str, level: str) -> list[str]:
    """A function: its signature and its docstring."""
    kind = "await " if inspect.iscoroutinefunction(function) else ""
    return [f"{level} `{kind}{name}({signature(function)})`", "", paragraph(inspect.getdoc(function) or ""), ""]


def signature(function: Any) -> str:
    """Return the parameters and their defaults, without types."""
    shown, keywords = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            keywords = True
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            shown.append("*")
        stars: dict[Any, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        text = stars.get(parameter.kind, "") + parameter.name
        default = parameter.default
        if default is not parameter.empty:
            text += "=..." if type(default) is object else f"={default!r}"
        shown.append(text)
    return ", ".join(shown)


def described_value(cls: type) -> list[str]:
    """A frozen dataclass: its docstring and its fields."""
    lines = [f"## {cls.__name__}", "", paragraph(inspect.getdoc(cls) or ""), "", "| field | |", "|---|---|"]
    assert is_dataclass(cls)
    docs = dict(attribute_docs(inspect.getsource(cls), cls.__name__))
    for field in fields(cls):
        lines.append(
            f"| `{field.name}`: `{field.type}` | {one_line(docs.get(field.name, ''))} |".replace(
                " | None`", " or None`"
            )
        )
    return [*lines, ""]


# -- the pytest plugin ----------------------------------------------------------------------------


def pytest_plugin_page() -> list[str]:
    """The fixtures, and what `net` can do."""
    lines = [
        "# Pytest plugin",
        "Installed with Gossamer, and loaded by pytest without importing it. [How to use it](../how-to/"
        "test-your-program-under-partition.md). `--gossamer-seed N` (a number, or `random`) decides all that is left "
        "to chance; `@pytest.mark.gossamer(real_time=True)` is for tests with threads.",
        "",
        "## Fixtures",
        "",
    ]
    for name in FIXTURES:
        lines += [f"### `{name}`", "", paragraph(inspect.getdoc(getattr(pytest_plugin, name)) or ""), ""]
    lines += [
        "## `net`",
        "",
        "In an async test, `run` and `converged` are awaited, and `open` is for `async with`.",
        "",
    ]
    for name in NET:
        lines += described_member(name, inspect.getattr_static(SimulatedNet, name))
    return lines


# -- text -----------------------------------------------------------------------------------------


def attribute_docs(source: str, cls: str) -> Iterator[tuple[str, str]]:
    """Yield (name, docstring) of the attributes of a class that have one below them."""
    tree = ast.parse(textwrap.dedent(source))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls]
    for node, below in pairwise(found.body):
        match node, below:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(ast.Constant(str(text))),
            ):
                yield name, paragraph(inspect.cleandoc(text))


def paragraph(text: str) -> str:
    """Return prose as Markdown: sentences one space apart, angle brackets as they are."""
    return re.sub(r"(?<=[.:;])  (?=\S)", " ", text).replace("<", "&lt;").strip()


def one_line(text: str | None) -> str:
    """Return text for a cell of a table."""
    return " ".join(paragraph(text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
