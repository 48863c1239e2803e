"""The backend for Django, by its old dotted path: `gossamer.contrib.django`, in the mesh `sm_<LOCATION>`."""

from __future__ import annotations

from typing import Any, Final

from ....contrib.django import GossamerCache
from ..templates import MEMORY_NAME

MEMORY_BLOCK_SIZE: Final = 1024
"""Bytes, where OPTIONS say none."""
ENTRY_BYTES_MIN: Final = 32
"""No entry took less of a block."""
MAX_ENTRIES: Final = 300
"""What Django says where nobody does."""


class SharedMemoryCache(GossamerCache):
    """One cache for all processes of the host.  `name`, Django's LOCATION, is what the block was called.

    `MEMORY_BLOCK_SIZE` in OPTIONS bounds no bytes.  Where OPTIONS has no MAX_ENTRIES, that many entries stay as such
    a block could have held, and no fewer than 300.  All else is as in `GossamerCache`.
    """

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        options = dict(params.get("OPTIONS", {}))
        size = options.pop("MEMORY_BLOCK_SIZE", MEMORY_BLOCK_SIZE)
        options.setdefault("MAX_ENTRIES", max(MAX_ENTRIES, size // ENTRY_BYTES_MIN))
        super().__init__(MEMORY_NAME.format(name=name), {**params, "OPTIONS": options})
