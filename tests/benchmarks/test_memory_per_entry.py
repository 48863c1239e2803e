"""What an entry costs in memory: key, value, clocks and index, in a process that did nothing else.

Counted by `tracemalloc`, which sees all that Python allocates; the growth of the
resident memory is told beside it, for it holds the ring of batches kept for repairs too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from figures import Bound, Reading

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

COUNT = 100_000
WRITTEN = "memory an entry, written here (traced)"
DECODED = "memory an entry, written and read (traced)"
JOINED = "memory an entry, got from another (traced)"
RESIDENT = "memory an entry, written here (resident)"


def test_the_memory_of_an_entry(figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int) -> None:
    def take() -> dict[str, Reading]:
        name = secrets.token_hex(4)
        writer, resident, joiner, plain = (companion("companion.py") for _ in range(4))
        plain.ask("trace")
        plain.ask("fill_plain", COUNT)
        dict_bytes = plain.ask("traced") / COUNT
        writer.ask("join", name, mesh_port)
        writer.ask("trace")
        writer.ask("fill", COUNT)
        written = writer.ask("traced") / COUNT
        joiner.ask("trace")
        joiner.ask("join", name, mesh_port)
        assert joiner.ask("await_key", f"bench/{COUNT - 1}")["keys"] == COUNT
        joined = joiner.ask("traced") / COUNT
        writer.ask("read")
        decoded = writer.ask("traced") / COUNT
        resident.ask("join", secrets.token_hex(4), mesh_port)
        before = resident.ask("rss")
        resident.ask("fill", COUNT)
        after = resident.ask("rss")
        for process in (writer, resident, joiner, plain):
            process.close()
        return {
            WRITTEN: Reading(written, dict_bytes),
            DECODED: Reading(decoded, dict_bytes),
            JOINED: Reading(joined, dict_bytes),
            RESIDENT: Reading((after - before) / COUNT, dict_bytes),
        }

    bound = Bound(400, 280, better="less")
    figures(dict.fromkeys((WRITTEN, DECODED, JOINED, RESIDENT), ("B", "B in a dict", bound)), take)
