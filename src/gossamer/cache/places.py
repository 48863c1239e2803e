"""Where the processes of one user on one host meet for a mesh: a segment, a socket and a lock, named after it.

On Linux the directory is in memory, so that nothing survives a reboot and no disk is worn.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from .files import make_private


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one mesh on this host."""

    directory: Path
    stem: str

    @property
    def segment(self) -> Path:
        """What readers map."""
        return self.directory / f"{self.stem}.segment"

    @property
    def socket(self) -> Path:
        """Where writes go."""
        return self.directory / f"{self.stem}.socket"

    @property
    def lock(self) -> Path:
        """Held by whoever publishes."""
        return self.directory / f"{self.stem}.lock"

    def sweep(self) -> None:
        """Remove what a publisher left that was killed while it made a segment.  Call it with the lock held."""
        for path in self.directory.glob(f".{self.stem}.segment.*"):
            path.unlink(missing_ok=True)

    def files(self) -> tuple[Path, ...]:
        """Return all of them."""
        return self.segment, self.socket, self.lock


def place_of(name: str) -> Place:
    """Return where the mesh `name` is shared.  Raises `ConfigurationError` if others can enter the directory."""
    directory = _directory()
    make_private(directory)
    return Place(directory, blake2b(name.encode(), digest_size=12).hexdigest())


def _directory() -> Path:
    named = os.environ.get("GOSSAMER_RUNTIME_DIR")
    if named:
        return Path(named)
    user = str(os.geteuid()) if hasattr(os, "geteuid") else os.environ.get("USERNAME", "user")
    memory = Path("/dev/shm")
    return (memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())) / f"gossamer-{user}"
