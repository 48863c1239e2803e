"""The stream of a mesh's changes, in a program that awaits: the same in trio and in asyncio, but for the bell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, Self

from .options import Options
from .views.changes import Change, Pattern
from .views.watchers import Feed, Watchers


class Watched(Protocol):
    """What a stream needs of its mesh."""

    options: Options
    _watchers: Watchers
    _closed: bool


class Ringing(Protocol):
    """A bell: rung from any thread, heard by one task."""

    def ring(self) -> None:
        """Let `rung` return soon."""

    async def rung(self) -> None:
        """Wait until it has been rung since this last returned."""


class LoopChanges:
    """A live stream of changes.  Use it once, in one task.  It ends with the mesh."""

    def __init__(
        self, mesh: Watched, pattern: Pattern, bell: Ringing, checkpoint: Callable[[], Awaitable[object]]
    ) -> None:
        """`checkpoint` lets other tasks have their turn, and this one be cancelled."""
        self._mesh = mesh
        self._bell, self._checkpoint = bell, checkpoint
        self._feed = Feed(mesh.options.changes_max, self._bell.ring, pattern.matches)
        mesh._watchers.watch(self._feed)

    @property
    def conflated(self) -> int:
        """How many changes were folded into a later one of their key because we read too slowly."""
        return self._feed.conflated

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Watch no more."""
        self._mesh._watchers.unwatch(self._feed)
        self._bell.ring()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        await self._checkpoint()
        while True:
            for raw in self._mesh._watchers.drain(self._feed):
                change = self._mesh._watchers.change(raw)
                if change is not None:
                    return change
            if self._mesh._closed or self._feed not in self._mesh._watchers.feeds:
                raise StopAsyncIteration
            await self._bell.rung()

    async def take(self) -> list[Change]:
        """Wait for a change, then return all that wait, in order; the changes of one batch come in one list.

        An empty list says that the stream has ended.
        """
        await self._checkpoint()
        watchers = self._mesh._watchers
        while True:
            found = [change for raw in watchers.drain_whole(self._feed) if (change := watchers.change(raw)) is not None]
            if found or self._mesh._closed or self._feed not in watchers.feeds:
                return found
            await self._bell.rung()
