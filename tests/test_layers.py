"""Who may import whom: the house rules, over the syntax trees of the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "gossamer"

EVERYONE = {"errors", "options"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "options": set(),
    "crdt": {"errors"},
    "wire": {"crdt"},
    "protocol": {"wire", "crdt"},
    "net": {"protocol", "wire", "crdt"},
    "store": {"wire", "crdt"},
    "views": {"protocol", "crdt", "wire.values", "wire.keys"},
    "cache": {"wire", "crdt"},
    "forking": set(),
    "ending": set(),
    "surroundings": {"net"},
    "arguments": {"net", "surroundings", "wire"},
    "boot": {"arguments", "net", "protocol", "wire"},
    "peers": {"protocol", "crdt", "views"},
    "status": {"peers", "protocol", "views"},
    "talking": {"arguments", "net", "peers", "protocol", "views"},
    "handle": {
        "talking",
        "arguments",
        "boot",
        "peers",
        "status",
        "forking",
        "net",
        "store",
        "views",
        "cache",
        "protocol",
        "wire",
        "crdt",
    },
    "sharing": {"handle", "cache", "net", "views", "wire", "crdt"},
    "attached_changes": {"cache", "views", "wire"},
    "attached_writes": {"cache", "views", "wire"},
    "attached": {"attached_changes", "attached_writes", "settings", "cache", "views", "wire"},
    "hosting": {"attached", "ending", "forking", "settings", "cache", "arguments", "blocking"},
    "settings": {"handle", "net.host_key", "wire.secret"},
    "living": {"handle", "net", "sharing"},
    "threads": {"handle", "living"},
    "loop_events": {"views"},
    "loop_changes": {"views"},
    "loop_mesh": {"handle", "talking", "loop_events", "views"},
    "blocking_events": {"views"},
    "mesh": {
        "handle",
        "living",
        "loop_changes",
        "loop_mesh",
        "settings",
        "net",
        "store",
        "views",
        "cache",
        "protocol",
        "crdt",
    },
    "blocking": {
        "ending",
        "blocking_events",
        "handle",
        "talking",
        "settings",
        "threads",
        "protocol",
        "views",
    },
    "aio_waiting": set(),
    "aio_requests": {"aio_waiting", "protocol", "views"},
    "aio": {
        "loop_changes",
        "aio_requests",
        "aio_waiting",
        "handle",
        "loop_mesh",
        "protocol",
        "settings",
        "threads",
        "views",
    },
    "diagnose": {"handle", "settings", "blocking", "mesh", "net", "wire"},
    "simulation": {
        "protocol",
        "wire",
        "crdt",
        "net",
        "views",
        "arguments",
        "surroundings",
        "settings",
        "handle",
        "blocking",
        "mesh",
    },
    "contrib": {"", "surroundings", "diagnose", "settings", "simulation", "net.faults"},
    "compat": {"", "contrib", "diagnose", "settings", "simulation", "net.faults"},
    "cli": {"", "diagnose", "settings", "simulation", "net.faults", "blocking", "mesh", "handle", "living", "views"},
    "": {"attached", "hosting", "blocking", "mesh", "aio", "peers", "status", "views", "wire.registered", "cache"},
    "__main__": {"cli"},
}
"""Room -> the rooms and modules it may import, besides `errors`, `options` and itself; "" is gossamer/__init__."""

PROGRAMS = {"simulation.rig.actor": {"", "net.clocks", "surroundings"}}
"""Modules that run as processes of their own, as any user's program does, and are imported by nobody."""

