"""A change: what was visible under a key, what is, and who did it; raw as it is queued, decoded as it is delivered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Literal

from ..crdt.dots import Origin
from ..crdt.writes import FORCE, Held, Key, Write, each
from ..wire.keys import SpaceKey
from ..wire.values import decode_value

Kind = Literal["set", "delete", "expire"]


@dataclass(frozen=True, slots=True)
class Change:
    """A key whose visible value was replaced.  `old` and `new` are None where there was, or is, none."""

    key: Any
    old: Any
    new: Any
    kind: Kind
    peer: Any
    """Who wrote what is visible now, or deleted what was; None if we cannot tell."""
    local: bool
    """Whether this program did it."""
    stamp: int
    """Hybrid time of the write that is visible now: milliseconds since 1970, shifted left by 16."""
    superseded: tuple[Any, ...]
    """Values written concurrently that lost; `mesh.conflicts(key)` tells whose they are."""


@dataclass(slots=True)
class Raw:
    """A change as it is queued: what was visible, what is, and everything held now."""

    key: Key
    old: Write | None
    new: Write | None
    held: Held
    local: bool
    expired: bool = False
    deleter: Origin | None = None

    @property
    def is_change(self) -> bool:
        """Whether a watcher must be told: the bytes differ, or somebody insists."""
        old, new = self.old, self.new
        if old is None or new is None:
            return old is not new
        if old.value != new.value:
            return True
        return old is not new and bool(new.meta & FORCE)

    @property
    def is_conflict(self) -> bool:
        """Whether writes made without knowledge of each other are held now."""
        return type(self.held) is tuple

    def absorb(self, later: Raw) -> None:
        """Become the change from what was before this one to what is after `later`."""
        self.new, self.held, self.local = later.new, later.held, later.local
        self.expired, self.deleter = later.expired, later.deleter

    def change(self, writer_of: Callable[[Origin], Any]) -> Change | None:
        """Return this, decoded; None if it is none, and was only queued because of a conflict."""
        if not self.is_change:
            return None
        new = self.new
        writer = self.deleter if new is None else new.origin
        kind: Kind = "set" if new is not None else "expire" if self.expired else "delete"
        losers = [write for write in each(self.held) if write is not new] if self.is_conflict and new else []
        return Change(
            self.key,
            _value(self.old),
            _value(new),
            kind,
            None if writer is None else writer_of(writer),
            self.local,
            new.stamp if new is not None else 0,
            tuple(map(_value, losers)),
        )

    def rivals(self) -> tuple[Any, ...]:
        """Return the values that were written without knowledge of each other, the winner's first."""
        return tuple(map(_value, each(self.held)))


class Pattern:
    """A shell pattern (`fnmatchcase`); `*` crosses `/`.  Keys that are no str match only `*`."""

    __slots__ = ("_everything", "_match")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f'a pattern is a str such as "bench/*", not {type(text).__name__}')
        self._everything = text == "*"
        self._match = re.compile(translate(text)).match

    def matches(self, key: Key) -> bool:
        """Return whether `key` is meant."""
        return (self._everything and type(key) is not SpaceKey) or (type(key) is str and self._match(key) is not None)


def _value(write: Write | None) -> Any:
    return None if write is None or write.value is None else decode_value(write.value)
