"""Where shared memory is full: a clear error, the mesh goes on, and all is shown again once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gossamer
from gossamer import SharedMemoryFull
from gossamer.cache.places import place_of

MEBIBYTE = 1 << 20


def fill(cache: gossamer.Cache) -> None:
    for number in range(20):
        cache[number] = os.urandom(MEBIBYTE)


def is_set(cache: gossamer.Cache, key: Any, value: Any) -> bool:
    try:
        cache[key] = value
    except SharedMemoryFull:
        return False
    return True


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 16 MiB, where everything of the host lies."""
    where = tmp_path / "small"
    where.mkdir(mode=0o700)
    options = f"size=16m,mode=700,uid={os.geteuid()}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", where], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(where))
    yield where
    subprocess.run(["umount", "--lazy", where], check=True)


def test_a_full_disk_is_told_and_harms_nothing_and_room_mends_it(
    small_disk: Path, join: Callable[..., Any], eventually: Callable[..., Any], caplog: Any
) -> None:
    mesh, other = join(share=True), join("another peer")
    with gossamer.attach(mesh.name) as cache:
        cache["before"] = 1
        with pytest.raises(SharedMemoryFull, match=r"not be shown here: No space left"):
            fill(cache)
        assert "make room" in caplog.text
        assert cache["before"] == 1
        with pytest.raises(SharedMemoryFull, match="nothing was written"):
            cache["after"] = 1
        mesh["of the peer"] = 1  # goes on
        assert other.wait(lambda other: other.get("of the peer"), timeout=10) == 1
        assert other.wait(lambda other: other.snapshot() == mesh.snapshot(), timeout=10)
        assert "of the peer" not in cache

        for number in range(20):
            mesh.pop(number, None)

        eventually(lambda: "of the peer" in cache, within_s=10)
        eventually(lambda: is_set(cache, "after", 2), within_s=10)  # what was made with less room may fill up once more
        assert dict(cache) == mesh.snapshot() == {"before": 1, "of the peer": 1, "after": 2}


def test_who_finds_no_room_at_all_is_told_so_and_may_try_again(
    small_disk: Path, join: Callable[..., Any], mesh_name: str
) -> None:
    filling = small_disk / "filling"
    with filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 16 * MEBIBYTE - (64 << 10))

    with pytest.raises(SharedMemoryFull, match=r"make room in .*, or let GOSSAMER_RUNTIME_DIR"):
        join(share=True)
    filling.unlink()
    mesh = join(share=True)
    mesh["x"] = 1

    assert gossamer.attach(mesh.name)["x"] == 1
    assert len(list(small_disk.glob(f"*{place_of(mesh_name).stem}.segment*"))) == 1
