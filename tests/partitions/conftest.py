"""Meshes on free time, under a few seeds each: a fault that shows seldom has several chances."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scenes import mesh_of

from gossamer.simulation import Simulation


@pytest.fixture(params=[0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def seed(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def mesh(seed: int) -> Simulation:
    return Simulation(seed)


@pytest.fixture(name="mesh_of")
def mesh_of_fixture(seed: int) -> Callable[..., Simulation]:
    return lambda names, **how: mesh_of(seed, names, **how)
