"""Who is told when a visible value changes: listeners, streams, and those who wait.

A watcher that keeps up is told of every change, in order.  One that falls behind by
more than `changes_max` is told, for each further key, only the first old and the last
new value: its backlog is bounded by the number of keys, and its last word is true.
Raw changes are queued under the lock, which is quick; they are decoded where they are
delivered.  One bad listener harms nobody else.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any, Literal

from ..crdt.dots import Origin
from ..crdt.writes import FORCE, Held, Key, Replaced, Write, each, winner
from ..protocol.ledger import Ledger
from ..wire.keys import SpaceKey
from ..wire.values import decode_value
from .mapping import MeshMapping

logger = logging.getLogger("gossamer.changes")

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
    def changes(self) -> bool:
        """Whether a watcher must be told: the bytes differ, or somebody insists."""
        old, new = self.old, self.new
        if old is None or new is None:
            return old is not new
        if old.value != new.value:
            return True
        return old is not new and bool(new.meta & FORCE)

    def absorb(self, later: Raw) -> None:
        """Become the change from what was before this one to what is after `later`."""
        self.new, self.held, self.local = later.new, later.held, later.local
        self.expired, self.deleter = later.expired, later.deleter


class Pattern:
    """A shell pattern (`fnmatchcase`); `*` crosses `/`.  Keys that are no str match only `*`."""

    __slots__ = ("_everything", "_match", "text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f'a pattern is a str such as "bench/*", not {type(text).__name__}')
        self.text = text
        self._everything = text == "*"
        self._match = re.compile(translate(text)).match

    def matches(self, key: Key) -> bool:
        """Return whether `key` is meant."""
        return self._everything or (type(key) is str and self._match(key) is not None)


class Feed:
    """A queue of raw changes for one watcher or one thread of them.  Filled under the lock."""

    __slots__ = ("_changes_max", "_latest", "_queue", "conflated", "wake", "wanted")

    def __init__(self, changes_max: int, wake: Callable[[], None], wanted: Callable[[Key], bool]) -> None:
        self._changes_max = changes_max
        self._queue: deque[Raw] = deque()
        self._latest: dict[Key, Raw] = {}
        self.conflated = 0
        self.wake = wake
        self.wanted = wanted

    def put(self, raw: Raw) -> None:
        """Queue a change, or fold it into the one that waits for the same key if there are too many."""
        if len(self._queue) >= self._changes_max:
            if not self._latest:
                self._latest = {queued.key: queued for queued in self._queue}
            queued = self._latest.get(raw.key)
            if queued is not None:
                queued.absorb(raw)
                self.conflated += 1
                return
            self._latest[raw.key] = raw
        self._queue.append(raw)

    def take(self) -> Raw | None:
        """Return the next change, None if there is none."""
        try:
            raw = self._queue.popleft()
        except IndexError:
            return None
        if self._latest:
            if self._latest.get(raw.key) is raw:
                del self._latest[raw.key]
            if not self._queue:
                self._latest.clear()
        return raw

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._latest.clear()

    def __len__(self) -> int:
        return len(self._queue)


class Watchers:
    """Told by the ledger, under its lock, of all that changes; tells feeds and waiters."""

    def __init__(self, wall_ms: Callable[[], int], writer_of: Callable[[bytes], Any], changes_max: int) -> None:
        self.mapping: MeshMapping | None = None
        self.ledger: Ledger | None = None
        self.feeds: tuple[Feed, ...] = ()
        self.waiters: tuple[Callable[[], None], ...] = ()
        self.changes_max = changes_max
        self._wall_ms = wall_ms
        self._writer_of = writer_of

    def watch(self, feed: Feed) -> None:
        """Fill `feed` from now on.  Again does nothing."""
        if feed not in self.feeds:
            self._become((*self.feeds, feed), self.waiters)

    def unwatch(self, feed: Feed) -> None:
        """Fill `feed` no more."""
        self._become(tuple(f for f in self.feeds if f is not feed), self.waiters)

    def await_change(self, waiter: Callable[[], None]) -> None:
        """Call `waiter` whenever a key or a peer has changed: often, from any thread, under the lock."""
        self._become(self.feeds, (*self.waiters, waiter))

    def await_no_more(self, waiter: Callable[[], None]) -> None:
        """Call `waiter` no more."""
        self._become(self.feeds, tuple(w for w in self.waiters if w != waiter))

    def _become(self, feeds: tuple[Feed, ...], waiters: tuple[Callable[[], None], ...]) -> None:
        assert self.ledger is not None
        with self.ledger.lock:
            self.feeds, self.waiters = feeds, waiters
            self.ledger.watched = bool(feeds or waiters)

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Queue what is visible as a change."""
        assert self.mapping is not None
        if not local:
            self.mapping.count_reserved(replaced)
        if self.feeds:
            now_ms = self._wall_ms()
            for key, before, after in replaced:
                self._put(
                    Raw(
                        key,
                        winner(before, now_ms),
                        winner(after, now_ms),
                        after,
                        local,
                        deleter=self._deleter(key, local) if after is None else None,
                    )
                )
        if self.feeds or self.waiters:
            self._wake()

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Queue what ceased to be seen."""
        for key, at_ms, held in lapsed:
            old, new = winner(held, at_ms - 1), winner(held, at_ms)
            if old is not None and old is not new:
                self._put(Raw(key, old, new, held, local=False, expired=True))
        self._wake()

    def _put(self, raw: Raw) -> None:
        if type(raw.key) is SpaceKey:
            return
        conflicting = type(raw.held) is tuple
        if raw.changes or conflicting:
            for feed in self.feeds:
                if feed.wanted(raw.key):
                    feed.put(raw if len(self.feeds) == 1 else replace(raw))

    def _deleter(self, key: Key, local: bool) -> Origin | None:
        """Return who deleted `key`: we, or another, if only one ever did as far as we remember."""
        assert self.ledger is not None
        if local:
            return self.ledger.origin
        dots = self.ledger.state.deletes.get(key, ())
        return dots[0].origin if len(dots) == 1 else None

    def _wake(self) -> None:
        for feed in self.feeds:
            if len(feed):
                feed.wake()
        for waiter in self.waiters:
            waiter()

    def wake_all(self) -> None:
        """It is over: whoever reads or waits shall look."""
        for feed in self.feeds:
            feed.wake()
        self.poke()

    def poke(self) -> None:
        """Something other than a key changed, as who is there: let those who wait look again."""
        for waiter in self.waiters:
            waiter()

    def change(self, raw: Raw) -> Change | None:
        """Return `raw` decoded; None if it was only queued because of a conflict."""
        if not raw.changes:
            return None
        new = raw.new
        writer = raw.deleter if new is None else new.origin
        losers = [w for w in each(raw.held) if w is not new and new is not None]
        kind: Kind = "set" if new is not None else "expire" if raw.expired else "delete"
        return Change(
            raw.key,
            _value(raw.old),
            _value(new),
            kind,
            self._writer_of(writer) if writer is not None else None,
            raw.local,
            new.stamp if new is not None else 0,
            tuple(_value(w) for w in losers if type(raw.held) is tuple),
        )


@dataclass(frozen=True, slots=True)
class _Listener:
    fn: Callable[..., Any]
    pattern: Pattern
    call: Callable[[Change], Any]


class Listeners:
    """The functions to call on a change, in the order of registration."""

    def __init__(self, watchers: Watchers, ledger: Ledger) -> None:
        self._watchers = watchers
        self._ledger = ledger
        self._listeners: list[_Listener] = []
        self._on_conflict: list[Callable[[Any, tuple[Any, ...]], Any]] = []
        self.errors = 0

    def __bool__(self) -> bool:
        return bool(self._listeners or self._on_conflict)

    def add(self, fn: Callable[..., Any], pattern: str, call: Callable[[Change], Any] | None = None) -> None:
        """Call `fn` (or `call` in its name) with each change of a key that matches `pattern`."""
        if not callable(fn):
            raise TypeError(f"a listener must be callable, not {type(fn).__name__}")
        listener = _Listener(fn, Pattern(pattern), call or fn)
        with self._ledger.lock:
            self._listeners = [*self._listeners, listener]

    def remove(self, fn: Callable[..., Any], pattern: str | None = None) -> bool:
        """Call `fn` no more (for `pattern`, or at all).  Return whether it was registered."""
        with self._ledger.lock:
            kept = [x for x in self._listeners if x.fn != fn or pattern not in (None, x.pattern.text)]
            conflicts = [x for x in self._on_conflict if x != fn]
            found = len(kept) < len(self._listeners) or len(conflicts) < len(self._on_conflict)
            self._listeners, self._on_conflict = kept, conflicts
        return found

    def add_conflict(self, fn: Callable[[Any, tuple[Any, ...]], Any]) -> None:
        """Call `fn(key, values)`, the winner's value first, when concurrent writes meet."""
        with self._ledger.lock:
            self._on_conflict = [*self._on_conflict, fn]

    def wanted(self, key: Key) -> bool:
        """Whether anyone listens for `key`."""
        return bool(self._on_conflict) or any(listener.pattern.matches(key) for listener in self._listeners)

    def deliver(self, raw: Raw) -> None:
        """Call everyone who listens for this change; log what they raise."""
        change = self._watchers.change(raw)
        if change is not None:
            for listener in self._listeners:
                if listener.pattern.matches(change.key):
                    self._call(listener.fn, listener.call, change)
        if self._on_conflict and type(raw.held) is tuple:
            values = tuple(_value(w) for w in each(raw.held))
            for fn in self._on_conflict:
                self._call(fn, fn, raw.key, values)

    def call(self, fn: Callable[[], Any]) -> None:
        """Call `fn`; log what it raises."""
        self._call(fn, fn)

    def _call(self, fn: Callable[..., Any], call: Callable[..., Any], *args: Any) -> None:
        try:
            call(*args)
        except Exception:
            self.errors += 1
            logger.exception("a listener raised, %r; the others were called all the same", fn)


def _value(write: Write | None) -> Any:
    return None if write is None or write.value is None else decode_value(write.value)


def drained(feed: Feed, ledger: Ledger) -> Iterator[Raw]:
    """Yield what waits in `feed`, each taken under the lock."""
    while True:
        with ledger.lock:
            raw = feed.take()
        if raw is None:
            return
        yield raw
