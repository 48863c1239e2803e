"""What `SharedMemoryDict.shm` returns: as much of `multiprocessing.shared_memory.SharedMemory` as its users need."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import MeshClosed
from .block import Block


class Memory:
    """One handle of a memory."""

    def __init__(self, block: Block, size: int, contents: Callable[[], bytes]) -> None:
        self._block = block
        self._size = size
        self._contents = contents
        self.closed = False

    @property
    def name(self) -> str:
        """The mesh's name, "sm_" and the memory's."""
        return self._block.name

    @property
    def size(self) -> int:
        """How many bytes the serialized content may have, as whoever made the memory said."""
        return self._block.size or self._size

    @property
    def buf(self) -> memoryview | None:
        """The content of this moment, serialized, and null bytes up to `size`: a copy, read only.  None if closed."""
        if self.closed:
            return None
        return memoryview(self._contents().ljust(self.size, b"\0"))

    def close(self) -> None:
        """Use this handle no more; others, here and elsewhere, stay.  Again does nothing."""
        self.closed = True

    def unlink(self) -> None:
        """Remove the memory and its content, for every process.  Raises `FileNotFoundError` if it was removed."""
        self._block.unlink()

    def checked(self) -> Block:
        """Return the memory.  Raises `MeshClosed` if this handle was closed."""
        if self.closed:
            raise MeshClosed(f"this handle of the memory {self.name!r} was closed; make another SharedMemoryDict")
        return self._block

    def __repr__(self) -> str:
        return f"Memory({self.name!r}, size={self.size})"
