"""What this boot emitted, counted from 1: what has still to be sent, and what can still be repeated.

An event is encoded once; datagrams, streams and repairs send those bytes.  The latest 512
events and those of the last 30 s are kept, whichever are more, within a bound of bytes.
Events have a budget for multicast of their own, a fifth of the mesh's: a flood of them
delays no write.  What exceeds it, or is larger than a datagram, goes by stream.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ..crdt.dots import Origin
from ..options import Options
from ..wire.event_messages import encode_event, encode_events
from ..wire.framing import DATAGRAM_BODY_MAX
from ..wire.messages import Events

KEPT_EVENTS = 512
KEPT_S = 30.0
HEADER_BYTES = 80
"""What a message of events takes beside its items, at the most."""
STREAM_MESSAGE_BYTES = 64 << 10
REPEAT_MESSAGES_MAX = 2
SHARE = 0.2
"""Of the bandwidth for multicast: state has the rest."""
_made = tuple.__new__


class Emitted(NamedTuple):
    """One event as it is kept."""

    name: str
    payload: bytes
    item: bytes
    needs: tuple[Origin, int] | None
    at: float


class EventRing:
    """The events of one boot.  Guarded by the ledger's lock."""

    def __init__(self, boot: bytes, options: Options) -> None:
        self.boot = boot
        self.emitted = 0
        """The number of the latest event."""
        self.multicast_until = 0
        self.pushing = False
        """Whether streams carry what is emitted, because multicast cannot."""
        self.pushed_from = 0
        self.attended = False
        """Whether the loop will look here without being told of the next event."""
        self._kept: dict[int, Emitted] = {}
        self._kept_bytes = 0
        self._recent: deque[bytes] = deque(maxlen=REPEAT_MESSAGES_MAX)
        self._options = options
        self._rate = SHARE * options.bandwidth_bits_per_s
        self._bits = self._bits_max = 8.0 * 1300 * max(2, options.multicast_burst_datagrams)
        self._bits_at: float | None = None

    @property
    def oldest(self) -> int:
        """The first event that can still be repeated; the next one, if there is none."""
        return self.emitted - len(self._kept) + 1

    @property
    def idle(self) -> bool:
        """Whether everything has been handed to multicast, or left to streams."""
        return self.multicast_until == self.emitted

    def add(self, name: str, payload: bytes, needs: tuple[Origin, int] | None, now: float) -> int:
        """Count one more event and keep it; return its number.  O(its bytes), amortised."""
        item, kept = encode_event(name, payload), self._kept
        self.emitted = number = self.emitted + 1
        kept[number] = _made(Emitted, (name, payload, item, needs, now))
        self._kept_bytes += len(item)
        if len(kept) > KEPT_EVENTS or self._kept_bytes > self._options.message_bytes_max:
            self._forget(now)
        return number

    def _forget(self, now: float) -> None:
        kept = self._kept
        while len(kept) > 1:
            too_old = len(kept) > KEPT_EVENTS and now - kept[self.oldest].at > KEPT_S
            if not too_old and self._kept_bytes <= self._options.message_bytes_max:
                return
            self._kept_bytes -= len(kept.pop(self.oldest).item)

    def past(self) -> list[tuple[int, Emitted]]:
        """Return what is kept, the oldest first."""
        return list(self._kept.items())

    def latest_at(self) -> float | None:
        """Return when the latest event was emitted."""
        return self._kept[self.emitted].at if self._kept else None

    def head(self, now: float) -> list[Events]:
        """Return what tells others how many events there are: nothing once it is long known."""
        if not self._kept or now - self._kept[self.emitted].at > 2 * KEPT_S:
            return []
        return [Events(self.boot, self.emitted + 1, None, (), self.oldest)]

    def messages(self, after: int, until: int, size_max: int, total_max: int) -> list[tuple[int, bytes]]:
        """Return events in (after, until] as (last event in it, message), each of `size_max` bytes if it can be.

        Stops at `total_max` bytes, but not before the first.  Events of one message need the same write.
        """
        found: list[tuple[int, bytes]] = []
        total = 0
        at, last = max(after + 1, self.oldest), min(until, self.emitted)
        while at <= last and total < total_max:
            first, needs, room = at, self._kept[at].needs, size_max - HEADER_BYTES
            items: list[bytes] = []
            while at <= last and self._kept[at].needs == needs:
                room -= len(self._kept[at].item)
                if items and room < 0:
                    break
                items.append(self._kept[at].item)
                at += 1
            data = encode_events(self.boot, first, needs, items, self.oldest)
            total += len(data)
            found.append((at - 1, data))
        return found

    # -- multicast ------------------------------------------------------------------------------

    def next_datagram(self, now: float) -> tuple[bytes, ...] | None:
        """Return the next datagram, None if there is nothing to send, no budget, or too much of it.

        Room that is left repeats the messages before: loss p becomes p squared.
        """
        if self.pushing or self.multicast_until == self.emitted:
            return None
        if self.multicast_until + 1 == self.emitted:
            return self._lone(now)
        if self.overloaded() or not self.affordable(now):
            return None
        size_max = DATAGRAM_BODY_MAX - 2
        taken, room = [], DATAGRAM_BODY_MAX
        for until, data in self.messages(self.multicast_until, self.emitted, size_max, size_max):
            if len(data) + 2 > room:
                break
            taken.append(data)
            room -= len(data) + 2
            self.multicast_until = until
        return self._filled(tuple(taken), room)

    def _lone(self, now: float) -> tuple[bytes, ...] | None:
        """Return the datagram of one event, as nearly all are when there is time for each."""
        event = self._kept[self.emitted]
        if len(event.item) + HEADER_BYTES + 2 > DATAGRAM_BODY_MAX or not self.affordable(now):
            return None
        data = encode_events(self.boot, self.emitted, event.needs, (event.item,), self.oldest)
        self.multicast_until = self.emitted
        return self._filled((data,), DATAGRAM_BODY_MAX - len(data) - 2)

    def _filled(self, taken: tuple[bytes, ...], room: int) -> tuple[bytes, ...]:
        messages = taken
        for data in reversed(self._recent):
            if len(data) + 2 > room:
                break
            messages = (data, *messages)
            room -= len(data) + 2
        self._recent.extend(taken)
        self._bits -= 8 * (DATAGRAM_BODY_MAX - room + 100)
        return messages

    def overloaded(self) -> bool:
        """Whether multicast cannot carry the backlog: it is too long, or holds an event too large."""
        at, last, kept = self.multicast_until + 1, self.emitted, self._kept
        if last - at >= len(kept):
            return True
        left_bytes = self._options.multicast_burst_datagrams * DATAGRAM_BODY_MAX
        while at <= last:
            size_bytes = len(kept[at].item)
            left_bytes -= size_bytes
            if left_bytes < 0 or size_bytes + HEADER_BYTES + 2 > DATAGRAM_BODY_MAX:
                return True
            at += 1
        return False

    def skip(self) -> None:
        """Leave all there is to those who ask: nobody is there to send it to."""
        self.multicast_until = self.emitted

    def push(self) -> None:
        """Leave all there is to the streams."""
        self.pushing, self.pushed_from = True, self.multicast_until
        self.skip()

    # -- budget ---------------------------------------------------------------------------------

    def affordable(self, now: float) -> bool:
        """Return whether the budget allows a datagram now."""
        if self._bits_at is not None:
            self._bits = min(self._bits_max, self._bits + self._rate * (now - self._bits_at))
        self._bits_at = now
        return self._bits >= 8 * 1200

    def affordable_at(self, now: float) -> float:
        """Return when the budget allows the next datagram."""
        return now if self.affordable(now) else now + (8 * 1200 - self._bits) / self._rate
