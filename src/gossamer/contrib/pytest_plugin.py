"""Fixtures with which a program that shares a mesh is tested under partition: see docs/how-to.

pytest loads this in every run (entry point `pytest11`), so it imports nothing of Gossamer,
and nothing else that pytest has not imported, until one of its fixtures is used.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..simulation.net import Net

SEED_MAX = 1 << 32
_NET = pytest.StashKey["Net"]()


# -- seeds ----------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--gossamer-seed`."""
    parser.getgroup("gossamer", "programs under partition").addoption(
        "--gossamer-seed",
        default="0",
        metavar="N",
        help="what decides loss, delay and clocks in tests that use gossamer's fixtures: a number, or 'random'",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose a seed once for the whole run, before xdist's workers are told of it."""
    config.addinivalue_line(
        "markers", "gossamer(real_time=True): let gossamer's fixtures open peers in threads, on real time, in memory"
    )
    if config.getoption("gossamer_seed") == "random":
        config.option.gossamer_seed = str(random.SystemRandom().randrange(SEED_MAX))


@pytest.hookimpl(hookwrapper=True)  # which every pytest knows; a run that does not use us must not fail by us
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show with a failure what repeats it, and what happened on the net."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    net = item.stash.get(_NET, None)
    if net is not None and report.failed and report.when == "call":
        again = f"repeat this with: pytest {item.nodeid!r} --gossamer-seed={net.seed}"
        report.sections.append(("gossamer", f"{again}\n{net.report()}"))


# -- fixtures -------------------------------------------------------------------------------------


@pytest.fixture
def gossamer_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the test's net: `--gossamer-seed`, or what the test is parametrized with."""
    given = request.config.getoption("gossamer_seed")
    try:
        return int(given)
    except ValueError:
        raise pytest.UsageError(f"--gossamer-seed={given} is no number; give one, or 'random'") from None


@pytest.fixture
def net(request: pytest.FixtureRequest, gossamer_seed: int) -> Iterator[Net]:
    """The network between the test's peers: `weather(loss=, delay_s=, disorder=)`, `partition`, `cut`, `heal`, `run`.

    While the test runs, `gossamer.join` and `gossamer.open_mesh` open peers on it.
    """
    from ..surroundings import surrounded_by

    made = _net_for(request, gossamer_seed)
    request.node.stash[_NET] = made
    with surrounded_by(made.surroundings):
        yield made
        made.close()


def _net_for(request: pytest.FixtureRequest, seed: int) -> Net:
    """Return a net on virtual time for a plain function, on the loop's time for an async one, or with threads."""
    marker = request.node.get_closest_marker("gossamer")
    if inspect.iscoroutinefunction(request.function):
        from ..simulation.memory_net import TrioNet

        return TrioNet(seed)
    if marker is not None and marker.kwargs.get("real_time"):
        from ..simulation.memory_net import ThreadsNet

        return ThreadsNet(seed)
    from ..simulation.simulated_net import SimulatedNet

    return SimulatedNet(seed)


@pytest.fixture
def mesh_factory(net: Any) -> Callable[..., Any]:
    """Open peers: `mesh_factory("north")` returns the mesh of one more peer, as `gossamer.join` does.

    In an async test, `async with mesh_factory("north") as mesh`, as with `gossamer.open_mesh`.
    """
    return net.open  # type: ignore[no-any-return]


@pytest.fixture
def mesh(request: pytest.FixtureRequest, mesh_factory: Callable[..., Any]) -> Any:
    """The mesh of one peer."""
    if inspect.iscoroutinefunction(request.function):
        raise pytest.UsageError("an async test opens its meshes itself: async with mesh_factory() as mesh")
    return mesh_factory()


@pytest.fixture
def partition(net: Net) -> Callable[..., Any]:
    """Split the net: `partition(a, b)`, or `partition([a, b], [c])`.

    Until `net.heal()`, or, with `with`, until the end of the block.
    """
    return net.partition


@pytest.fixture
def converged(net: Any) -> Callable[..., Any]:
    """Wait until peers hold the same: `converged([a, b], within=5)` returns how many seconds that took.

    Else it fails, and says which keys differ and whose writes are missing.  In an async test, await it.
    """
    return net.converged  # type: ignore[no-any-return]
