"""How a memory is called."""

from __future__ import annotations

from typing import Final

MEMORY_NAME: Final = "sm_{name}"
"""The mesh behind a `SharedMemoryDict`, as it was the block in shared memory."""
