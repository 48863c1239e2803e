"""Addresses at which a peer may be found: given, discovered, told by others, or remembered of one that failed.

A hint is only ever a reason to try.  A static one is tried for ever, at `retry_peers_s`; any
other less and less often, until its time is over.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from ..options import Options
from .effects import Address

HINTS_MAX = 4096
WAIT_MAX_S = 60.0
"""What a hint waits at most between two attempts."""


@dataclass(slots=True)
class _Hint:
    due: float
    wait_s: float
    until: float


class Hints:
    """The addresses that are tried, each when it is due."""

    __slots__ = ("_hints", "_options", "_rng", "own")

    def __init__(self, options: Options, rng: random.Random) -> None:
        self.own: set[Address] = set()
        """Addresses that turned out to be ours."""
        self._hints: dict[Address, _Hint] = {}
        self._options = options
        self._rng = rng

    def __len__(self) -> int:
        return len(self._hints)

    def __contains__(self, address: object) -> bool:
        return address in self._hints

    def add(self, address: Address, now: float, delay_s: float, *, static: bool = False) -> None:
        """Try `address` after `delay_s`, and again.  If it is tried already, that goes on."""
        hint = self._hints.get(address)
        if address in self.own or (hint is None and len(self) >= HINTS_MAX):
            return
        if hint is None:
            until = math.inf if static else now + self._options.forget_peer_after_s
            self._hints[address] = _Hint(now + delay_s, self._options.retry_peers_s, until)
        elif static:
            hint.due, hint.until = min(hint.due, now + delay_s), math.inf

    def ours(self, address: Address) -> None:
        """This address is our own: never try it again."""
        self.own.add(address)
        self._hints.pop(address, None)

    def met(self, address: Address) -> None:
        """A peer was met there: try no more, unless the address is static."""
        hint = self._hints.get(address)
        if hint is not None and hint.until < math.inf:
            del self._hints[address]

    def again(self, now: float) -> None:
        """Somebody came back: the network has changed, so that all are worth an early attempt."""
        for hint in self._hints.values():
            hint.wait_s = self._options.retry_peers_s
            hint.due = min(hint.due, now + self._rng.uniform(0, hint.wait_s))

    def due(self, now: float) -> list[Address]:
        """Return the addresses to try now; each is due again later."""
        for address in [address for address, hint in self._hints.items() if hint.until <= now]:
            del self._hints[address]
        due = [address for address, hint in self._hints.items() if hint.due <= now]
        for address in due:
            hint = self._hints[address]
            hint.due = now + hint.wait_s * self._rng.uniform(0.8, 1.2)
            if hint.until < math.inf:
                hint.wait_s = min(WAIT_MAX_S, 2 * hint.wait_s)
        return due

    def next_due(self) -> float:
        """Return when an address is due."""
        return min((hint.due for hint in self._hints.values()), default=math.inf)
