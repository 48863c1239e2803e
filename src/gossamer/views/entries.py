"""Who wrote what is visible, and when; and what was written beside it, unaware of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..crdt.writes import Held, Key, Write, each, winner
from ..wire.values import decode_value


@dataclass(frozen=True, slots=True)
class Entry:
    """One live write: its value, and who wrote it when."""

    key: Key
    value: Any
    writer: Any
    """The `Peer` that wrote it; one of an unknown peer has only a short hex name."""
    written_at_s: float
    """Seconds since 1970, by the hybrid clock of the writer."""
    expires_at_s: float | None
    """Seconds since 1970, by the clock of the writer; None for never."""
    sequence: int
    """The writer's own count of its writes."""


def entry_of(key: Key, write: Write, writer_of: Callable[[bytes], Any]) -> Entry:
    """Return a live write as the program sees it."""
    assert write.value is not None
    expires = write.expires_ms
    return Entry(
        key,
        decode_value(write.value),
        writer_of(write.origin),
        (write.stamp >> 16) / 1000,
        expires / 1000 if expires else None,
        write.sequence,
    )


def rivals(held: Held, now_ms: int) -> tuple[Write, ...]:
    """Return the writes of a key that are visible or would be, if not for another; none if there is but one."""
    seen = tuple(write for write in each(held) if winner(write, now_ms) is not None)
    return seen if len(seen) > 1 else ()
