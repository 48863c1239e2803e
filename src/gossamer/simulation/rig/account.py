"""Every acknowledged write of a rig, and whether what is there in the end is what must be there.

By the rule of the last writer, what stands under a key once all agree is the write with
the greatest stamp; a delete removes what it had seen.  A write of a process that died may
be lost if nobody had heard it.  When all have agreed once, what stood under a key before
is history: it never comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..oracle import Wrong

SAME_MS = 0.0015
"""Stamps are told in milliseconds: two that differ by less cannot be told apart."""


@dataclass(slots=True)
class _Write:
    writer: str
    value: Any
    at_s: float
    mortal: bool = False
    """Its writer died before all had agreed: it may be lost."""


@dataclass(slots=True)
class _Key:
    writes: list[_Write] = field(default_factory=list)
    """Since all agreed last; the first is what stood there then."""
    deleted: bool = False
    expires: bool = False


class Account:
    """What programs were told is written."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._keys: dict[str, _Key] = {}

    def wrote(self, writer: str, key: str, value: Any, at_s: float, *, expires: bool = False) -> None:
        """A write was acknowledged, made at `at_s` by the hybrid clock; 0 if that cannot be told."""
        self.acknowledged += 1
        history = self._keys.setdefault(key, _Key())
        history.writes.append(_Write(writer, value, at_s))
        history.expires = history.expires or expires

    def deleted(self, writer: str, key: str) -> None:
        """A delete was acknowledged."""
        self.acknowledged += 1
        history = self._keys.setdefault(key, _Key())
        history.writes.append(_Write(writer, None, 0.0))
        history.deleted = True

    def died(self, name: str) -> None:
        """A process ended without a goodbye: what nobody had heard of its writes is gone."""
        for history in self._keys.values():
            for write in history.writes:
                write.mortal = write.mortal or write.writer == name

    def agreed(self, state: Mapping[str, Any]) -> None:
        """All hold `state`.  Raise `Wrong` if a write is lost, was never made, or has come back."""
        for key, value in state.items():
            if key not in self._keys:
                raise Wrong(f"{key!r} holds {value!r}, which nobody wrote")
        for key, history in self._keys.items():
            self._check(key, history, state.get(key))
            if history.writes and not history.expires:
                latest = max(write.at_s for write in history.writes)
                history.writes = [_Write("", state.get(key), latest)]
                history.deleted = False

    def _check(self, key: str, history: _Key, value: Any) -> None:
        if history.expires or not history.writes:
            return
        if not any(write.value == value for write in history.writes) and value is not None:
            raise Wrong(f"{key!r} holds {value!r}, which was overwritten or deleted before all agreed")
        if history.deleted:
            return  # which puts a delete had seen, only it knows
        safe = [write for write in history.writes if not write.mortal]
        if value is None:
            if safe:
                raise Wrong(f"{key!r} is gone, and nobody deleted it")
            return
        newest = max((write.at_s for write in safe), default=0.0)
        at_s = max(write.at_s for write in history.writes if write.value == value)
        if at_s < newest - SAME_MS:
            lost = next(write for write in safe if write.at_s == newest)
            raise Wrong(f"{key!r} holds {value!r}, and {lost.value!r}, which {lost.writer} wrote later, is lost")
