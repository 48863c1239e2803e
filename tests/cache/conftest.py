"""A place for segments."""

from __future__ import annotations

from pathlib import Path

import pytest
from written import Written


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr("gossamer.cache.generation.LOG_BYTES_MIN", 1 << 20)  # so that there are generations soon
    return Written(tmp_path / "lab.segment")
