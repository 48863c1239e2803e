"""Who is told when a visible value changes, and how much may wait for one who is slow.

A watcher that keeps up is told of every change, in order.  One that falls behind by
more than `changes_max` is told, for each further key, only the first old and the last
new value: its backlog is bounded by the number of keys, and its last word is true.
Raw changes are queued under the lock, which is quick; they are decoded where they are
delivered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..crdt.dots import Origin
from ..crdt.writes import Held, Key, Replaced, Write, winner
from ..protocol.ledger import Ledger, Observer
from ..wire.keys import SpaceKey
from .changes import Change, Raw
from .mapping import MeshMapping


class Feed:
    """A queue of raw changes for one watcher or one thread of them.  Filled under the lock."""

    __slots__ = ("_changes_max", "_latest", "_noted", "_queue", "conflated", "wake", "wanted")

    def __init__(self, changes_max: int, wake: Callable[[], None], wanted: Callable[[Key], bool]) -> None:
        self._changes_max = changes_max
        self._queue: deque[Raw] = deque()
        self._latest: dict[Key, Raw] = {}
        self._noted: set[Key] = set()
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

    def note(self, name: SpaceKey, local: bool) -> None:
        """Queue that an object has changed, unless that waits already: whoever is told looks at it as it is then."""
        if name not in self._noted:
            self._noted.add(name)
            self._queue.append(Raw(name, None, None, None, local))

    def take(self) -> Raw | None:
        """Return the next change, None if there is none."""
        try:
            raw = self._queue.popleft()
        except IndexError:
            return None
        if self._noted:
            self._noted.discard(raw.key)
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
        self._noted.clear()

    def __len__(self) -> int:
        return len(self._queue)


class Publishing(Observer, Protocol):
    """Shows the state elsewhere."""

    def overwrote(self, key: Key, write: Write) -> bool:
        """Show a lone local write that replaced what was seen; return False if `replaced` must be told instead."""


class Watchers:
    """Told by the ledger, under its lock, of all that changes; tells feeds and waiters."""

    def __init__(self, seen_ms: Callable[[], int], writer_of: Callable[[Origin], Any]) -> None:
        self.mapping: MeshMapping | None = None
        self.ledger: Ledger | None = None
        self.feeds: tuple[Feed, ...] = ()
        self.waiters: tuple[Callable[[], None], ...] = ()
        self._publishing: Publishing | None = None
        self._seen_ms = seen_ms
        self._writer_of = writer_of

    # -- who watches ----------------------------------------------------------------------------

    def watch(self, feed: Feed) -> None:
        """Fill `feed` from now on.  Again does nothing."""
        with self._ledger.lock:
            if feed not in self.feeds:
                self.feeds = (*self.feeds, feed)
            self._mark()

    def unwatch(self, feed: Feed) -> None:
        """Fill `feed` no more."""
        with self._ledger.lock:
            self.feeds = tuple(other for other in self.feeds if other is not feed)
            self._mark()

    def await_change(self, waiter: Callable[[], None]) -> None:
        """Call `waiter` whenever a key or a peer has changed: often, from any thread, under the lock."""
        with self._ledger.lock:
            self.waiters = (*self.waiters, waiter)
            self._mark()

    def await_no_more(self, waiter: Callable[[], None]) -> None:
        """Call `waiter` no more."""
        with self._ledger.lock:
            self.waiters = tuple(other for other in self.waiters if other != waiter)
            self._mark()

    def keep_only(self, feed: Feed) -> None:
        """In a forked child: nobody else who watched is left."""
        self.feeds, self.waiters = tuple(other for other in self.feeds if other is feed), ()
        self._publishing = None  # the segment is the parent's
        feed.clear()
        self._mark()

    def _mark(self) -> None:
        """While nobody watches, the ledger need not tell us of our own writes."""
        publishing, told = self._publishing, bool(self.feeds or self.waiters)
        self._ledger.watched = told or publishing is not None
        self._ledger.overwrote = None if told or publishing is None else publishing.overwrote

    def publish_by(self, publisher: Publishing | None) -> None:
        """Tell `publisher` first of each step, from now on: it shows the state elsewhere.  Call it under the lock."""
        self._publishing = publisher
        self._mark()

    @property
    def _ledger(self) -> Ledger:
        assert self.ledger is not None
        return self.ledger

    # -- what they are told ---------------------------------------------------------------------

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Queue what is visible as a change."""
        if self._publishing is not None:
            self._publishing.replaced(replaced, local)
        mapping = self.mapping
        assert mapping is not None
        if len(replaced) > 1 or (replaced and type(replaced[0][0]) is SpaceKey):
            self._put_objects(mapping._spaces.replaced(replaced), local)
        if self.feeds:
            now_ms = self._seen_ms()
            for key, before, after in replaced:
                deleter = self._deleter(key, local) if after is None else None
                old, new = winner(before, now_ms), winner(after, now_ms)
                self._put(Raw(key, old, new, after, local, deleter=deleter))
        if self.feeds or self.waiters:
            self._wake()

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Queue what ceased to be seen."""
        if self._publishing is not None:
            self._publishing.lapsed(lapsed)
        assert self.mapping is not None
        self._put_objects(self.mapping._spaces.lapsed(lapsed), local=False)
        for key, at_ms, held in lapsed:
            old, new = winner(held, at_ms - 1), winner(held, at_ms)
            if old is not None and old is not new:
                self._put(Raw(key, old, new, held, local=False, expired=True))
        self._wake()

    def _put(self, raw: Raw) -> None:
        if type(raw.key) is SpaceKey or not (raw.is_change or raw.is_conflict):
            return
        for feed in self.feeds:
            if feed.wanted(raw.key):
                feed.put(raw if len(self.feeds) == 1 else replace(raw))

    def _put_objects(self, changed: Sequence[SpaceKey], local: bool) -> None:
        """Queue that objects have changed, for those who listen to one: a note that names it and holds no value."""
        for name in changed if self.feeds else ():
            for feed in self.feeds:
                if feed.wanted(name):
                    feed.note(name, local)

    def _deleter(self, key: Key, local: bool) -> Origin | None:
        """Return who deleted `key`: we, or another, if only one ever did as far as we remember."""
        if local:
            return self._ledger.origin
        dots = self._ledger.state.deletes.get(key, ())
        return dots[0].origin if len(dots) == 1 else None

    def _wake(self) -> None:
        for feed in self.feeds:
            if len(feed):
                feed.wake()
        self.poke()

    def poke(self) -> None:
        """Let those who wait look again: a key changed, or who is there."""
        for waiter in self.waiters:
            waiter()

    def wake_all(self) -> None:
        """It is over: whoever reads or waits shall look."""
        for feed in self.feeds:
            feed.wake()
        self.poke()

    # -- what they read -------------------------------------------------------------------------

    def change(self, raw: Raw) -> Change | None:
        """Return `raw` decoded; None if it was only queued because of a conflict."""
        return raw.change(self._writer_of)

    def drain(self, feed: Feed) -> Iterator[Raw]:
        """Yield what waits in `feed`, each taken under the lock."""
        while True:
            with self._ledger.lock:
                raw = feed.take()
            if raw is None:
                return
            yield raw

    def drain_whole(self, feed: Feed) -> list[Raw]:
        """Return all that waits in `feed`, as of one moment: what was queued in one step is never torn."""
        with self._ledger.lock:
            return list(iter(feed.take, None))
