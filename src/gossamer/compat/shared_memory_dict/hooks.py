"""For a server's start and exit: gunicorn's `on_starting` and `on_exit`."""

from __future__ import annotations

from .block import block_of


def create_shared_memory(name: str, size: int) -> None:
    """Make the memory `name` of so many bytes, and keep it as long as this process lives.

    Called in the process that starts the workers, it outlives each of them.  Raises `FileExistsError` if it is there.
    """
    block_of(name).make(size, anew=True)


def free_shared_memory(name: str) -> None:
    """Remove the memory `name`, for every process.  Raises `FileNotFoundError` if it is not there."""
    block = block_of(name)
    try:
        block.unlink()
    except FileNotFoundError:
        block.leave()
        raise
