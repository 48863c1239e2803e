"""The record of all acknowledged writes of a rig, and what must be left of them.

Each acknowledgement names the write and the live writes that it replaced, heard under the
lock of its peer.  So what must be left under a key follows from a vector alone, as in the
simulator's oracle: the puts that it knows and that no write it knows has replaced.  This
shares no code with `gossamer.crdt`.

A write may be unknown to all in one case only: every process that is known to have held it,
its author's and those that confirmed it, is no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..oracle import Wrong

Process = tuple[str, int]
"""The name of a computer, and which of the processes that lived there, counted from 1."""


@dataclass(slots=True)
class Acknowledged:
    """One write that a peer acknowledged."""

    author: Process
    key: str
    dot: str
    """"origin:sequence", or "" for a delete."""
    covered_by: str
    """Whoever knows this dot knows the write."""
    replaced: list[str]
    holders: set[Process]
    """Those of whom it is known that they hold it, or held it when they ended."""


@dataclass(slots=True)
class Record:
    """All that was acknowledged, and who died since."""

    writes: list[Acknowledged] = field(default_factory=list)
    died_with_author: list[Acknowledged] = field(default_factory=list)
    """Found by `check`: writes that nobody knows, nor need know: all who are known to have held them are no more."""
    _ended: set[Process] = field(default_factory=set)
    _expiring: set[str] = field(default_factory=set)

    def acknowledged(self, author: Process, rows: Iterable[Mapping[str, Any]]) -> None:
        """A peer answered that it wrote this."""
        for row in rows:
            self.writes.append(Acknowledged(author, **{**row, "key": str(row["key"])}, holders={author}))

    def expires(self, key: str) -> None:
        """Say nothing about what is left under this key: it was given a time to live."""
        self._expiring.add(str(key))

    def confirmed(self, author: Process, by: Process) -> None:
        """Another peer said that it holds all that this one wrote until now."""
        for write in self.writes:
            if write.author == author:
                write.holders.add(by)

    def agreed(self, known: Mapping[str, int], everyone: Iterable[Process]) -> None:
        """All of these know the same."""
        for write in self.writes:
            if _knows(known, write.covered_by):
                write.holders.update(everyone)

    def ended(self, process: Process) -> None:
        """This process is no more."""
        self._ended.add(process)

    def check(self, name: str, live: Mapping[str, list[str]], known: Mapping[str, int]) -> None:
        """Raise `Wrong` unless a peer that knows `known` holds exactly what must be left.  O(writes)."""
        left: dict[str, set[str]] = {}
        gone: set[str] = set()
        self.died_with_author = []
        for write in self.writes:
            if _knows(known, write.covered_by):
                gone.update(write.replaced)
                if write.dot:
                    left.setdefault(write.key, set()).add(write.dot)
            elif not write.holders <= self._ended:
                raise Wrong(f"lost: {name} knows nothing of {write}")
            else:
                self.died_with_author.append(write)
        for key in (left.keys() | live.keys()) - self._expiring:
            must, does = left.get(key, set()) - gone, set(live.get(key, ()))
            if missing := must - does:
                raise Wrong(f"lost: {name} does not hold {sorted(missing)} under {key!r}, but {sorted(does)}")
            if extra := does - must:
                what = "resurrected" if extra & gone else "invented"
                raise Wrong(f"{what}: {name} holds {sorted(extra)} under {key!r}")


def _knows(known: Mapping[str, int], dot: str) -> bool:
    origin, _, sequence = dot.partition(":")
    return known.get(origin, 0) >= int(sequence)
