"""`mesh.events` in a program of trio or asyncio: what waits is awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

from .errors import MeshTimeout
from .views.changes import Pattern
from .views.channel import AsyncWaiter
from .views.emitter import Emitter, Station
from .views.events import Event, EventFeed, is_meant

T = TypeVar("T")


class LoopDoor(Protocol):
    """What waiting needs of a mesh in an event loop."""

    _closed: bool

    def _new_waiter(self, what: str) -> AsyncWaiter: ...

    def in_loop(self, fn: Callable[[], object]) -> None:
        """Run `fn` in the loop of the mesh, and then whatever the replica asks for."""

    async def _until(self, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T: ...


class Events(Emitter):
    """The events of a mesh in an event loop.  `emit` is for any thread; handlers run in the loop, and are short."""

    def __init__(self, station: Station, mesh: LoopDoor) -> None:
        super().__init__(station)
        self._mesh = mesh

    def emit(self, name: str, /, *args: Any, sender: Any = None, timeout: None = None, **kwargs: Any) -> bool:
        """Emit an event to all handlers, in every process of the mesh and in this one; never waits, returns True.

        `sender` is any value; by default our name.  To know whether everybody has had it,
        `await mesh.events.confirmed(timeout)`; a `timeout` here is refused.  Raises
        UnsendableValue or ValueTooLarge, and then emits nothing.
        """
        if timeout is not None:
            raise TypeError(
                "in an event loop, emit never waits: emit without timeout, then `await mesh.events.confirmed(timeout)`"
            )
        self._emit(name, args, kwargs, sender)
        return True

    async def confirmed(self, timeout: float | None = None) -> bool:
        """Wait until every peer there has had our latest event; return whether that was within `timeout` seconds."""
        self._station.before_use()
        emissions = self._station.emissions()
        number = emissions.ring.emitted
        if not number:
            return True
        question = emissions.question(number)
        self._mesh.in_loop(lambda: emissions.ask_confirmed(question, self._station.now()))
        try:
            await self._mesh._until(
                lambda: not emissions.unconfirmed(question), timeout, lambda: f"event {number} to be had"
            )
        except MeshTimeout:
            return False
        finally:
            self._mesh.in_loop(lambda: emissions.forget_question(question))
        return True

    async def wait_for(
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
        async with self.stream(pattern, sender=sender) as stream:
            if send is not None:
                send()
            return await stream.get(timeout)

    def stream(self, pattern: str = "*", *, sender: Any = None) -> EventStream:
        """Return the events that match, from now on, for `async with` and `async for`.  Live when the call returns.

        A reader too slow for more than 4096 events (64 MiB) loses the oldest; the next one says how many.
        """
        return EventStream(self, self._mesh, pattern, sender)


class EventStream:
    """A live stream of events.  Use it once, in one task.  It ends with the mesh."""

    def __init__(self, events: Events, mesh: LoopDoor, pattern: str, sender: Any) -> None:
        self._events, self._mesh, self._sender = events, mesh, sender
        self._waiter = mesh._new_waiter("stream")
        self._feed = EventFeed(events._lock, self._waiter.wake, Pattern(pattern).matches)
        events.watch(self._feed)

    @property
    def missed(self) -> int:
        """How many events were dropped because we read too slowly."""
        return self._feed.missed

    async def get(self, timeout: float | None = None) -> Event:
        """Return the next event; raise MeshTimeout if none comes within `timeout` seconds, or the stream ends."""
        event = await self._next(timeout)
        if event is None:
            raise MeshTimeout("no such event came" + ("" if timeout is None else f" within {timeout:g} s"))
        return event

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more."""
        self._events.unwatch(self._feed)
        self._waiter.wake()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._next(None)
        if event is None:
            raise StopAsyncIteration
        return event

    async def _next(self, timeout: float | None) -> Event | None:
        """Return the next event; None if there is none within `timeout` seconds, or before the stream ends."""
        found: list[Event] = []

        def ready() -> bool:
            event = self._take()
            found.extend([] if event is None else [event])
            return bool(found) or self._has_ended()

        await self._waiter.wait(ready, timeout)
        return found[0] if found else None

    def _take(self) -> Event | None:
        while (raw := self._feed.take()) is not None:
            event = self._events.event(raw)
            if event is not None and is_meant(self._sender, event.sender):
                return event
        return None

    def _has_ended(self) -> bool:
        return self._mesh._closed or not self._events.is_watched_by(self._feed)
