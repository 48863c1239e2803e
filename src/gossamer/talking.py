"""What both doors need so that programs call each other and send through channels: all of it but the waiting.

This is the `views.calling.Host`: names become boots and peers here, and what threads want is
carried into the loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

from .arguments import Arguments
from .errors import MeshTimeout
from .net.driver import Driver
from .options import Options
from .peers import Directory, Peer
from .protocol.effects import Answered, Consumed, Delivered, LevelChanged, Notice, Requested, Withdrawn
from .protocol.replica import Replica
from .views.calling import Calling, Gathered
from .views.lines import Lines
from .views.objects import MeshWithObjects
from .views.services import Service
from .views.tickets import Ticket

logger = logging.getLogger("gossamer.calls")

AT_ONCE = 16
"""Requests of one service that run together, unless it is said otherwise."""
WAITING = 1024
"""Requests of one service that wait for their turn; the caller of one more is told that it is busy."""
CALL_TIMEOUT_S = 10.0
F = TypeVar("F", bound=Callable[..., Any])


class TalkingMesh(MeshWithObjects):
    """The calls and channels of a mesh that is open."""

    arguments: Arguments
    options: Options
    replica: Replica
    driver: Driver
    _directory: Directory
    _calling: Calling
    _lines: Lines

    def _start_talking(self) -> None:
        self._calling = Calling(self)
        self._lines = Lines(self)
        self.offers.on_change = lambda: self.in_loop(self._look)

    # -- serving --------------------------------------------------------------------------------

    @overload
    def serve(self, name: F, fn: None = None, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> F: ...

    @overload
    def serve(self, name: str, fn: F, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> F: ...

    @overload
    def serve(
        self, name: str, fn: None = None, *, at_once: int = AT_ONCE, waiting: int = WAITING
    ) -> Callable[[F], F]: ...

    def serve(self, name: Any, fn: Any = None, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> Any:
        """Let every peer call `fn` by `name`; return `fn`.  A decorator too: `@mesh.serve`, `@mesh.serve("name")`.

        Arguments and result are values, as in the mapping (containers arrive frozen); what
        `fn` raises, its caller gets as `RemoteError`.  `at_once` requests run together and `waiting` more wait;
        the rest is refused.  In a script `fn` runs on worker threads and may itself call; in
        trio and asyncio it may be async, runs in the loop, and is cancelled when its caller gives up.
        Raises ValueError if the name is served here already.
        """
        if not isinstance(name, str) and callable(name) and fn is None:
            return self.serve(name.__name__, name, at_once=at_once, waiting=waiting)
        if fn is None:
            return lambda fn: self.serve(name, fn, at_once=at_once, waiting=waiting)
        self._before_use()
        self._check_open()
        self._check_handler(name, fn)
        self._calling.serve(name, fn, at_once, waiting)
        self._tidy_offers()
        return fn

    def unserve(self, name: str | Callable[..., Any]) -> None:
        """Serve a name, or all names of a function, no more.  What runs may end; what waits is refused.

        Raises ValueError if it is not served here.
        """
        self._before_use()
        self._check_open()
        self._calling.unserve(name)

    def servers(self, name: str) -> frozenset[Peer]:
        """Return the peers that serve `name` and are there, ourselves included, as far as we have heard."""
        self._before_use()
        return frozenset(map(self.peer_of, self._calling.serving_boots(name)))

    def _check_handler(self, name: str, fn: Callable[..., Any]) -> None:
        """Raise TypeError for what cannot run behind this door."""

    def _tidy_offers(self) -> None:
        known = [self.replica.identity.boot, *self.replica.membership.members]
        stale = self.offers.stale(known, self._wall_ms() // 1000)
        if stale:
            self.write_reserved(dict.fromkeys(stale))

    # -- what a door's calls share ----------------------------------------------------------------

    def _gathered(self, tickets: dict[Peer, Ticket]) -> Gathered:
        """Return what came of calls to several peers; those not done yet are given up."""
        replies, errors, silent = {}, {}, set()
        for peer, ticket in tickets.items():
            if not ticket.done or ticket.error is None:
                if ticket.done:
                    replies[peer] = ticket.result()
                else:
                    silent.add(peer)
                    self._calling.give_up(ticket)
            elif isinstance(ticket.error, ConnectionError | MeshTimeout):
                silent.add(peer)
            else:
                errors[peer] = ticket.error
        return Gathered(replies, errors, frozenset(silent))

    def _tickets_for_all(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout: float | None,
        wake: Callable[[], object],
    ) -> dict[Peer, Ticket]:
        """Begin to call each peer that serves `name`."""
        peers = [self.peer_of(boot) for boot in self._calling.serving_boots(name)]
        tickets = {p: self._calling.ticket(name, args, kwargs, wake, timeout=timeout, peer=p) for p in peers}
        for ticket in tickets.values():
            self._begin(ticket)
        return tickets

    def _begin(self, ticket: Ticket) -> None:
        self.in_loop(lambda: self._calling.begin(ticket))

    # -- Host -----------------------------------------------------------------------------------

    def before_use(self) -> None:
        """In a forked child, join anew first."""
        self._before_use()

    def in_loop(self, fn: Callable[[], object]) -> None:
        """Run `fn` in the loop, soon, and then whatever the replica asks for.  Does nothing once the loop has ended."""
        self.driver.call_soon(lambda: self._run_in_loop(fn))

    def _run_in_loop(self, fn: Callable[[], object]) -> None:
        try:
            fn()
        except Exception:  # of ours: the loop, on which everything else rests, must not end by it
            logger.exception("something failed in the loop; please report it")
        self.driver.perform()

    def now(self) -> float:
        """Return the monotonic time of this mesh's clock, in seconds."""
        return self.arguments.surroundings.clock.monotonic()

    def present_boots(self) -> list[bytes]:
        """Return who is there, ourselves first."""
        return [self.replica.identity.boot, *(member.boot for member in self.replica.membership.alive())]

    def peer_of(self, boot: bytes) -> Peer:
        """Return the peer that runs, or ran, as `boot`."""
        if boot == self.replica.identity.boot:
            return self._directory.me
        member = self.replica.membership.members.get(boot)
        return Peer(boot.hex()[-6:], "") if member is None else self._directory.peer(member)

    def boot_of(self, peer: Any) -> bytes | None:
        """Return the boot of a peer that is there, given as such or by its name."""
        for boot in self.present_boots():
            found = self.peer_of(boot)
            if peer == found or peer in (found.name, found.id):
                return boot
        return None

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler, and report to `_calling.finished`."""
        raise NotImplementedError

    def _stop_request(self, request: Withdrawn) -> None:
        """Nobody waits for a request that runs."""

    # -- what the replica tells -------------------------------------------------------------------

    def _traffic(self, notice: Notice) -> None:
        """Something concerns calls and channels alone.  In the loop."""
        match notice:
            case Requested():
                self._calling.requested(notice)
            case Withdrawn():
                self._stop_request(notice)
            case Answered():
                self._calling.answered(notice)
            case Delivered() | Consumed() | LevelChanged():
                self._lines.noticed(notice)

    def _look(self) -> None:
        """Who is there, or what they offer, may have changed.  In the loop."""
        self._calling.look()
        self._lines.look()

    def _stop_being_who_we_were(self) -> None:
        """Somebody else goes on as us: what is under way will not be answered to us."""
        self._calling.lose()
        for line in self._lines.each():
            line.lose()

    # -- life -------------------------------------------------------------------------------------

    def _talk_as_new(self) -> None:
        """Go on as somebody new, after a fork or as a clone."""
        self._calling.follow()
        for line in self._lines.each():
            line.follow()

    def take_leave(self) -> None:
        """Withdraw what we offer, while we can still write; say what is lost.  In the loop, or when it has ended."""
        mine = self.offers.of(self.replica.identity.boot)
        if mine and not self._ledger.closed:
            self.write_reserved(dict.fromkeys(mine))
        for name, messages in self._lines.lost().items():
            logger.warning("closing while %d messages of channel %r were not consumed: they are lost", messages, name)

    def _end_talking(self) -> None:
        """Wake whoever waits: nothing will come any more."""
        self._calling.close()
        for line in self._lines.each():
            line.wake_all()

    def _stop_talking_in_child(self) -> None:
        """In a forked child: what was under way is the parent's."""
        self._calling.forget()
        for line in self._lines.each():
            line.forget()

    def _check_open(self) -> None:
        raise NotImplementedError


__all__ = ["AT_ONCE", "CALL_TIMEOUT_S", "WAITING", "TalkingMesh"]
