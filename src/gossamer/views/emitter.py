"""`mesh.events` as far as it never waits: emit, and functions that are called in every process that listens.

An event goes to whoever listens now; it is no state, and is not kept for who comes later
(but see `replay`).  Each handler is called at most once with an event, in the order in
which its sender emitted, and never before the sender's own earlier writes can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from ..errors import Malformed, ValueTooLarge
from ..protocol.emissions import Emissions, RawEvent
from .events import Event, EventFeed
from .handlers import Handler, Handlers
from .payloads import Content, decode_event_payload, encode_event_payload
from .station import Station

logger = logging.getLogger("gossamer.events")

NAME_CHARACTERS_MAX = 256
SPARE_BYTES = 2048
"""What a message takes beside the arguments of an event."""
F = TypeVar("F", bound=Callable[..., Any])


class Emitter:
    """Events of a mesh: `on`, `once`, `off`, `emit`; the doors add what waits."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._handlers = Handlers()
        self._missed = 0
        self._warned: set[bytes] = set()
        self.errors = 0
        """How often a handler failed, or an event could not be read."""
        self._feed = EventFeed(self._lock, station.wake, self._concerned)
        self._feeds: tuple[EventFeed, ...] = (self._feed,)

    def _lock(self) -> Any:
        return self._station.ledger().lock

    @property
    def missed(self) -> int:
        """How many events could not be had, or were dropped because a handler here was too slow."""
        return self._missed + self._feed.missed

    # -- emitting -------------------------------------------------------------------------------

    def _emit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], sender: Any) -> int:
        if type(name) is not str or not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise ValueError(f"an event's name is a str of 1 to {NAME_CHARACTERS_MAX} characters, not {name!r:.80}")
        station = self._station
        payload = encode_event_payload(station.name() if sender is None else sender, args, kwargs)
        if len(payload) > station.options.message_bytes_max - SPARE_BYTES:
            raise ValueTooLarge(
                f"the event {name!r} takes {len(payload)} bytes encoded, more than message_bytes_max = "
                f"{station.options.message_bytes_max} allows, so it was not emitted; split it, or put a value and "
                "emit its key"
            )
        station.before_use()
        number = station.emissions().emit(name, payload, station.now())
        station.emitted()
        return number

    # -- listening ------------------------------------------------------------------------------

    @overload
    def on(
        self, pattern: str, fn: None = None, *, sender: Any = None, replay: bool = False, weak: bool = False
    ) -> Callable[[F], F]: ...

    @overload
    def on(self, pattern: str, fn: F, *, sender: Any = None, replay: bool = False, weak: bool = False) -> F: ...

    def on(
        self, pattern: str, fn: F | None = None, *, sender: Any = None, replay: bool = False, weak: bool = False
    ) -> F | Callable[[F], F]:
        """Call `fn` with the arguments of each event whose name matches `pattern`; without `fn`, a decorator.

        `pattern` is a shell pattern (`fnmatchcase`); `sender` an equal sender or, of a str, a
        shell pattern.  Keyword arguments that `fn` does not name are left out; parameters named
        `event` and `sender` are given the `Event` and its sender.  Live when the call returns.
        Handlers run one at a time, in a script on the mesh's listener thread, in trio and
        asyncio in the loop; what one raises is logged, once loudly, and harms no other.  With `replay`, `fn` is
        also called with what peers emitted before and can still repeat: the last 512 events of
        each or 30 s; these may come after newer ones.  With `weak`, the mesh does not keep `fn` alive, nor
        the object whose method it is: once nobody else does, it is called no more.
        """
        return self._register(pattern, fn, sender, replay, once=False, weak=weak)

    @overload
    def once(self, pattern: str, fn: None = None, *, sender: Any = None) -> Callable[[F], F]: ...

    @overload
    def once(self, pattern: str, fn: F, *, sender: Any = None) -> F: ...

    def once(self, pattern: str, fn: F | None = None, *, sender: Any = None) -> F | Callable[[F], F]:
        """Call `fn` with the next event that matches, and then no more."""
        return self._register(pattern, fn, sender, False, once=True)

    def _register(
        self, pattern: str, fn: F | None, sender: Any, replay: bool, *, once: bool, weak: bool = False
    ) -> F | Callable[[F], F]:
        if fn is None:
            return lambda fn: self._register(pattern, fn, sender, replay, once=once, weak=weak)  # type: ignore[return-value]
        handler = Handler(fn, pattern, sender, once, weak)
        self._station.before_use()
        self._station.listen()
        with self._lock():
            emissions = self._station.emissions()
            if replay:
                self._begin_replay(handler, emissions)
            self._handlers = Handlers((*(other for other in self._handlers.all if not other.is_gone), handler))
        if replay:
            self._station.call_soon(lambda: self._ask_replay(emissions))
            self._station.wake()
        return fn

    def _begin_replay(self, handler: Handler, emissions: Emissions) -> None:
        """Note where each boot's events stand, and queue our own: what follows comes by itself.  Under the lock."""
        heard = {boot: stream.next - 1 for boot, stream in list(emissions.streams.items())}
        ring = emissions.ring
        heard[ring.boot] = ring.emitted
        handler.replay, handler.heard_until = True, heard
        for number, event in ring.past():
            if handler.pattern.matches(event.name):
                self._feed.queue(RawEvent(ring.boot, number, event.name, event.payload, 0, True))

    def _ask_replay(self, emissions: Emissions) -> None:
        emissions.replay(self._station.now())
        self._station.perform()

    def off(self, fn: Callable[..., Any]) -> None:
        """Call `fn` no more, whatever events it was registered for.  Raise ValueError if it was not."""
        with self._lock():
            kept = tuple(handler for handler in self._handlers.all if handler.fn() != fn)
            found = len(kept) < len(self._handlers.all)
            self._handlers = Handlers(kept)
        if not found:
            raise ValueError(f"{fn!r} is not registered here")

    def _concerned(self, name: str) -> tuple[Handler, ...]:
        return self._handlers.named(name)

    # -- what happens ---------------------------------------------------------------------------

    def happened(self, events: Sequence[RawEvent]) -> None:
        """Queue these for whoever wants them.  Called by the protocol, under the lock."""
        if len(self._feeds) == 1 and not self._handlers.all:  # as with most who emit
            return
        for feed in self._feeds:
            if feed.put(events):
                feed.wake()

    def lost(self, boot: bytes, count: int) -> None:
        """Count what can no longer be had, and say so, once a peer loudly."""
        self._missed += count
        level = logging.INFO if boot in self._warned else logging.WARNING
        self._warned.add(boot)
        logger.log(level, "missed %d events of %s: it can no longer repeat them", count, self._station.peer_of(boot))

    def deliver(self) -> None:
        """Call the handlers with what waits, in order.  On the one thread where handlers run."""
        for _ in range(len(self._feed)):  # and no more: a handler that emits for itself must not keep the loop
            raw = self._feed.take()
            if raw is not None:
                self._deliver(raw)
        if len(self._feed):
            self._station.wake()

    def _deliver(self, raw: RawEvent) -> None:
        handlers = self._handlers.named(raw.name)
        content = self._content(raw) if handlers else None
        if content is None:
            return
        event, (sender, args, kwargs) = None, content
        for handler in handlers:
            if not handler.wants(raw, sender):
                continue
            if (handler.once or (handler.is_weak and handler.is_gone)) and not self._ends(handler):
                continue
            if handler.takes(args, kwargs):
                called = handler.call_plainly(raw.name, sender, args, kwargs)
            else:
                event = event or self._event(raw, content)
                called = handler.call(event)
            if not called:
                self.errors += 1

    def _ends(self, handler: Handler) -> bool:
        """Let one that is called once, or is gone, be called no more; return whether it was to be called until now."""
        with self._lock():
            found = handler in self._handlers.all
            self._handlers = Handlers(tuple(other for other in self._handlers.all if other is not handler))
        return found

    def event(self, raw: RawEvent) -> Event | None:
        """Return `raw` decoded; None, and a word in the log, if it cannot be."""
        content = self._content(raw)
        return None if content is None else self._event(raw, content)

    def _content(self, raw: RawEvent) -> Content | None:
        try:
            return decode_event_payload(raw.payload)
        except Malformed as error:
            self.errors += 1
            logger.warning("an event %r of %s could not be read: %s", raw.name, self._station.peer_of(raw.boot), error)
            return None

    def _event(self, raw: RawEvent, content: Content) -> Event:
        sender, args, kwargs = content
        peer, local = self._station.peer_of(raw.boot), raw.boot == self._station.emissions().ring.boot
        return Event(raw.name, args, kwargs, sender, peer, raw.number, raw.missed, local, raw.replayed)

    # -- feeds of streams -----------------------------------------------------------------------

    def watch(self, feed: EventFeed) -> None:
        """Fill `feed` from now on."""
        self._station.before_use()
        with self._lock():
            self._feeds = (*self._feeds, feed)

    def unwatch(self, feed: EventFeed) -> None:
        """Fill `feed` no more."""
        with self._lock():
            self._feeds = tuple(other for other in self._feeds if other is not feed)

    def is_watched_by(self, feed: EventFeed) -> bool:
        """Whether `feed` is filled."""
        return feed in self._feeds

    def wake_all(self) -> None:
        """It is over: whoever reads shall look."""
        for feed in self._feeds:
            feed.wake()

    def forget_readers(self) -> None:
        """In a forked child: whoever read or waited was a thread of the parent; handlers stay."""
        self._feed.clear()
        self._feeds = (self._feed,)

    @property
    def is_listened_to(self) -> bool:
        """Whether there is a handler."""
        return bool(self._handlers.all)

    @property
    def waiting(self) -> int:
        """How many events wait for handlers."""
        return len(self._feed)


__all__ = ["Emitter", "Station"]