PURE = {"crdt", "wire", "protocol"}
IMPURE_MODULES = {"time", "socket", "threading", "os", "trio", "secrets", "asyncio", "subprocess", "ssl", "select"}
ONLY_IN = {
    "trio": {
        "net",
        "mesh",
        "threads",
        "living",
        "sharing",
        "cli",
        "diagnose",
        "contrib",
        "simulation.memory_lan",
        "simulation.memory_net",
        "simulation.memory_streams",
        "simulation.memory_transport",
    },
    "zeroconf": {"net.zeroconf_session"},
    "ifaddr": {"net.interfaces"},
    "socket": {"net", "cache.sockets", "cache.stream", "boot", "diagnose", "cli", "simulation.rig.flood"},
    "ssl": {"net"},
    "cbor2": {"wire"},
    "cryptography": {"wire", "net.certificates"},
    "sqlite3": {"store"},
    "mmap": {"cache"},
    "rich": {"cli", "views.shown"},
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: of which module, by which line of which module, and whether it runs when that is imported."""

    by: str
    line: int
    module: str
    eager: bool
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.by or 'gossamer/__init__'}:{self.line} imports {self.module}"


def test_each_room_imports_only_what_the_house_rules_allow():
    broken = [str(each) for each in imports() if is_ours(each.module) and not allowed(each.by, inner(each.module))]

    assert broken == []


def test_every_room_has_a_rule():
    assert {room_of(module) for module in modules()} <= set(MAY_IMPORT)


def test_modules_import_each_other_in_no_circle():
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in imports():
        if is_ours(each.module) and each.eager:
            graph[each.by].add(inner(each.module))

    assert circle_in(graph) == []


def test_rooms_import_each_other_in_no_circle():
    graph: dict[str, set[str]] = {room_of(module): set() for module in modules()}
    for each in imports():
        if is_ours(each.module) and each.by and each.by not in PROGRAMS:
            graph[room_of(each.by)].add(room_of(inner(each.module)))
    del graph[""]  # the package itself only names what others define

    assert circle_in({room: others - {room, ""} for room, others in graph.items()}) == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_room_knows_no_clock_no_chance_no_thread_and_no_system(room):
    impure = [
        str(each)
        for each in imports()
        if room_of(each.by) == room and (root_of(each.module) in IMPURE_MODULES or takes_chance(each))
    ]

    assert impure == []


def test_each_library_is_used_in_its_place_alone():
    misplaced = [
        str(each)
        for each in imports()
        if root_of(each.module) in ONLY_IN
        and not any(is_within(each.by, place) for place in ONLY_IN[root_of(each.module)])
    ]

    assert misplaced == []


def test_nothing_asks_chance_without_a_source_of_its_own():
    asked = [
        f"{module}:{node.lineno} random.{node.attr}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
        if node.attr not in ("Random", "SystemRandom")
    ]

    assert asked == []


def test_nothing_prints_but_the_command_line():
    printing = [
        f"{module}:{node.lineno}"
        for module, tree in modules().items()
        if room_of(module) not in ("cli", "__main__")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert printing == []


def test_the_rules_would_notice_a_breach():
    assert not allowed("crdt.lww_map", "wire.codec")
    assert not allowed("views.mapping", "wire.codec")
    assert allowed("views.mapping", "wire.values")
    assert not allowed("protocol.replica", "net.transport")
    assert circle_in({"a": {"b"}, "b": {"a"}}) != []


# -- the sources ------------------------------------------------------------------------------


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each module, by its name without `gossamer.`; "" is the package itself."""
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip("."): ast.parse(
            path.read_text(), str(path)
        )
        for path in sorted(SOURCE.rglob("*.py"))
    }


@cache
def imports() -> list[Import]:
    return [each for module, tree in modules().items() for each in imports_of(module, tree)]


def imports_of(module: str, tree: ast.AST, eager: bool = True) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, eager)
        elif isinstance(node, ast.ImportFrom):
            yield from imports_from(module, node, eager)
        else:
            only_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            when_called = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(module, node, eager and not only_for_types and not when_called)


def imports_from(module: str, node: ast.ImportFrom, eager: bool) -> Iterator[Import]:
    base = absolute(module, node)
    names = tuple(alias.name for alias in node.names)
    submodules = [name for name in names if is_ours(base) and f"{inner(base)}.{name}".lstrip(".") in modules()]
    for name in submodules:
        yield Import(module, node.lineno, f"{base}.{name}", eager)
    if len(submodules) < len(names):
        yield Import(module, node.lineno, base, eager, names)


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = (SOURCE / Path(*module.split("."), "__init__.py")).exists()
    parts = ["gossamer", *filter(None, module.split("."))]
    package = parts[: len(parts) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def is_ours(module: str) -> bool:
    return root_of(module) == "gossamer"


def inner(module: str) -> str:
    return module.removeprefix("gossamer").lstrip(".")


def root_of(module: str) -> str:
    return module.partition(".")[0]


def room_of(module: str) -> str:
    return module.partition(".")[0]


def is_within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


def allowed(by: str, module: str) -> bool:
    room = room_of(by)
    if room_of(module) in EVERYONE or (room and room_of(module) == room):
        return True
    places = MAY_IMPORT.get(room, set()) | PROGRAMS.get(by, set())
    return any(is_within(module, place) if place else module == "" for place in places)


def takes_chance(each: Import) -> bool:
    return each.module == "random" and any(name not in ("Random",) for name in each.names)


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
