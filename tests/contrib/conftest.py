"""Where the adapters of caches have theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gossamer.contrib.shelf import Shelf


@pytest.fixture
def for_host(mesh_port: int, options: Any) -> dict[str, Any]:
    """What an adapter passes on to `gossamer.host`."""
    return {"port": mesh_port, "options": options}


@pytest.fixture
def location(mesh_name: str) -> Iterator[str]:
    yield f"{mesh_name}/cache"
    Shelf(mesh_name).close()
