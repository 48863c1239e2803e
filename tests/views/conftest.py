"""Fixtures for views: a mapping of a copy that has no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator

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


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take turns as often as Python can, so that what lies between a read and a write shows."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual_s)
