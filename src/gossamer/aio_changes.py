"""The stream of a mesh's changes in an asyncio program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from .aio_waiting import Bell
from .options import Options
from .views.changes import Change, Pattern
from .views.watchers import Feed, Watchers


class Watched(Protocol):
    """What a stream needs of its mesh."""

    options: Options
    _watchers: Watchers
    _closed: bool


class AsyncioChanges:
    """A live stream of changes.  Use it once, in one task.  It ends with the mesh."""

    def __init__(self, mesh: Watched, pattern: Pattern) -> None:
        self._mesh = mesh
        self._bell = Bell(asyncio.get_running_loop())
        self._feed = Feed(mesh.options.changes_max, self._bell.ring, pattern.matches)
        mesh._watchers.watch(self._feed)

    @property
    def conflated(self) -> int:
        """How many changes were folded into a later one of their key because we read too slowly."""
        return self._feed.conflated

    async def __aenter__(self) -> AsyncioChanges:
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
        await asyncio.sleep(0)
        while True:
            for raw in self._mesh._watchers.drain(self._feed):
                change = self._mesh._watchers.change(raw)
                if change is not None:
                    return change
            if self._mesh._closed or self._feed not in self._mesh._watchers.feeds:
                raise StopAsyncIteration
            await self._bell.rung()
