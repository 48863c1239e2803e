"""A mesh on free time: the same replica and codec on a simulated network, every step checked.

`Simulation` is the door; see its docstring.  `World` is what a story may do, in the simulator
and on the rig alike; `scenarios()` returns the stories.  Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import ScenarioError, scenarios
    from .observer import SimulationObserver
    from .oracle import Wrong
    from .result import Result
    from .scenario import NoSuchFault, Scenario, Weather, World
    from .simulation import Simulation

__all__ = [
    "NoSuchFault",
    "Result",
    "Scenario",
    "ScenarioError",
    "Simulation",
    "SimulationObserver",
    "Weather",
    "World",
    "Wrong",
    "scenarios",
]

_HOMES = {
    "NoSuchFault": "scenario",
    "Result": "result",
    "Scenario": "scenario",
    "ScenarioError": "catalogue",
    "Simulation": "simulation",
    "SimulationObserver": "observer",
    "Weather": "scenario",
    "World": "scenario",
    "Wrong": "oracle",
    "scenarios": "catalogue",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
