"""Meshes on free time, under a few seeds each: a fault that shows seldom has several chances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from gossamer.simulation import Simulation


@pytest.fixture(params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def mesh(seed: int) -> Simulation:
    return Simulation(seed)


@pytest.fixture(name="mesh_of")
def mesh_of_fixture(seed: int) -> Callable[..., Simulation]:
    return lambda names, **how: mesh_of(seed, names, **how)


def mesh_of(seed: object, names: Iterable[str], *, settled: bool = True, **how: Any) -> Simulation:
    """Return a mesh whose nodes have met."""
    mesh = Simulation(seed)
    for name in names:
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500), **how)
    if settled:
        mesh.run(seconds=3)
    return mesh
