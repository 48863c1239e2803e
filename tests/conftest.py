"""What every test may rely on: a place, a port and a name of its own, and nothing of the machine's settings.

Meshes of two tests never meet: their ports differ, their names differ, and so do the
directories in which they leave hints and keys.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from gossamer.options import Options

pytest_plugins = ["pytester"]  # which pytest takes from here alone; tests/contrib needs it

settings.register_profile("default run", max_examples=50)
settings.load_profile("default run")  # what Hypothesis tries by itself; where a law needs more, its test says so

QUICK = Options(
    beacon_interval_s=0.2,
    settle_s=0.03,
    probe_timeout_s=0.2,
    suspicion_s=0.5,
    retry_peers_s=0.3,
    linger_s=1.0,
)
"""Like the defaults, in less time: tests wait for beacons as little as they can."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode may be written, keep it elsewhere: or each of a hundred programs would compile all anew.

    Of the process that starts the others, for they inherit it; what it made is removed at the end.
    """
    if sys.dont_write_bytecode and "PYTEST_XDIST_WORKER" not in os.environ:
        directory = tempfile.TemporaryDirectory(prefix="gossamer-bytecode.")
        config.add_cleanup(directory.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = directory.name
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False


@pytest.fixture(autouse=True)
def private_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep keys and hints of this test apart from those of others, and of the user's own meshes."""
    for name in [name for name in os.environ if name.startswith("GOSSAMER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("GOSSAMER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def options() -> Options:
    return QUICK


@pytest.fixture
def patient() -> Options:
    """For who must have met the others when `join` returns, however busy this machine is."""
    return replace(QUICK, settle_s=0.3)


@pytest.fixture
def mesh_port() -> int:
    return free_port()


@pytest.fixture
def mesh_name() -> str:
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def join(mesh_name: str, mesh_port: int, options: Options) -> Iterator[Callable[..., Any]]:
    """Join this test's mesh from a thread, as `gossamer.join` does; all are closed at the end.

    `wrap` stands between driver and sockets; what else is given goes to `Arguments`.
    """
    from gossamer.blocking import BlockingMesh
    from gossamer.handle import Arguments

    with ExitStack() as closing:

        def join(nickname: str | None = None, **more: Any) -> BlockingMesh:
            arguments = {"port": mesh_port, "options": options, "nickname": nickname, "name": mesh_name} | more
            mesh = BlockingMesh(Arguments(**arguments))
            closing.callback(mesh.close, 0)
            return mesh

        yield join


@pytest.fixture
def open_mesh(mesh_name: str, mesh_port: int, options: Options) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Open this test's mesh in the running trio loop, as `gossamer.open_mesh` does."""
    from gossamer.handle import Arguments
    from gossamer.mesh import opened

    def open_mesh(nickname: str | None = None, **more: Any) -> AbstractAsyncContextManager[Any]:
        arguments = {"port": mesh_port, "options": options, "nickname": nickname, "name": mesh_name} | more
        return opened(Arguments(**arguments))

    return open_mesh


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


def eventually(condition: Callable[[], Any], within_s: float = 5.0, what: str = "") -> Any:
    """Return the first truthy `condition()`; fail if there is none in time.  For what nothing announces."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        time.sleep(0.002)
    return found


def free_port() -> int:
    """Return a port that is free for datagrams and streams alike."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
