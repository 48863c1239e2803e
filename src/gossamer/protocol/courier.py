"""Carries what calls and channels say to one peer: by its stream, one that is opened if there is none.

Law: while a stream lives, all that was sent on it arrives, once and in order.  When it has
broken, nothing is known of what was on it, so whoever sent is told when there is
another (`linked`), and says again all that matters; whoever hears it twice can tell.
What still arrives from a stream that its sender has left is ignored: it may be older than
what was heard since.  `Talk`, first on each stream that is taken up, tells them apart.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..wire.codec import encode_message
from ..wire.messages import Message, Talk
from .beacons import Identity
from .effects import Address, LinkId
from .exchange import Link
from .exchanges import Exchanges
from .membership import Member, Membership

TRY_AGAIN_S = 0.25
"""How often we see to a stream that is needed; attempts at one address are further apart (see `Exchanges.connect`)."""


class Client(Protocol):
    """Who has messages carried."""

    def needs(self, boot: bytes) -> bool:
        """Whether something is under way between us and `boot`."""

    def heard(self, boot: bytes, message: Message, now: float) -> None:
        """`boot`, perhaps ourselves, says this."""

    def linked(self, boot: bytes) -> None:
        """There is a stream on which nothing has been said yet."""

    def unreachable(self, boot: bytes) -> None:
        """No stream could be opened just now."""

    def gone(self, boot: bytes) -> None:
        """It said goodbye, or nobody reaches it."""


class Courier:
    """Says things to boots."""

    __slots__ = (
        "_clients",
        "_exchanges",
        "_local",
        "_membership",
        "_on",
        "_own",
        "_soon",
        "_turn",
        "_turns",
        "_wanted",
        "alarm_at",
        "now",
    )

    def __init__(
        self, identity: Identity, membership: Membership, exchanges: Exchanges, soon: Callable[[float], None]
    ) -> None:
        """`soon` is called when there is something to do at the next tick."""
        self._own = identity.boot
        self._membership, self._exchanges = membership, exchanges
        self._clients: dict[type, Client] = {}
        self._wanted: dict[bytes, float] = {}
        """Boots to which a stream is needed, and when to see to it."""
        self._local: deque[tuple[Client, Message]] = deque()
        self._soon = soon
        self._turn = 0
        self._on: dict[bytes, LinkId] = {}
        """The stream on which we talk to each."""
        self._turns: dict[bytes, tuple[int, LinkId]] = {}
        """The latest turn of each that talks to us, and its stream."""
        self.alarm_at = math.inf
        """When whoever talks through us wants the loop to go round, for reasons of its own."""
        self.now = 0.0
        """The latest time we were told."""

    def serve(self, client: Client, *kinds: type) -> None:
        """Bring messages of these kinds to `client`."""
        self._clients |= dict.fromkeys(kinds, client)

    @property
    def _each(self) -> list[Client]:
        return list(dict.fromkeys(self._clients.values()))

    # -- saying ---------------------------------------------------------------------------------

    def send(self, boot: bytes, message: Message) -> bool:
        """Say it if there is a stream; else see to one, and return False: `linked` will follow.  To ourselves, soon."""
        if boot == self._own:
            self._local.append((self._clients[type(message)], message))
            self._soon(self.now)
            return True
        member = self._membership.members.get(boot)
        link = None if member is None else self._exchanges.link_of(member)
        if link is None:
            self._want(boot)
            return False
        if self._on.get(boot) != link.number:
            self._on[boot] = link.number
            self._turn += 1
            self._exchanges.send(link, encode_message(Talk(self._turn)))
        self._exchanges.send(link, encode_message(message))
        return True

    def talked_to(self) -> list[Member]:
        """Return the members to whom we have said something on the stream that is there now."""
        members = [self._membership.members.get(boot) for boot in self._on]
        return [m for m in members if m is not None and m.alive and m.link == self._on[m.boot]]

    def _want(self, boot: bytes) -> None:
        if boot not in self._wanted:
            self._wanted[boot] = -math.inf
            self._soon(self.now)

    def heard(self, link: Link, boot: bytes, message: Message, now: float) -> None:
        """A member says something on a stream."""
        self.now = now
        turn, current = self._turns.get(boot, (0, None))
        if isinstance(message, Talk):
            if message.turn > turn:
                self._turns[boot] = message.turn, link.number
                for client in self._each:
                    client.linked(boot)  # what it said last may be lost: asked again, it says it again
            return
        if current != link.number:
            return
        self._clients[type(message)].heard(boot, message, now)

    # -- streams --------------------------------------------------------------------------------

    def linked(self, boot: bytes, now: float) -> None:
        """A stream is there, where there was none or another."""
        self.now = now
        self._wanted.pop(boot, None)
        for client in self._each:
            client.linked(boot)

    def unlinked(self, link: Link, now: float) -> None:
        """The stream that was in use has ended."""
        self.now = now
        boot = link.boot
        if boot is None:
            return
        member = self._membership.members.get(boot)
        if member is not None and member.link is not None:
            self.linked(boot, now)
        elif any(client.needs(boot) for client in self._each):
            self._want(boot)

    def unreachable(self, to: Address, now: float) -> None:
        """No stream could be opened to this address."""
        self.now = now
        for boot in list(self._wanted):
            member = self._membership.members.get(boot)
            if member is not None and member.stream_address == to:
                for client in self._each:
                    client.unreachable(boot)

    def gone(self, boot: bytes, now: float) -> None:
        """A member has left or failed."""
        self.now = now
        self._wanted.pop(boot, None)
        for client in self._each:
            client.gone(boot)

    def alarm(self, at: float) -> None:
        """Let the loop go round at that time."""
        self.alarm_at = min(self.alarm_at, at)
        self._soon(self.now)

    # -- time -----------------------------------------------------------------------------------

    def next_due(self) -> float:
        """Return when to see to a stream next; infinity if none is needed."""
        if self._local:
            return -math.inf
        return min(self.alarm_at, *self._wanted.values()) if self._wanted else self.alarm_at

    def tick(self, now: float) -> None:
        """See to the streams that are needed, and hear what we said to ourselves.

        Not when it is said: then whoever says it would be entered a second time.
        """
        self.now = now
        if now >= self.alarm_at:
            self.alarm_at = math.inf
        while self._local:
            client, message = self._local.popleft()
            client.heard(self._own, message, now)
        for boot, due in list(self._wanted.items()):
            if due > now:
                continue
            member = self._membership.members.get(boot)
            if member is None or not member.alive:
                del self._wanted[boot]
                for client in self._each:
                    client.gone(boot)
            elif member.link is not None:
                self.linked(boot, now)
            elif any(client.needs(boot) for client in self._each):
                self._exchanges.connect(member.stream_address, now)
                self._wanted[boot] = now + TRY_AGAIN_S
            else:
                del self._wanted[boot]
