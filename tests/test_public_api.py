"""What a program may count on: the names, their signatures, their documentation, and what an import costs."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import gossamer

SIGNATURES = {
    "join": (
        "(name: 'str | None' = None, *, secret: 'str | None' = None, peers: 'Sequence[str]' = (), "
        "interfaces: 'Sequence[str] | None' = None, port: 'int | None' = None, insecure_lan: 'bool' = False, "
        "options: 'Options | None' = None, nickname: 'str | None' = None, share: 'bool | Sequence[str]' = False)"
    ),
    "register": "(cls: 'T', name: 'str | None' = None) -> 'T'",
}
DOORS = (gossamer.join, gossamer.open_mesh, gossamer.aio.open_mesh)
HANDLES = (gossamer.BlockingMesh, gossamer.Mesh, gossamer.aio.AsyncioMesh)
OF_A_MESH = {
    "set": "(self, key, value, *, ttl=None, force=False)",
    "batch": "(self)",
    "scope": "(self, prefix)",
    "entry": "(self, key)",
    "conflicts": "(self, key=...)",
    "snapshot": "(self)",
    "copy": "(self)",
    "advisory_lease": "(self, name, *, ttl=..., timeout=None)",
    "quorum_lease": "(self, name, *, voters, ttl=..., timeout=None)",
    "fenced": "(self, prefix)",
    "on": "(self, pattern, fn=None)",
    "off": "(self, fn)",
    "on_conflict": "(self, fn)",
    "on_join": "(self, fn)",
    "on_leave": "(self, fn)",
    "add_listener": "(self, listener, key=None)",
    "remove_listener": "(self, listener, key=None)",
    "serve": "(self, name, fn=None, *, at_once=..., waiting=...)",
    "unserve": "(self, name)",
    "servers": "(self, name)",
    "call": "(self, name, /, *args, timeout=..., peer=None, route=None, idempotent=False, **kwargs)",
    "gather": "(self, name, /, *args, timeout=..., **kwargs)",
    "channel": "(self, name, mode='take', capacity=...)",
    "changes": "(self, pattern='*')",
    "wait": "(self, predicate, timeout=None)",
    "run_forever": "(self)",
    "settled": "(self, key=..., peers=None, timeout=None)",
    "status": "(self)",
    "statistics": "(self)",
    "get": "(self, key, default=None)",
    "pop": "(self, key, *default)",
    "popitem": "(self)",
    "setdefault": "(self, key, default=None)",
    "update": "(self, other=(), /, **kwargs)",
    "clear": "(self)",
    "counter": "(self, name)",
    "shared_set": "(self, name, *, policy='add')",
    "shared_list": "(self, name)",
    "object": "(self, key, factory=...)",
    "value": "(self, key, default=None)",
    "derived": "(self, fn, *cells)",
    "keys": "(self)",
    "values": "(self)",
    "items": "(self)",
}
PROPERTIES = ("me", "peers", "name", "objects")


def test_every_public_name_exists_and_no_other_is_promised():
    assert gossamer.__all__ == sorted(gossamer.__all__, key=lambda name: (name.islower(), name))
    for name in gossamer.__all__:
        assert getattr(gossamer, name).__name__ == name
    assert "join" in dir(gossamer)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        gossamer.nonsense


def test_all_doors_take_the_same_arguments():
    parameters = [list(inspect.signature(door).parameters.values()) for door in DOORS]

    assert parameters[0] == parameters[1] == parameters[2]
    assert str(inspect.signature(gossamer.join)).startswith(SIGNATURES["join"])


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("method", OF_A_MESH)
def test_both_kinds_of_mesh_have_each_method(handle, method):
    assert shape_of(getattr(handle, method)) == OF_A_MESH[method]


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("name", PROPERTIES)
def test_both_kinds_of_mesh_have_each_property(handle, name):
    assert isinstance(inspect.getattr_static(handle, name), property)


def test_what_is_public_is_documented():
    lacking = [name for name in gossamer.__all__ if not inspect.getdoc(getattr(gossamer, name))]
    for name in ("AsyncioMesh", "AsyncioChanges", "open_mesh"):
        found = getattr(gossamer.aio, name)
        members = [member for key, member in vars(found).items() if not key.startswith("_") and callable(member)]
        lacking += [each for each in (found, *members) if not inspect.getdoc(each)]
    for name, cls in inspect.getmembers(gossamer, inspect.isclass):
        for member, found in vars(cls).items() if name in gossamer.__all__ else ():
            is_shown = not member.startswith("_") and (callable(found) or isinstance(found, property))
            if is_shown and not inspect.getdoc(getattr(cls, member)):
                lacking.append(f"{name}.{member}")

    assert lacking == []


def test_every_error_is_a_gossamer_error_and_a_builtin_one():
    errors = [value for name in gossamer.__all__ if isinstance(value := getattr(gossamer, name), type)]
    errors = [value for value in errors if issubclass(value, Exception) and value is not gossamer.GossamerError]

    assert len(errors) == 27
    for error in errors:
        assert issubclass(error, gossamer.GossamerError)
        assert any(base.__module__ == "builtins" for base in error.__mro__[1:] if base not in (Exception,))


def test_the_version_is_that_of_the_distribution():
    assert gossamer.__version__ == importlib.metadata.version("gossamer")


def test_types_are_published():
    assert Path(gossamer.__file__).with_name("py.typed").exists()


def test_importing_is_quick_and_loads_nothing_heavy():
    program = (
        "import sys, time; started = time.process_time(); import gossamer; took_s = time.process_time() - started;"
        "heavy = {'trio', 'zeroconf', 'cryptography', 'cbor2', 'ssl', 'asyncio'} & set(sys.modules);"
        "print(took_s, sorted(heavy), 'gossamer' in sys.modules)"
    )
    took_s, rest = run(program).split(" ", 1)

    assert rest.strip() == "[] True"
    assert float(took_s) < 0.25


def test_importing_configures_no_logging():
    assert run("import logging, gossamer; print(logging.root.handlers, logging.getLogger('gossamer').level)") == "[] 0"


def test_a_program_that_configures_no_logging_sees_no_warnings_of_ours_on_stderr():
    program = "import gossamer, gossamer.living, logging; logging.getLogger('gossamer.mesh').warning('quiet')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)

    assert done.stderr == ""


@pytest.mark.slow
def test_a_typed_program_is_checked_as_its_author_expects(tmp_path):
    api = pytest.importorskip("mypy.api")
    program = tmp_path / "program.py"
    program.write_text(TYPED_PROGRAM)

    out, err, status = api.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(program)])

    assert (out.strip().splitlines()[-1:], err, status) == (["Success: no issues found in 1 source file"], "", 0), out


TYPED_PROGRAM = """
from typing import Any, assert_type

