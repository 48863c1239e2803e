"""Pings, our own and those that others ask of us: signs of life, and what the other's clock shows."""

from __future__ import annotations

import random
from typing import TypeVar

from ..options import Options
from ..wire.codec import encode_message
from ..wire.messages import Ping, PingRequest, Pong
from .effects import ClockSkew, Effect, Unicast
from .exchange import Link
from .exchanges import Exchanges
from .membership import Member, Membership
from .post import Post

SOON_S = 0.5
"""An answer that took longer says little about the other's clock."""
PENDING_MAX = 1024

T = TypeVar("T")


class Probes:
    """What was asked, by us and through us, and who answered."""

    __slots__ = ("_asked", "_effects", "_exchanges", "_membership", "_options", "_post", "_relayed", "_rng")

    def __init__(
        self,
        membership: Membership,
        exchanges: Exchanges,
        post: Post,
        effects: list[Effect],
        options: Options,
        rng: random.Random,
    ) -> None:
        self._membership, self._exchanges, self._post = membership, exchanges, post
        self._effects, self._options, self._rng = effects, options, rng
        self._asked: dict[int, tuple[bytes, float, int]] = {}
        self._relayed: dict[int, tuple[bytes, int]] = {}

    def ping(self, member: Member, link: Link | None, now: float, wall_ms: int) -> int:
        """Ask for a sign of life, and for the time; return the number under which we asked."""
        nonce = self._rng.getrandbits(63)
        _remember(self._asked, nonce, (member.boot, now, wall_ms))
        self._post.reply(member, link, Ping(nonce, member.boot))
        return nonce

    def is_open(self, nonce: int) -> bool:
        """Whether what we asked under this number was not answered yet."""
        return nonce in self._asked

    def ping_through_others(self, member: Member, now: float, wall_ms: int) -> None:
        """Ask once more, and let some others ask for us: perhaps only our path is dead."""
        if member.address is None:
            return
        nonce = self.ping(member, None, now, wall_ms)
        for helper in self._membership.helpers(member):
            self._post.to(helper, PingRequest(nonce, member.boot, *member.address))

    def relay(self, asker: Member, request: PingRequest) -> None:
        """Ping somebody for another member, which will be told of the answer."""
        target = self._membership.members.get(request.target)
        nonce = self._rng.getrandbits(63)
        _remember(self._relayed, nonce, (asker.boot, request.nonce))
        ping = Ping(nonce, request.target)
        if target is not None:
            self._post.to(target, ping)
        else:
            self._effects.append(Unicast((encode_message(ping),), (request.host, request.port)))

    def answered(self, member: Member, pong: Pong, now: float, wall_ms: int) -> Member | None:
        """A pong has come, for us or for whom we asked.  Return a member that others reach for us, if it is that."""
        relayed = self._relayed.pop(pong.nonce, None)
        if relayed is not None:
            asker = self._membership.members.get(relayed[0])
            if asker is not None:
                self._post.to(asker, Pong(relayed[1], 0))
            return None
        boot, asked_at, asked_wall_ms = self._asked.pop(pong.nonce, (b"", 0.0, 0))
        target = self._membership.members.get(boot)
        if target is not member:
            return target
        if pong.wall_ms and now - asked_at < SOON_S:
            self._measured(member, pong.wall_ms - (asked_wall_ms + wall_ms) // 2)
        return None

    def _measured(self, member: Member, offset_ms: int) -> None:
        """Cristian's estimate: the answer was written about halfway between question and answer."""
        self._membership.measured(member, offset_ms)
        if abs(offset_ms) > self._options.clock_skew_s * 1000:
            self._effects.append(ClockSkew(member.boot, offset_ms))


def _remember(pending: dict[int, T], nonce: int, what: T) -> None:
    """Enter one more question, forgetting the oldest of too many."""
    pending[nonce] = what
    while len(pending) > PENDING_MAX:
        del pending[next(iter(pending))]
