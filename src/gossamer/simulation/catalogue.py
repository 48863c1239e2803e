"""Where scenarios are found: in the wheel, in a checkout, and in any folder of a user's own.

A scenario file defines one `Scenario` (see `scenario.scenario`).  The files live in
`simulations/scenarios/` of a checkout and in this package in a wheel.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ..errors import GossamerError
from .scenario import Scenario

_IN_WHEEL = Path(__file__).parent / "scenarios"
_IN_CHECKOUT = Path(__file__).parents[3] / "simulations" / "scenarios"


class ScenarioError(GossamerError, ValueError):
    """A scenario, or a file of one, is not what it should be.  The message names it."""


def home() -> Path:
    """Return the folder of the scenarios that come with Gossamer."""
    for folder in (_IN_WHEEL, _IN_CHECKOUT):
        if folder.is_dir():
            return folder
    raise ScenarioError(f"the scenarios are missing: neither {_IN_WHEEL} nor {_IN_CHECKOUT} is there; install again")


def scenarios(folder: Path | None = None) -> dict[str, Scenario]:
    """Return the scenarios of a folder (by default those that come with Gossamer), by name.

    Raises ScenarioError, naming the file, for one that cannot be imported or defines no scenario or several.
    """
    folder = home() if folder is None else folder
    if not folder.is_dir():
        raise ScenarioError(f"{folder} is no folder of scenario files")
    found: dict[str, Scenario] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        one = _load(path)
        if one.name in found:
            raise ScenarioError(f"{path}: there is another scenario named {one.name!r}")
        found[one.name] = one
    return found


def find(name: str, folder: Path | None = None) -> Scenario:
    """Return one scenario; raise ScenarioError, naming those there are, if it is none of them."""
    known = scenarios(folder)
    if name not in known:
        raise ScenarioError(f"there is no scenario {name!r}; there are {', '.join(known)}")
    return known[name]


def _load(path: Path) -> Scenario:
    spec = importlib.util.spec_from_file_location(f"gossamer_scenario_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ScenarioError(f"{path} cannot be imported")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise ScenarioError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    found = [value for value in vars(module).values() if isinstance(value, Scenario)]
    if len(found) != 1:
        raise ScenarioError(f"{path} defines {len(found)} scenarios; a file holds one")
    return found[0]
