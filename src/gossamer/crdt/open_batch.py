"""The batch that local writes still enter, coalescing as they do.

A write replaced by a later own write *of the same key that had it in its past* is
left out, and the later one inherits its past.  A put that somebody else's write
removed meanwhile is not left out: a receiver may not know that other write.  So a
sensor that writes one key a thousand times a second never grows a queue.
"""

from __future__ import annotations

from typing import Any

from .dots import Dot, Origin
from .writes import Batch, Held, Key, Write, each

ROW_BYTES = 7
"""What a row costs beside its key and value: their lengths, sequence and stamp as distances."""
META_BYTES = 12
DOT_BYTES = 9

_new: Any = tuple.__new__


class OpenBatch:
    """Own writes with sequence above `after`, not yet sent."""

    __slots__ = ("_kept", "_past", "_rows", "_shuffled", "after", "origin", "size_bytes", "until")

    def __init__(self, origin: Origin, after: int) -> None:
        self.origin = origin
        self.after = after
        self.until = after
        self.size_bytes = 0
        self._rows: dict[Key, Write] = {}
        self._past: dict[Key, tuple[Dot, ...]] = {}
        self._kept: list[tuple[Key, Write, tuple[Dot, ...]]] = []
        self._shuffled = False

    def __len__(self) -> int:
        return len(self._rows) + len(self._kept)

    def add(self, key: Key, write: Write, before: Held, size_bytes: int = 0) -> None:
        """Enter a write that replaced `before`.  O(siblings), amortised O(1).

        `size_bytes` is what `row_bytes` says of it, if the caller has asked already.
        """
        rows, size_bytes = self._rows, size_bytes or row_bytes(key, write)
        self.until = write[2]
        earlier = rows.get(key)
        rows[key] = write
        if earlier is None:
            if before is not None:
                if type(before) is Write:
                    self._past[key] = (_new(Dot, before[1:3]),)
                    size_bytes += DOT_BYTES
                else:
                    self._past[key] = past = _dots(before)
                    size_bytes += DOT_BYTES * len(past)
            self.size_bytes += size_bytes
            return
        self.size_bytes += size_bytes
        self._shuffled = True
        if before is earlier:  # the write of every day: ours over ours, which inherits its past
            self.size_bytes -= row_bytes(key, earlier)
            return
        past = self._coalesced(key, earlier, _dots(before))
        self.size_bytes += DOT_BYTES * len(past)
        if past:
            self._past[key] = past
        else:
            self._past.pop(key, None)

    def left_out_bytes(self, key: Key, before: Held) -> int:
        """Return how much of `size_bytes` a write of `key` that replaces `before` leaves out; 0 if nothing."""
        earlier = self._rows.get(key)
        return row_bytes(key, earlier) if earlier is not None and before is earlier else 0

    def _coalesced(self, key: Key, earlier: Write, past: tuple[Dot, ...]) -> tuple[Dot, ...]:
        inherited = self._past.get(key, ())
        if earlier.value is not None and earlier.dot not in past:
            self._kept.append((key, earlier, inherited))
            return past
        # Nobody else ever hears of the write left out, so its own dot need not travel.
        self.size_bytes -= row_bytes(key, earlier) + DOT_BYTES * len(inherited)
        return tuple(dict.fromkeys((*(dot for dot in past if dot != earlier.dot), *inherited)))

    def close(self) -> Batch:
        """Return what was entered as a batch; enter nothing after that.  O(n), or O(n log n) after coalescing."""
        if not self._shuffled:
            keys, writes = list(self._rows), list(self._rows.values())
            past = {index: self._past[key] for index, key in enumerate(keys) if key in self._past} if self._past else {}
            return Batch(self.origin, self.after, self.until, keys, writes, past)
        rows = [*self._kept, *((key, write, self._past.get(key, ())) for key, write in self._rows.items())]
        rows.sort(key=lambda row: row[1].sequence)
        return Batch(
            self.origin,
            self.after,
            self.until,
            [key for key, _, _ in rows],
            [write for _, write, _ in rows],
            {index: row_past for index, (_, _, row_past) in enumerate(rows) if row_past},
        )


def _dots(held: Held) -> tuple[Dot, ...]:
    if type(held) is Write:
        return (_new(Dot, held[1:3]),)
    return tuple(write.dot for write in each(held))


def row_bytes(key: Key, write: Write) -> int:
    """Return about what a row takes encoded; the columns of a batch decide in the end."""
    _, _, _, value, meta = write
    size_bytes = ROW_BYTES if value is None else ROW_BYTES + len(value)
    if meta:
        size_bytes += META_BYTES
    if type(key) is str:
        return size_bytes + (len(key) if key.isascii() else 4 * len(key))
    return size_bytes + (len(key) if type(key) is bytes else 32)
