"""`mesh.events` in a script: what waits blocks the calling thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from .errors import MeshTimeout
from .views.changes import Pattern
from .views.emitter import Emitter, Station
from .views.events import Event, EventFeed, is_meant

T = TypeVar("T")


class BlockingDoor(Protocol):
    """What waiting needs of a mesh in a script."""

    _closed: bool

    def _check_thread(self, what: str) -> None: ...

    def _rest(self, event: threading.Event, seconds: float | None = None) -> None: ...

    def _until(self, name: str, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T: ...


class BlockingEvents(Emitter):
    """The events of a mesh in a script.  Usable from any thread; handlers run on the mesh's listener thread."""

    def __init__(self, station: Station, mesh: BlockingDoor) -> None:
        super().__init__(station)
        self._mesh = mesh

    def emit(self, name: str, /, *args: Any, sender: Any = None, timeout: float | None = None, **kwargs: Any) -> bool:
        """Emit an event to all handlers, in every process of the mesh and in this one.

        Without `timeout` it never waits, and returns True.  With it, returns whether every
        peer there has had the event within so many seconds.  `sender` is any value; by
        default our name.  Raises UnsendableValue or ValueTooLarge, and then emits nothing.
        """
        if timeout is not None:
            self._mesh._check_thread("emit with a timeout")
        number = self._emit(name, args, kwargs, sender)
        return True if timeout is None else self._is_confirmed(number, timeout)

    def confirmed(self, timeout: float | None = None) -> bool:
        """Wait until every peer there has had our latest event; return whether that was within `timeout` seconds."""
        self._station.before_use()
        return self._is_confirmed(self._station.emissions().ring.emitted, timeout)

    def _is_confirmed(self, number: int, timeout: float | None) -> bool:
        emissions, station = self._station.emissions(), self._station
        if not number:
            return True

        def ask() -> None:
            emissions.ask_confirmed(question, station.now())
            station.perform()

        question = emissions.question(number)
        station.call_soon(ask)
        try:
            self._mesh._until(
                "confirmed", lambda: not emissions.unconfirmed(question), timeout, lambda: f"event {number} to be had"
            )
        except MeshTimeout:
            return False
        finally:
            station.call_soon(lambda: emissions.forget_question(question))
        return True

    def wait_for(
        self,
        pattern: str,
        timeout: float | None = None,
        *,
        sender: Any = None,
        send: Callable[[], object] | None = None,
    ) -> Event:
        """Return the next event that matches `pattern` and `sender`; raise MeshTimeout after `timeout` seconds.

        `send` is called once we listen: what it asks of others cannot be answered too soon.
        """
        with self.stream(pattern, sender=sender) as stream:
            if send is not None:
                send()
            return stream.get(timeout)

    def stream(self, pattern: str = "*", *, sender: Any = None) -> BlockingEventStream:
        """Return the events that match, from now on: iterate it; it ends with the mesh.  Live when the call returns.

        A reader too slow for more than 4096 events (64 MiB) loses the oldest; the next one says how many.
        """
        return BlockingEventStream(self, self._mesh, pattern, sender)


class BlockingEventStream:
    """A live iterator of events.  Use it in one thread; `close` it, or use it as a context manager."""

    def __init__(self, events: BlockingEvents, mesh: BlockingDoor, pattern: str, sender: Any) -> None:
        self._events, self._mesh, self._sender = events, mesh, sender
        self._ready = threading.Event()
        self._feed = EventFeed(events._lock, self._ready.set, Pattern(pattern).matches)
        events.watch(self._feed)

    @property
    def missed(self) -> int:
        """How many events were dropped because we read too slowly."""
        return self._feed.missed

    def get(self, timeout: float | None = None) -> Event:
        """Return the next event; raise MeshTimeout if none comes within `timeout` seconds, or the stream ends."""
        self._mesh._check_thread("get")
        if timeout is None:
            for event in self:
                return event
            raise MeshTimeout("the stream of events has ended, with its mesh or because it was closed")
        found: list[Event] = []

        def ready() -> bool:
            event = self._take()
            found.extend([] if event is None else [event])
            return bool(found)

        self._wait(ready, timeout)
        return found[0]

    def _wait(self, ready: Callable[[], bool], timeout: float) -> None:
        now = self._events._station.now
        deadline = now() + timeout
        while not ready():
            left = deadline - now()
            if left <= 0 or self._has_ended():
                raise MeshTimeout(f"no such event came within {timeout:g} s")
            self._mesh._rest(self._ready, left)
            self._ready.clear()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        self._mesh._check_thread("next")
        while True:
            self._ready.clear()
            event = self._take()
            if event is not None:
                return event
            if self._has_ended():
                raise StopIteration
            self._mesh._rest(self._ready)

    def _take(self) -> Event | None:
        while (raw := self._feed.take()) is not None:
            event = self._events.event(raw)
            if event is not None and is_meant(self._sender, event.sender):
                return event
        return None

    def _has_ended(self) -> bool:
        return self._mesh._closed or not self._events.is_watched_by(self._feed)

    def close(self) -> None:
        """Listen no more."""
        self._events.unwatch(self._feed)
        self._ready.set()

    def __enter__(self) -> BlockingEventStream:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
