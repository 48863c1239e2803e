"""What the doors of trio and asyncio have in common: a mesh in an event loop, where what waits is awaited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .errors import MeshTimeout
from .handle import MeshHandle, Peer
from .loop_events import Events
from .talking import CALL_TIMEOUT_S
from .views.advisory_lease import AdvisoryState
from .views.calling import Gathered
from .views.channel import AsyncWaiter, Channel
from .views.emitter import Station
from .views.lease import AsyncLease
from .views.leases import Story, advanced
from .views.lines import CAPACITY
from .views.quorum_lease import QuorumState

T = TypeVar("T")


class LoopMesh(MeshHandle):
    """Events, calls, channels and leases, awaited; each door says how it waits."""

    # -- what a door says -------------------------------------------------------------------------

    def _new_waiter(self, what: str) -> AsyncWaiter:
        """Return something to wait with in the calling task, for `what`."""
        raise NotImplementedError

    async def _until(self, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        """Return the first truthy `ready()`, looking whenever a key or a peer has changed; else raise MeshTimeout."""
        raise NotImplementedError

    # -- calls and channels -----------------------------------------------------------------------

    async def call(
        self,
        name: str,
        /,
        *args: Any,
        timeout: float | None = CALL_TIMEOUT_S,
        peer: Peer | str | None = None,
        route: Any = None,
        idempotent: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call a service and return what it returns: of `peer`, or of one that serves it.

        Equal arguments (or equal `route`) go to the same peer while it is there.  It is
        started at most once: if whoever was asked goes away, another is asked only if the first cannot
        have begun, or the call is `idempotent`.  Raises RemoteError with what the service
        raised; NoService if nobody serves it; ServiceBusy; PeerLost if nobody can tell whether it was done;
        MeshTimeout after `timeout` seconds (None: never).  Then, and when this is
        cancelled, a service in a trio or asyncio program is cancelled too, while one in a script goes on and
        its result is dropped.
        """
        waiter = self._new_waiter("call")
        self._check_open()
        ticket = self._calling.ticket(
            name, args, kwargs, waiter.wake, timeout=timeout, peer=peer, route=route, idempotent=idempotent
        )
        self._begin(ticket)
        answered = False
        try:
            answered = await waiter.wait(lambda: ticket.done, timeout)
        finally:
            if not answered:
                self._calling.give_up(ticket)
        if not answered:
            raise self._calling.late(ticket)
        return ticket.result()

    async def gather(self, name: str, /, *args: Any, timeout: float | None = CALL_TIMEOUT_S, **kwargs: Any) -> Gathered:
        """Call a service of all that serve it, and return their replies and who stayed silent for `timeout` seconds."""
        waiter = self._new_waiter("gather")
        self._check_open()
        tickets = self._tickets_for_all(name, args, kwargs, timeout, waiter.wake)
        try:
            await waiter.wait(lambda: all(ticket.done for ticket in tickets.values()), timeout)
        finally:
            gathered = self._gathered(tickets)
        return gathered

    def channel(self, name: str, mode: str = "take", capacity: int = CAPACITY) -> Channel:
        """Return a channel: a queue between programs, of which all who name it are part.

        `mode` is "take" (each message goes to exactly one receiver) or "subscribe" (each to
        all); the two are different channels.  `capacity` bounds how many messages of ours may be unconsumed.
        """
        self._before_use()
        self._check_open()
        return Channel(self._lines.line(name, mode, capacity), self._new_waiter)

    # -- leases -----------------------------------------------------------------------------------

    def advisory_lease(self, name: str, *, ttl: float = 10.0, timeout: float | None = None) -> AsyncLease:
        """Return a lease that is held by at most one peer in a mesh that is connected and on time.

        **Each side of a partition may have a holder.**  `async with` it, or `acquire` it: that waits until nobody else
        holds it (at most `timeout` seconds in `async with`), claims it, and waits `settle` to see whether the claim
        stands: see `Options.lease_dissemination_s`.  It lasts `ttl` seconds unless renewed: call `keep()` as work goes
        on.
        """
        return AsyncLease(AdvisoryState(self, name, ttl, timeout), self._play)

    def quorum_lease(
        self, name: str, *, voters: Sequence[Peer | str], ttl: float = 10.0, timeout: float | None = None
    ) -> AsyncLease:
        """Return a lease that a majority of `voters` grants: no two peers hold it at once, in a partition neither.

        **A side without a majority of the voters has no holder.**  `voters` are nicknames (or ids) of peers,
        the same in every program, as is `ttl`; each peer votes by running.  A voter that has just started
        waits for `ttl` seconds before it votes.  Two live peers of one nickname are not counted.
        """
        return AsyncLease(QuorumState(self, name, voters, ttl, timeout), self._play)

    async def _play(self, story: Story) -> None:
        """Wait for what a story waits for."""
        try:
            wait = next(story, None)
            while wait is not None:
                try:
                    await self._until(wait.ready, wait.timeout_s, str)
                    came = True
                except MeshTimeout:
                    came = False
                wait = advanced(story, came)
        finally:
            story.close()

    # -- events ---------------------------------------------------------------------------------

    def _new_emitter(self, station: Station) -> Events:
        return Events(station, self)

    @property
    def events(self) -> Events:
        """Events of the mesh: what programs tell each other beside the state."""
        assert isinstance(self._emitter, Events)
        return self._emitter
