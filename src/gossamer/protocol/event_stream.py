"""The events of one other boot: handed over in its order, each at most once, none before the state it needs.

What is missing is asked for again; what its sender can no longer repeat is counted, and
the event after it says so.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from ..crdt.dots import Origin
from ..crdt.vector_clock import VectorClock
from ..wire.messages import Events

HELD_EVENTS_MAX = 4096
HELD_BYTES_MAX = 16 << 20
ASK_FLOOR_S = 0.02
ASK_CEILING_S = 0.5
GAPS_ASKED_MAX = 8
LOST_REMEMBERED = 64
OWED_MAX = 64
_made = tuple.__new__


class RawEvent(NamedTuple):
    """An event as it is handed over: counted by its boot, its payload not yet decoded.

    A tuple, which is made in a third of the time of a dataclass: there are many.
    """

    boot: bytes
    number: int
    name: str
    payload: bytes
    missed: int = 0
    """How many events of this boot were lost just before it."""
    replayed: bool = False
    """Whether it was emitted before we met its boot, and asked for since."""


@dataclass(slots=True)
class Replay:
    """What was asked for of the time before: events `next` to `until`."""

    next: int
    until: int
    tries: int = 0


class EventStream:
    """What we have heard of one boot's events, and what we lack."""

    def __init__(self, boot: bytes, before: int) -> None:
        """`before` events were emitted before we met: they are none of ours."""
        self.boot = boot
        self.next = before + 1
        """The number of the event to hand over next."""
        self.head = before
        """The latest event that is known to exist."""
        self.oldest = 1
        self.missed = 0
        """Events lost since the last one that was handed over."""
        self.lost = 0
        """Events lost, all in all."""
        self.ask_at = math.inf
        self.asked_since: float | None = None
        self.replay: Replay | None = None
        self._held: dict[int, tuple[tuple[Origin, int] | None, str, bytes]] = {}
        self._held_bytes = 0
        self._wait_s = ASK_FLOOR_S
        self._lost: deque[tuple[int, int]] = deque(maxlen=LOST_REMEMBERED)
        self._owed: set[int] = set()

    # -- what is heard --------------------------------------------------------------------------

    def hear(self, message: Events) -> None:
        """Take what a message brings; `advance` hands it over."""
        self.oldest = max(self.oldest, message.oldest)
        self.head = max(self.head, message.first + len(message.items) - 1)
        for n, (name, payload) in enumerate(message.items, message.first):
            if n < self.next or n in self._held:
                continue
            if n != self.next and (len(self._held) >= HELD_EVENTS_MAX or self._held_bytes > HELD_BYTES_MAX):
                continue  # it will be asked for again, once those before it have gone
            self._held[n] = message.needs, name, payload
            self._held_bytes += len(payload)

    def take(self, message: Events, known: VectorClock) -> list[RawEvent]:
        """Take what a message brings, and return what may be handed over now, as `hear` and `advance` do.

        What comes next, and lacks nothing, as nearly all does, is not put aside first.
        """
        needs, rows = message.needs, message.items
        if (
            self._held
            or message.first != self.next
            or not rows
            or message.oldest > self.next
            or (needs is not None and known.sequence(needs[0]) < needs[1])
        ):
            self.hear(message)
            return self.advance(known)
        boot, first, missed = self.boot, self.next, self.missed
        ready = [_made(RawEvent, (boot, n, *row, 0, False)) for n, row in enumerate(rows, first)]
        if missed:
            ready[0], self.missed = ready[0]._replace(missed=missed), 0
        self.next = first + len(rows)
        self.head = max(self.head, self.next - 1)
        self.oldest = max(self.oldest, message.oldest)
        self._wait_s, self.asked_since = ASK_FLOOR_S, None
        return ready

    def advance(self, known: VectorClock) -> list[RawEvent]:
        """Return what may be handed over now, to one whose state is `known`.  O(events returned)."""
        ready: list[RawEvent] = []
        while True:
            waiting = self._held.get(self.next)
            if waiting is not None:
                needs, name, payload = waiting
                if needs is not None and known.sequence(needs[0]) < needs[1]:
                    break
                self._drop(self.next)
                ready.append(RawEvent(self.boot, self.next, name, payload, self.missed))
                self.missed = 0
                self.next += 1
            elif self.next < self.oldest:
                self._skip(min(self.oldest, min(self._held, default=self.oldest)))
            else:
                break
        if ready:
            self._wait_s, self.asked_since = ASK_FLOOR_S, None
        return ready

    def has_all(self, message: Events) -> bool:
        """Whether all that a message brings has been handed over, and none of it is to be replayed."""
        return self.replay is None and message.first + len(message.items) <= self.next

    def replayed(self, message: Events) -> list[RawEvent]:
        """Return what a message brings of the time before, if that was asked for."""
        replay = self.replay
        if replay is None:
            return []
        replay.next = max(replay.next, message.oldest)
        found = []
        for n, (name, payload) in enumerate(message.items, message.first):
            if n == replay.next <= replay.until:
                found.append(RawEvent(self.boot, n, name, payload, 0, True))
                replay.next += 1
        if replay.next > replay.until:
            self.replay = None
        return found

    # -- what is missing ------------------------------------------------------------------------

    @property
    def calm(self) -> bool:
        """Whether nothing is missing, blocked, or still asked for."""
        return self.head < self.next and self.ask_at == math.inf and self.replay is None

    @property
    def blocked(self) -> bool:
        """Whether the next event is here, and the state that it needs is not."""
        return self.next in self._held

    @property
    def gapped(self) -> bool:
        """Whether an event is known to exist that is not here."""
        return len(self._held) <= self.head - self.next

    def gaps(self) -> list[tuple[int, int]]:
        """Return the first gaps as (after, until].  O(held log held)."""
        found, after = [], self.next - 1
        for n in [*sorted(self._held), self.head + 1]:
            if n > after + 1:
                found.append((after, n - 1))
                if len(found) == GAPS_ASKED_MAX:
                    break
            after = n
        return found

    def plan(self, now: float, rng: random.Random) -> None:
        """See that what is missing is asked for: soon if that is new, ever later while nothing comes."""
        if not (self.gapped or self.replay):
            self.ask_at, self.asked_since = math.inf, None
        elif self.ask_at == math.inf:
            self.ask_at = now + self._wait_s * rng.uniform(1.0, 2.0)

    def asked(self, now: float) -> None:
        """It has been asked for."""
        self.asked_since = now if self.asked_since is None else self.asked_since
        self.ask_at = math.inf
        self._wait_s = min(ASK_CEILING_S, 2 * self._wait_s)

    def give_up(self) -> None:
        """Nobody can bring what we lack, or the state that the next event needs: go on after it."""
        if self.next in self._held:
            self._drop(self.next)
            self._skip(self.next + 1)
        elif self.next <= self.head:
            self._skip(min(self._held, default=self.head + 1))
        self.replay = None

    def _skip(self, to: int) -> None:
        self._lost.append((self.next, to))
        self.missed += to - self.next
        self.lost += to - self.next
        self._owed = {n for n in self._owed if not self.next <= n < to}
        self.next, self.head = to, max(self.head, to - 1)
        self.asked_since = None

    def _drop(self, n: int) -> None:
        self._held_bytes -= len(self._held.pop(n)[2])

    # -- who wants to know ----------------------------------------------------------------------

    def owe(self, n: int) -> None:
        """Its sender wants to know when we have had event `n`."""
        if len(self._owed) < OWED_MAX and not any(start <= n < end for start, end in self._lost):
            self._owed.add(n)

    @property
    def owes(self) -> bool:
        """Whether its sender wants to know of an event."""
        return bool(self._owed)

    def answers(self) -> list[int]:
        """Return which events, of those that we owe an answer for, have been handed over; once."""
        had = [n for n in self._owed if n < self.next]
        self._owed.difference_update(had)
        return had
