"""The backend for aiocache, by its old dotted path: `gossamer.contrib.aiocache`, in the mesh `sm_<name>`."""

from __future__ import annotations

from typing import Any

from ....contrib.aiocache import GossamerCache
from ..templates import MEMORY_NAME


class SharedMemoryCache(GossamerCache):
    """One cache for all processes of the host.  `name` is what the block was called; `size` bounds nothing.

    Values are any that can be pickled, unless there is a serializer.  Other arguments are those of every
    aiocache cache, and of `GossamerCache`.
    """

    NAME = "shared_memory"

    def __init__(self, serializer: Any = None, name: str = "smc", size: int = 1024, **kwargs: Any) -> None:
        super().__init__(MEMORY_NAME.format(name=name), serializer=serializer, **kwargs)

    @classmethod
    def parse_uri_path(cls, path: str) -> dict[str, str]:
        """Return nothing: the path of an address says nothing of this cache."""
        return {}
