"""How a story begins."""

from __future__ import annotations

from collections.abc import Iterable

from gossamer.options import Options
from gossamer.simulation import Simulation


def met(names: Iterable[str], seed: object, options: Options | None = None) -> Simulation:
    """Return a mesh of nodes that have met, with clocks half a second off."""
    mesh = Simulation(seed, options=options)
    for name in names:
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500))
    mesh.run(seconds=3)
    return mesh
