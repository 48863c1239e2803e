"""What a program calls and what it serves, in its own terms: functions, arguments and what they return.

The protocol knows numbers and bytes (`protocol.calls`, `protocol.serving`).  Here names
become boots, values become bytes, and outcomes become results or errors.  What waits,
and where handlers run, is the door's affair.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from ..errors import ConfigurationError, GossamerError, MeshClosed, MeshTimeout, NoService, ValueTooLarge
from ..options import Options
from ..protocol.effects import Answered, Requested
from ..protocol.replica import Replica
from ..wire.keys import SpaceKey
from ..wire.values import encode_value
from .offers import SERVES, Offers, offer_key
from .services import Service, outcome_of
from .tickets import Ticket

logger = logging.getLogger("gossamer.calls")

NAME_CHARACTERS_MAX = 256
SEEK_S = 0.25
"""How long a service that nobody seems to serve is waited for: that somebody has begun to may be on its way to us."""


class Host(Protocol):
    """What a door offers to those who call, serve and send."""

    options: Options

    @property
    def replica(self) -> Replica:
        """The replica of this life."""

    @property
    def offers(self) -> Offers:
        """Who serves what."""

    def before_use(self) -> None:
        """In a forked child, join anew first."""

    def in_loop(self, fn: Callable[[], object]) -> None:
        """Run `fn` in the loop, soon, and then whatever the replica asks for."""

    def write_reserved(self, rows: dict[SpaceKey, bytes | None]) -> None:
        """Put or delete rows of reserved spaces."""

    def now(self) -> float:
        """Return the monotonic time."""

    def peer_of(self, boot: bytes) -> Any:
        """Return the `Peer` that runs as `boot`."""

    def present_boots(self) -> list[bytes]:
        """Return who is there, ourselves first."""

    def boot_of(self, peer: Any) -> bytes | None:
        """Return the boot of a peer that is there, given as such or by name."""

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler, and report to `Calling.finished`."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What all who serve something answered."""

    replies: dict[Any, Any]
    """By peer, what it returned."""
    errors: dict[Any, GossamerError]
    """By peer, why it returned nothing: a `RemoteError`, or it was busy."""
    silent: frozenset[Any]
    """The peers that did not answer in time, or went away."""


