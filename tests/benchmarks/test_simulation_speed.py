"""How much simulated time a second of CPU buys, beside an engine on which nothing simulated happens."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest
from figures import Bound, Reading

from gossamer.simulation import Simulation
from gossamer.simulation.engine import Engine

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]

BARE_EVENTS = 200_000


@pytest.mark.parametrize("writes", [False, True], ids=["gossip", "writes"])
@pytest.mark.parametrize(("nodes", "seconds", "bound"), [(10, 100, Bound(10e3, 20e3)), (100, 10, Bound(1e3, 2e3))])
def test_a_converged_mesh(figure: Callable[..., None], nodes: int, seconds: int, bound: Bound, writes: bool) -> None:
    mesh = Simulation(1, size=nodes)
    names = mesh.start()
    mesh.run(seconds=10)
    mesh.settle(within_s=60)

    def take() -> Reading:
        reference = bare_events_per_s()
        began = process_time()
        for number in range(seconds):
            if writes:
                mesh.write(names[number % nodes], f"key/{number % 50}", number)
            mesh.run(seconds=1)
        return Reading(nodes * seconds / (process_time() - began), reference)

    what = "a write a second" if writes else "gossip alone"
    figure(f"simulated, {nodes} nodes, {what}", "node-s/CPU-s", "bare events/CPU-s", take, bound)


def bare_events_per_s() -> float:
    """Return how many events that do nothing an engine calls in a second of CPU."""
    engine, began = Engine(), process_time()
    for number in range(BARE_EVENTS):
        engine.at(number % 1000, int)
    engine.run_until(1000)
    return BARE_EVENTS / (process_time() - began)
