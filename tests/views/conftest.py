"""Fixtures for views: a mapping of a copy that has no network."""

from __future__ import annotations

import pytest
from local_copy import Copy

from gossamer.views.mapping import MeshMapping


@pytest.fixture
def copy() -> Copy:
    return Copy()


@pytest.fixture
def make_copy() -> type[Copy]:
    return Copy


@pytest.fixture
def mapping(copy: Copy) -> MeshMapping:
    return copy.mapping
