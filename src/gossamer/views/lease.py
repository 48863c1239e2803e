"""A lease as a program holds it in the hand: one class a door, of the same names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .leases import LeaseState, Story
from .quorum_lease import QuorumState

F = TypeVar("F", bound=Callable[[], Any])


class LeaseHandle:
    """What a lease of both doors can do without waiting."""

    _state: LeaseState

    @property
    def name(self) -> str:
        """Its name: all leases of one name and kind are one."""
        return self._state.name

    @property
    def ttl(self) -> float:
        """Seconds for which it lasts without being renewed."""
        return self._state.ttl_s

    @property
    def token(self) -> int:
        """The fencing token: greater with each holder.  Send it along with whatever the lease protects.

        That of a quorum lease rests on no clock as long as no voter restarts; that of an advisory lease is greater than
        those that were heard of.
        Raises LeaseLost if it is not held.
        """
        if not self.valid():
            raise self._state.lost()
        return self._state.token

    def valid(self, margin: float = 0.0) -> bool:
        """Whether it is held now, and for `margin` seconds more: ask right before each effect.  O(1).

        It asks this machine's clock: no network, no lock.  Between the answer and the effect the process may
        stand still all the same: what must not happen twice must check the token where it happens.
        """
        return self._state.left_s() > margin

    @property
    def left(self) -> float:
        """Seconds for which it is held at most, unless renewed; 0 if it is not held."""
        return self._state.left_s()

    def holder(self) -> str | None:
        """Return the name of who holds it, as far as we have heard; None if nobody does."""
        return self._state.holder()

    def release(self) -> None:
        """Hold it no more, and let others.  Does nothing if it is not held."""
        self._state.release()

    def on_lost(self, fn: F) -> F:
        """Call `fn()` when it is lost, where listeners are called.  Usable as a decorator.

        Not when it is released.  It comes after the fact, and late to a process that stood still: ask `valid()`.
        """
        self._state.on_lost(fn)
        return fn

    @property
    def has_quorum(self) -> bool:
        """Whether a majority of the voters is there, as far as we know; true for an advisory lease, which asks none."""
        return not isinstance(self._state, QuorumState) or self._state.has_quorum

    def __repr__(self) -> str:
        left_s = self.left
        return f"<lease {self.name!r}, {f'held for {left_s:.1f} s' if left_s else 'not held'}>"


class Lease(LeaseHandle):
    """A lease in a script.  Made by `mesh.advisory_lease` and `mesh.quorum_lease`; a context manager that holds it.

    One of these is one holder: threads that shall exclude each other make one each.
    """

    def __init__(self, state: LeaseState, tell: Callable[[Story], None]) -> None:
        """`tell` plays a story, waiting in the calling thread."""
        self._state, self._play = state, tell

    def acquire(self, timeout: float | None = None) -> None:
        """Wait until it is held; raise LeaseHeld or NoQuorum, TimeoutErrors both, after `timeout` seconds."""
        self._play(self._state.acquiring(timeout))

    def renew(self) -> bool:
        """Hold it for another ttl from now; return whether it is held.  A quorum lease asks its voters, and waits."""
        self._play(self._state.renewing())
        return self.valid()

    def keep(self) -> None:
        """Renew it if a third of the ttl has passed.  Call it as your work goes on; raises LeaseLost if it is lost.

        This is the watchdog: nothing renews a lease behind the back of a worker that is stuck.
        """
        self._play(self._state.keeping())

    def wait_lost(self, timeout: float | None = None) -> None:
        """Wait until it is not held; raise MeshTimeout after `timeout` seconds."""
        self._state.host._until("wait_lost", lambda: not self.valid(), timeout, lambda: f"{self!r} to be lost")

    def __enter__(self) -> Lease:
        self.acquire(self._state.timeout)
        return self

    def __exit__(self, *args: object) -> None:
        self.release()


class AsyncLease(LeaseHandle):
    """A lease in trio and asyncio.  Made by `mesh.advisory_lease` and `mesh.quorum_lease`; `async with` holds it.

    One of these is one holder: tasks that shall exclude each other make one each.
    """

    def __init__(self, state: LeaseState, tell: Callable[[Story], Awaitable[None]]) -> None:
        """`tell` plays a story, waiting in the calling task."""
        self._state, self._play = state, tell

    async def acquire(self, timeout: float | None = None) -> None:
        """Wait until it is held; raise LeaseHeld or NoQuorum, TimeoutErrors both, after `timeout` seconds."""
        await self._play(self._state.acquiring(timeout))

    async def renew(self) -> bool:
        """Hold it for another ttl from now; return whether it is held.  A quorum lease asks its voters, and waits."""
        await self._play(self._state.renewing())
        return self.valid()

    async def keep(self) -> None:
        """Renew it if a third of the ttl has passed.  Await it as your work goes on; raises LeaseLost if it is lost.

        This is the watchdog: nothing renews a lease behind the back of a worker that is stuck.
        """
        await self._play(self._state.keeping())

    async def wait_lost(self, timeout: float | None = None) -> None:
        """Wait until it is not held; raise MeshTimeout after `timeout` seconds."""
        await self._state.host._until(lambda: not self.valid(), timeout, lambda: f"{self!r} to be lost")

    async def __aenter__(self) -> AsyncLease:
        await self.acquire(self._state.timeout)
        return self

    async def __aexit__(self, *args: object) -> None:
        self.release()
