"""The replicated state as another process of this host sees it: a mapping over shared memory.

A read is a lookup among the values decoded before, which hold for as long as the version
word stands where it stood; when it has moved, a value still holds if the word of its key
has not.  Only what is new is looked up and decoded.  No lock, no call to another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidKey
from ..wire.keys import canonical_key_bytes, checked_key, keys_from_wire
from ..wire.strict import decode_strict
from ..wire.values import decode_value
from . import lookup
from .layout import (
    BEAT_AT,
    COMMIT_AT,
    COUNT_AT,
    FULL,
    GENERATION_AT,
    HEADING,
    MOVED,
    OFFSET_AT,
    OFFSET_BIAS,
    OFFSET_MASK,
    RECORD,
    RECORD_BYTES,
    STATE_AT,
    VERSION_AT,
    WORD_BYTES,
)
from .records import SETTLED_MS, visible_value
from .segment import Segment

DECODED_MAX: Final = 100_000
"""So many values are kept decoded; then they are forgotten all at once, and decoded again as they are read."""


_Place = tuple[int, int, Any, int]
"""Where the word of a key is, for as long as there is this generation; the word; and what is seen under the key while
the word is the same, and the time before that (0: for ever)."""


class _View:
    """One generation, and what was decoded of it."""

    __slots__ = ("fresh", "places", "seen_version", "segment", "words")

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.words = segment.words
        self.forget()

    def forget(self) -> None:
        """Begin without any decoded value."""
        self.places: dict[Any, _Place] = {}
        self.fresh: tuple[int, dict[Any, Any]] = (-1, {})
        """The version word, and values that hold as long as that does not move."""
        self.seen_version = -1
        """The version at the last look that found another than `fresh` has."""


class SharedReader:
    """Reads the segment at `path`, through all its generations.  Thread-safe; of one process.

    Raises `FileNotFoundError` when made if nobody has published there.
    """

    def __init__(self, path: Path, wall_ms: Callable[[], int]) -> None:
        self._path = path
        self._wall_ms = wall_ms
        self.view = _View(Segment.open(path))

    def current(self) -> _View:
        """Return the view of the segment that is published now."""
        view = self.view
        while view.words[STATE_AT] == MOVED:
            opened = _View(Segment.open(self._path))
            if opened.words[GENERATION_AT] == view.words[GENERATION_AT]:
                time.sleep(0.0001)  # it says that another lies there, and is about to
            view = self.view = opened
        return view

    def __getitem__(self, key: Any) -> Any:
        """Return the value under `key`, decoded.  Raises `KeyError`, and `TypeError` for what is not hashable."""
        view = self.view
        version, values = view.fresh
        if view.words[VERSION_AT] == version:
            try:
                return values[key]
            except KeyError:
                pass
        return self.look_up(key)

    def look_up(self, key: Any) -> Any:
        """Return the value of a key that is not noted as holding for this version."""
        view = self.view
        words = view.words
        version = words[VERSION_AT]
        place = view.places.get(key)
        if place is not None:
            word_at, word, value, until_ms = place
            holds = words[word_at] == word and words[STATE_AT] != MOVED
            if holds and (not until_ms or self.seen_ms() < until_ms):
                if version == view.seen_version and not until_ms:  # it stands still: worth noting
                    fresh = view.fresh  # read once: another thread may replace it by that of a later version
                    if fresh[0] != version:
                        fresh = view.fresh = (version, {})
                    fresh[1][key] = value
                view.seen_version = version
                return value
        if words[STATE_AT] == MOVED:
            view = self.current()
            place = view.places.get(key)
        return self._found(view, key, place)

    def _found(self, view: _View, key: Any, place: _Place | None) -> Any:
        """Look a key up, where it was before if that is known, and note what it holds."""
        segment = view.segment
        words = segment.words
        commit = words[COMMIT_AT]
        if place is not None:
            word_at = place[0]
            word = words[word_at]
        else:
            word_at, word = lookup.find(segment, _key_bytes(key))
        data = lookup.as_of(segment, word, commit) if word else b""
        if not data:
            raise KeyError(key)
        _, _, key_bytes, siblings, deletes, _ = HEADING.unpack_from(data, RECORD.size)
        found, until_ms = visible_value(data, key_bytes, siblings, deletes, self.seen_ms)
        if found is None:
            raise KeyError(key)
        value = decode_value(found)
        if (word & OFFSET_MASK) * WORD_BYTES < commit and until_ms != SETTLED_MS:
            if len(view.places) >= DECODED_MAX:
                view.forget()
            view.places[key] = (word_at, word, value, until_ms)
        return value

    def read(self) -> dict[Any, Any]:
        """Return all that is visible, as of one moment, in the order in which the keys first came.  O(keys)."""
        found = self._visible()
        return dict(zip(_keys_of(found), [decode_value(value) for _, _, value in found], strict=True))

    def keys(self) -> list[Any]:
        """Return the keys of all that is visible, as `read` has them; nothing else is decoded."""
        return _keys_of(self._visible())

    def _visible(self) -> list[tuple[int, bytes, bytes]]:
        """Return (birth, key bytes, value bytes) of all that is visible, by birth."""
        segment = self.current().segment
        commit, now_ms = segment.words[COMMIT_AT], self.seen_ms()
        at_once = partial(int, now_ms)  # one time for all
        found = []
        for data in lookup.all_of(segment, commit):
            _, birth, key_bytes, siblings, deletes, _ = HEADING.unpack_from(data, RECORD.size)
            if data[RECORD_BYTES]:
                continue  # of a reserved space
            value, _ = visible_value(data, key_bytes, siblings, deletes, at_once)
            if value is not None:
                found.append((birth, data[RECORD_BYTES + 1 : RECORD_BYTES + key_bytes], value))
        found.sort()
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __len__(self) -> int:
        """Return how many keys the publisher sees.  O(1)."""
        return self.current().words[COUNT_AT]

    # -- the publisher --------------------------------------------------------------------------

    def seen_ms(self) -> int:
        """Return the time by which writes expire: this host's clock, put right as the publisher puts it."""
        offset = self.view.words[OFFSET_AT]
        return self._wall_ms() + (offset - OFFSET_BIAS if offset else 0)

    @property
    def version(self) -> int:
        """How many steps have been made visible."""
        return self.current().words[VERSION_AT]

    @property
    def is_full(self) -> bool:
        """Whether the publisher had no space for what came, so that what is seen is old."""
        return self.current().words[STATE_AT] == FULL

    def age_s(self, now_ns: int) -> float:
        """Return how long ago the publisher last said that it lives, in seconds."""
        return max(0, now_ns - self.current().words[BEAT_AT]) / 1e9


def _keys_of(found: list[tuple[int, bytes, bytes]]) -> list[Any]:
    return keys_from_wire([decode_strict(key) for _, key, _ in found])


def _key_bytes(key: Any) -> bytes:
    """Return the bytes of the key that `key` equals; raise `KeyError` if it can equal none."""
    try:
        return canonical_key_bytes(checked_key(key))
    except InvalidKey:
        hash(key)  # which raises TypeError for what no dict would look up
        if isinstance(key, float) and key.is_integer():
            return _key_bytes(int(key))
        raise KeyError(key) from None
