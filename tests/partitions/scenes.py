"""What several scenarios do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gossamer.simulation import Simulation


def mesh_of(seed: object, names: Iterable[str], *, settled: bool = True, **how: Any) -> Simulation:
    """Return a mesh whose nodes have met."""
    mesh = Simulation(seed)
    for name in names:
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500), **how)
    if settled:
        mesh.run(seconds=3)
    return mesh


def fill(mesh: Simulation, name: str, keys: int, value: object = 0) -> None:
    """Let one peer write so many keys of its own, one by one."""
    for number in range(keys):
        mesh.write(name, f"{name}/{number}", number if value == 0 else value)
