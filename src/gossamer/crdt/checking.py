"""What one replica can assert of itself; the rest of the invariants needs an oracle (see the tests)."""

from __future__ import annotations

from operator import lt
from typing import TYPE_CHECKING

from .dots import Dot
from .writes import EXPIRES, Key, Write, each

if TYPE_CHECKING:
    from .lww_map import LWWMap

_NOTHING = object()
"""No key: None is one."""


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
    listed = 0
    for origin, log in state.logs.items():
        assert all(map(lt, log.sequences, log.sequences[1:])), f"I6: log of {origin.hex()} out of order"
        current = sum(
            named.get(Dot(origin, sequence), _NOTHING) == key
            for sequence, key in zip(log.sequences, log.keys, strict=True)
        )
        stale = len(log.sequences) - current
        assert stale == log.stale, f"I6: log of {origin.hex()} counts {log.stale} stale, has {stale}"
        listed += current
    assert listed == len(named), "I6: a live write or kept delete is not listed once"