import trio

import gossamer


def script() -> None:
    with gossamer.join("lab") as mesh:
        assert_type(mesh, gossamer.BlockingMesh)
        mesh["a"] = 1
        assert_type(mesh.peers, frozenset[gossamer.Peer])
        assert_type(mesh.wait(lambda m: len(m), timeout=1), int)
        assert_type(mesh.settled(timeout=1), None)
        assert_type(mesh.status(), gossamer.Status)
        assert_type(mesh.entry("a"), gossamer.Entry)
        with mesh.advisory_lease("cron", ttl=1) as lease:
            assert_type(lease, gossamer.Lease)
            assert_type(lease.renew(), bool)
            mesh.fenced("robot").put("speed", 1, lease)
        assert_type(mesh.counter("n").value, int | float)
        assert_type(mesh.shared_set("s").snapshot(), set[Any])
        assert_type(mesh.shared_list("l").copy(), list[Any])
        cell = mesh.value("v", 3)
        assert_type(cell, gossamer.Value[int])
        assert_type(mesh.derived(lambda v: str(v), cell), gossamer.Derived[str])
        assert_type(mesh.derived("{}", cell).value, str)
        cell += 1
        with cell as unchanged:
            raise unchanged
        for change in mesh.changes("a/*"):
            assert_type(change, gossamer.Change)

        @mesh.serve
        def add(x: int, y: int = 0) -> int:
            return x + y

        @mesh.serve("double", at_once=2)
        def double(n: int) -> int:
            return 2 * n

        assert_type(add(1) + double(2), int)
        assert_type(mesh.gather("add", 1), gossamer.Gathered)
        assert_type(mesh.channel("fred"), gossamer.BlockingChannel)
        mesh.channel("fred").send(1, wait=True, timeout=1)

        @mesh.on("bench/*")
        def show(change: gossamer.Change) -> str:
            return str(change.new)

        assert_type(show(change), str)


async def program() -> None:
    async with gossamer.open_mesh("lab", secret="x") as mesh:
        assert_type(mesh, gossamer.Mesh)
        assert_type(await mesh.wait(lambda m: m.name), str)
        mesh.serve("sleep", trio.sleep)
        assert_type(mesh.channel("fred"), gossamer.Channel)
        async for message in mesh.channel("fred"):
            print(message, await mesh.call("add", message))
        async with mesh.quorum_lease("leader", voters=["ada"]) as lease:
            assert_type(lease, gossamer.AsyncLease)
            assert_type(await lease.renew(), bool)
        async with mesh.changes() as changes:
            async for change in changes:
                assert_type(change.local, bool)


async def asyncio_program() -> None:
    async with gossamer.aio.open_mesh("lab", secret="x") as mesh:
        assert_type(mesh, gossamer.aio.AsyncioMesh)
        assert_type(await mesh.wait(lambda m: m.name), str)
        async with mesh.changes() as changes:
            async for change in changes:
                assert_type(change.local, bool)
"""


def shape_of(method: object) -> str:
    """Return a signature without its types; a default that has no literal is `...`."""
    shown = []
    signature = inspect.signature(method)  # type: ignore[arg-type]
    for parameter in signature.parameters.values():
        literal = parameter.default is parameter.empty or isinstance(parameter.default, type(None) | str | bool | tuple)
        shown.append(parameter.replace(annotation=parameter.empty, default=parameter.default if literal else ...))
    return str(signature.replace(parameters=shown, return_annotation=signature.empty)).replace("Ellipsis", "...")


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()
