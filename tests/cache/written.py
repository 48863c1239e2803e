"""A map that writes, and publishes, as a ledger does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gossamer.cache.publisher import Publisher
from gossamer.cache.reader import SharedReader
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.writes import Replaced
from gossamer.wire.keys import canonical_key_bytes
from gossamer.wire.values import encode_value

ORIGIN = b"origin of us"
NOW_MS = 1_800_000_000_000


class Written:
    """A map, its publisher, and a program that writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = LWWMap(canonical_key_bytes)
        self.publisher = Publisher(path, self.state)
        self.now_ms = NOW_MS

    def step(self, items: Iterable[tuple[Any, Any]], meta: int = 0) -> None:
        """Write all of `items` (a value of `...` deletes) in one step, and publish that."""
        replaced = []
        for key, value in items:
            data = None if value is ... else encode_value(value)
            write, before = self.state.write(ORIGIN, key, data, NOW_MS << 16, meta)
            replaced.append(Replaced(key, before, None if data is None else write))
        [lone, *others] = replaced if replaced else [None]
        if lone is None or others or lone.after is None or not self.publisher.overwrote(lone.key, lone.after):
            self.publisher.replaced(replaced, True)

    def put(self, key: Any, value: Any) -> None:
        self.step([(key, value)])

    def reader(self) -> SharedReader:
        return SharedReader(self.path, lambda: self.now_ms)
