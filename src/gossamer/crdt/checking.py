"""What one replica can assert of itself; the rest of the invariants needs an oracle (see the tests)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .dots import Dot, Origin
from .writes import EXPIRES, Key, Write, each

if TYPE_CHECKING:
    from .lww_map import LWWMap


def check_map(state: LWWMap) -> None:
    """Assert I2, I5, I6 and the shape of what is stored."""
    named: dict[Dot, Key] = {}
    for key, held in state.live.items():
        siblings = each(held)
        assert siblings, f"{key!r} is stored without a write"
        assert isinstance(held, Write) or len(siblings) > 1, f"{key!r}: a lone write must stand bare"
        assert list(siblings) == sorted(siblings, key=lambda w: w[:3], reverse=True), f"{key!r}: winner not first"
        for write in siblings:
            assert state.known.knows(write.dot), f"I2: {write.dot} of {key!r} is live but not known"
            assert write.value is not None, f"{key!r}: a delete is stored as live"
            assert bool(write.meta & EXPIRES) == bool(write.expires_ms), f"{key!r}: expiry without its flag"
            assert write.dot not in named, f"I5: {write.dot} names writes of {key!r} and {named[write.dot]!r}"
            named[write.dot] = key
    for key, dots in state.deletes.items():
        assert dots, f"{key!r}: an empty delete record"
        for dot in dots:
            assert state.known.knows(dot), f"I2: delete {dot} of {key!r} is kept but not known"
            assert dot not in named, f"I5: {dot} names a delete and a live write"
            named[dot] = key
    _check_logs(state, named)


def _check_logs(state: LWWMap, named: dict[Dot, Key]) -> None:
    listed: Counter[Dot] = Counter()
    stale: Counter[Origin] = Counter()
    for origin, log in state.logs.items():
        assert log.sequences == sorted(set(log.sequences)), f"I6: log of {origin.hex()} out of order"
        for sequence, key in zip(log.sequences, log.keys, strict=True):
            dot = Dot(origin, sequence)
            listed[dot] += 1
            if named.get(dot) != key:
                stale[origin] += 1
        assert stale[origin] == log.stale, f"I6: log of {origin.hex()} counts {log.stale} stale, has {stale[origin]}"
    assert not [dot for dot in named if listed[dot] != 1], "I6: a live write or kept delete is not listed once"
