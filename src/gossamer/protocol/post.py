"""How a message reaches whom: everybody, one member, or whoever is at the other end of a link."""

from __future__ import annotations

from ..wire.codec import encode_message
from ..wire.messages import Message
from .effects import Effect, Multicast, Unicast
from .exchange import Link
from .exchanges import Exchanges
from .membership import Member


class Post:
    """Turns messages into effects, by the way that works."""

    __slots__ = ("_effects", "_exchanges", "has_multicast", "multicasts")

    def __init__(self, exchanges: Exchanges, effects: list[Effect], has_multicast: bool) -> None:
        self.has_multicast = has_multicast
        """Whether we can multicast at all; whether others hear it, only they know."""
        self.multicasts = 0
        """Datagrams multicast so far: against it, receivers measure what they hear."""
        self._exchanges = exchanges
        self._effects = effects

    def to_all(self, *messages: Message) -> None:
        """Multicast these messages in one datagram, if we can."""
        if self.has_multicast:
            self.multicasts += 1
            self._effects.append(Multicast(tuple(map(encode_message, messages))))

    def to(self, member: Member, *messages: Message) -> None:
        """Send to one member."""
        self.encoded_to(member, tuple(map(encode_message, messages)))

    def encoded_to(self, member: Member, messages: tuple[bytes, ...]) -> None:
        """Send to one member: by its stream where multicast does not work between us, else by datagram."""
        link = self._exchanges.link_of(member)
        if member.address is not None and member.address[1] and (link is None or link.cursor is None):
            self._effects.append(Unicast(messages, member.address))
        elif link is not None:
            for message in messages:
                self._exchanges.send(link, message)

    def reply(self, member: Member, link: Link | None, message: Message) -> None:
        """Answer the way that was asked."""
        if link is not None:
            self._exchanges.send(link, encode_message(message))
        else:
            self.to(member, message)
