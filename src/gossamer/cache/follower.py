"""What has changed in shared memory since one looked last: from the log, which is a journal.

Several writes of one key between two looks are one change.  When the writer has moved on to
another generation meanwhile, the old one still shows what was there at the last look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from . import lookup
from .layout import COMMIT_AT, ENTRY, HEADING, RECORD, RECORD_BYTES, aligned
from .records import visible_value
from .segment import Segment


class Raw(NamedTuple):
    """A key (in the bytes of digests), and the value that was seen under it and is: None for none."""

    key: bytes
    old: bytes | None
    new: bytes | None


class Follower:
    """One reader's place in the log.  `segment()` returns what is published now; `now_ms` decides what is expired."""

    def __init__(self, segment: Callable[[], Segment], now_ms: Callable[[], int]) -> None:
        self._current = segment
        self._now_ms = now_ms
        self._segment = segment()
        self._commit = self._segment.words[COMMIT_AT]
        self._looked_ms = now_ms()

    def changes(self) -> Iterator[Raw]:
        """Yield what has changed since this was called last.  O(records since then), or O(keys) in a new generation."""
        segment = self._current()
        commit = segment.words[COMMIT_AT]
        before, since, then_ms = self._segment, self._commit, self._looked_ms
        self._looked_ms = now_ms = self._now_ms()
        self._segment, self._commit = segment, commit
        keys = _written(segment, since, commit) if segment is before else _keys(segment, commit) | _keys(before, since)
        for key in keys:
            old, new = _seen(before, key, since, then_ms), _seen(segment, key, commit, now_ms)
            if old != new:
                yield Raw(key, old, new)


def _seen(segment: Segment, key: bytes, commit: int, now_ms: int) -> bytes | None:
    _, word = lookup.find(segment, key)
    data = lookup.as_of(segment, word, commit) if word else b""
    if not data:
        return None
    _, _, key_bytes, siblings, deletes, _ = HEADING.unpack_from(data, RECORD.size)
    value, _ = visible_value(data, key_bytes, siblings, deletes, lambda: now_ms)
    return value


def _written(segment: Segment, since: int, until: int) -> dict[bytes, None]:
    """Return the keys of the entries between two places of the log, in the order in which they were first written."""
    keys: dict[bytes, None] = {}
    at = since
    while at < until:
        data = lookup.whole_record(segment, at)
        _, _, key_bytes, _, _, kind = HEADING.unpack_from(data, RECORD.size)
        if kind == ENTRY:
            keys[data[RECORD_BYTES : RECORD_BYTES + key_bytes]] = None
        at += aligned(len(data))
    return keys


def _keys(segment: Segment, commit: int) -> dict[bytes, None]:
    return {
        data[RECORD_BYTES : RECORD_BYTES + lookup.key_length(data)]: None for data in lookup.all_of(segment, commit)
    }