class Calling:
    """The calls of one mesh that are under way, and its services."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.handlers: dict[str, Service] = {}
        self._tickets: dict[int, Ticket] = {}
        self.seeking: dict[Ticket, None] = {}
        """Calls of what nobody serves yet, while we may not have heard of somebody who does."""

    # -- serving --------------------------------------------------------------------------------

    def serve(self, name: str, fn: Callable[..., Any], at_once: int, waiting: int) -> None:
        """Run `fn` for whoever calls `name`."""
        if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise ConfigurationError(
                f"a service's name has 1 to {NAME_CHARACTERS_MAX} characters; {name!r} cannot be one"
            )
        if not callable(fn):
            raise TypeError(f"what serves {name!r} must be callable, not {type(fn).__name__}")
        if at_once < 1 or waiting < 0:
            raise ConfigurationError("at_once is at least 1, and waiting at least 0")
        if name in self.handlers:
            raise ValueError(f"{name!r} is served here already; unserve it first")
        self.handlers[name] = handler = Service(name, fn, at_once, waiting)
        self._offer(handler)  # from this thread: whoever reads that we serve it may call before our loop goes round
        self.announce([name])

    def unserve(self, name: str | Callable[..., Any]) -> None:
        """Serve a name, or all names of a function, no more."""
        names = [n for n, handler in self.handlers.items() if name in (n, handler.fn)]
        if not names:
            raise ValueError(f"{name!r} is not served here")
        for each in names:
            del self.handlers[each]
        boot = self._host.replica.identity.boot
        self._host.write_reserved({offer_key(SERVES, each, boot): None for each in names})
        self._host.in_loop(lambda: self._host.replica.serving.withdraw(names))

    def announce(self, names: Iterable[str]) -> None:
        """Let others know what we serve."""
        boot = self._host.replica.identity.boot
        rows: dict[SpaceKey, bytes | None] = {offer_key(SERVES, name, boot): encode_value(True) for name in names}
        if rows:
            self._host.write_reserved(rows)

    def lose(self) -> None:
        """We stop being who we were: whoever waits for an answer will get none."""
        for ticket in [*self._tickets.values(), *self.seeking]:
            ticket.fail(MeshClosed("we went on as a new peer while this call was under way; call again"))
        self._tickets.clear()
        self.seeking.clear()

    def follow(self) -> None:
        """We are somebody new, after a fork or as a clone: serve as before."""
        for handler in self.handlers.values():
            self._offer(handler)
        self.announce(self.handlers)

    def forget(self) -> None:
        """In a forked child: whoever waited is not here."""
        self._tickets.clear()
        self.seeking.clear()

    def close(self) -> None:
        """The mesh has ended: whoever waits is told.  From any thread."""
        for ticket in [*self._tickets.values(), *self.seeking]:
            ticket.fail(MeshClosed("the mesh was closed while this call was under way"))

    def _offer(self, handler: Service) -> None:
        self._host.replica.serving.offer(handler.name, handler.at_once, handler.waiting)

    def requested(self, request: Requested) -> None:
        """Somebody calls.  In the loop."""
        handler = self.handlers.get(request.service)
        if handler is None:  # unserved within this turn of the loop
            error = NoService(f"{request.service!r} is served here no more")
            self._host.replica.serving.finished(request.boot, request.number, *outcome_of(error))
        else:
            self._host.run_request(request, handler)

    def finished(self, request: Requested, outcome: int, payload: bytes) -> None:
        """A handler has ended.  From any thread."""
        boot, number = request.boot, request.number
        self._host.in_loop(lambda: self._host.replica.serving.finished(boot, number, outcome, payload))

    # -- calling --------------------------------------------------------------------------------

    def ticket(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], wake: Callable[[], object], **how: Any
    ) -> Ticket:
        """Return a call that has not begun.  Raise what its arguments or `how` (see `Ticket`) are worth."""
        if not isinstance(name, str):
            raise TypeError(f"a service's name is a str, not {type(name).__name__}")
        arguments = encode_value((args, kwargs))
        limit = min(self._host.options.value_bytes_max, self._host.options.message_bytes_max // 2)
        if len(arguments) > limit:
            raise ValueTooLarge(
                f"the arguments of {name!r} take {len(arguments)} bytes encoded, more than {limit}; nothing was "
                "called.  Put what is large under a key, or raise value_bytes_max and message_bytes_max everywhere"
            )
        timeout, route = how.pop("timeout"), how.pop("route", None)
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout is {timeout!r}: give seconds, or None to wait for ever")
        until = math.inf if timeout is None else self._host.now() + timeout
        seed = arguments if route is None else encode_value(route)
        return Ticket(
            name, arguments, until, timeout, blake2b(seed, digest_size=16).digest(), wake, self._host.now(), **how
        )

    def begin(self, ticket: Ticket) -> None:
        """Make the call, or seek who serves it.  In the loop."""
        self.seeking.pop(ticket, None)
        if ticket.done:
            return
        boots = self._boots_for(ticket)
        if boots:
            number = self._host.replica.calls.ask(
                ticket.name,
                ticket.arguments,
                boots,
                self._host.now(),
                until=ticket.until,
                idempotent=ticket.idempotent,
            )
            ticket.number = number
            self._tickets[number] = ticket
        elif ticket.peer is not None or self._is_hopeless(ticket):
            ticket.fail(self.no_service(ticket))
        else:
            self.seeking[ticket] = None
            self._host.replica.courier.alarm(max(ticket.sought_at, self._host.now()) + SEEK_S)

    def give_up(self, ticket: Ticket) -> None:
        """Nobody waits for this call any more.  From any thread."""
        ticket.fail(MeshTimeout("given up"))
        self._host.in_loop(lambda: self._given_up(ticket))

    def _given_up(self, ticket: Ticket) -> None:
        self.seeking.pop(ticket, None)
        if ticket.number is not None and self._tickets.pop(ticket.number, None) is not None:
            self._host.replica.calls.give_up(ticket.number)

    def late(self, ticket: Ticket) -> GossamerError:
        """Return what to raise for a call that has not been answered in time."""
        if ticket.number is None:
            return self.no_service(ticket)
        return MeshTimeout(
            f"{ticket.name!r} did not answer within {ticket.timeout} s; it was told to stop, but may have done its work"
        )

    def look(self) -> None:
        """Something changed: begin what can be begun now.  In the loop."""
        for ticket in list(self.seeking):
            self.begin(ticket)

    def answered(self, answer: Answered) -> None:
        """A call has ended.  In the loop."""
        ticket = self._tickets.pop(answer.number, None)
        if ticket is not None:
            ticket.answered(answer, self._host.peer_of(answer.boot), lambda: self.no_service(ticket))

    # -- whom to ask ----------------------------------------------------------------------------

    def serving_boots(self, name: str) -> list[bytes]:
        """Return who serves `name` and is there."""
        present = set(self._host.present_boots())
        return [boot for boot in self._host.offers.boots(SERVES, name) if boot in present]

    def _boots_for(self, ticket: Ticket) -> list[bytes]:
        """Return whom to ask, the first choice first: rendezvous hashing, so that equal arguments go to one peer."""
        if ticket.peer is not None:
            boot = self._host.boot_of(ticket.peer)
            return [] if boot is None else [boot]
        boots = self.serving_boots(ticket.name)
        return sorted(boots, key=lambda boot: blake2b(boot + ticket.route, digest_size=8).digest(), reverse=True)

    def _is_hopeless(self, ticket: Ticket) -> bool:
        """Whether we know all that those who are there know, and what was on its way has come."""
        replica = self._host.replica
        if replica.membership.alive() and self._host.now() < ticket.sought_at + SEEK_S:
            return False
        digest = replica.ledger.digests()[0]
        return all(member.vector_digest == digest for member in replica.membership.alive())

    def no_service(self, ticket: Ticket) -> NoService:
        """Return an error that says who and what is there instead."""
        host = self._host
        served = {name: boots for name in host.offers.names(SERVES) if (boots := self.serving_boots(name))}
        there = ", ".join(str(host.peer_of(boot)) for boot in host.present_boots()[1:]) or "nobody"
        what = "; ".join(f"{n} by {', '.join(str(host.peer_of(b)) for b in bs)}" for n, bs in sorted(served.items()))
        whom = "nobody" if ticket.peer is None else f"{ticket.peer}, which is not there or does not,"
        return NoService(
            f"{whom} serves {ticket.name!r}.  Besides us {there} is there; what is served: {what or 'nothing'}"
        )
