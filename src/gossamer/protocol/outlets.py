"""What we send through channels, until it has been consumed: the sender arbitrates.

Law: a message is queued, granted to one receiver, or done.  It goes back to its place in
the queue when its receiver gives it back or is gone, so it is granted to another only
then; a lower number is always granted before a higher one.

In a channel of the mode TAKE all receivers draw from one queue, each by what it asked
for.  In SUBSCRIBE each subscriber has a queue of its own, and is granted up to `WINDOW`
messages that it has not consumed yet; a message is done when all have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from ..wire.messages import Ask, Grant, Level, Message, Taken
from .courier import Courier
from .effects import Consumed, Effect

TAKE = 0
SUBSCRIBE = 1
WINDOW = 32
"""Messages that a subscriber may hold and not have consumed: more would only wait there instead of here."""
ASKED_MAX = 1 << 20
OUTLETS_MAX = 4096
"""Channels that we know of; of more than these, whoever asks before we have sent is not remembered."""

Channel = tuple[int, str]
"""(mode, name): the two modes of one name are two channels."""


@dataclass(slots=True, eq=False)
class _Lane:
    """A queue, and who draws from it."""

    queue: list[int] = field(default_factory=list)
    granted: dict[int, bytes] = field(default_factory=dict)
    serials: dict[int, int] = field(default_factory=dict)
    """Of the last grant of each message: one that is given back under another was granted again meanwhile."""
    askers: dict[bytes, int] = field(default_factory=dict)
    """How many messages each still waits for, in the order in which they are served."""


@dataclass(slots=True, eq=False)
class _Outlet:
    numbers: int = 0
    serials: int = 0
    payloads: dict[int, bytes] = field(default_factory=dict)
    """What is not done, in order."""
    pending: dict[int, int] = field(default_factory=dict)
    """In how many lanes each is not done."""
    lanes: dict[bytes, _Lane] = field(default_factory=dict)
    """By subscriber; the one of a channel whose messages are taken is `b""`."""
    watchers: set[bytes] = field(default_factory=set)
    level: int = 0
    """What watchers were told last."""


class Outlets:
    """The channels that we send through.  A `courier.Client`."""

    __slots__ = ("_courier", "_effects", "_outlets")

    def __init__(self, courier: Courier, effects: list[Effect]) -> None:
        self._courier = courier
        self._effects = effects
        self._outlets: dict[Channel, _Outlet] = {}
        courier.serve(self, Ask, Taken)

    # -- sending --------------------------------------------------------------------------------

    def open(self, channel: Channel) -> None:
        """Send through `channel` from now on.  Again does nothing."""
        if channel not in self._outlets:
            self._outlets[channel] = outlet = _Outlet()
            if channel[0] == TAKE:
                outlet.lanes[b""] = _Lane()

    def post(self, channel: Channel, payload: bytes, subscribers: Iterable[bytes], now: float) -> int:
        """Send a message, to one receiver or to all of `subscribers`, as the mode says; return its number.

        `Consumed` follows when it is done; at once, if nobody subscribes.
        """
        self._courier.now = now
        self.open(channel)
        outlet = self._outlets[channel]
        outlet.numbers += 1
        number = outlet.numbers
        lanes = [b""] if channel[0] == TAKE else list(subscribers)
        if not lanes:
            self._effects.append(Consumed(*channel, number))
            return number
        outlet.payloads[number] = payload
        outlet.pending[number] = len(lanes)
        for name in lanes:
            lane = outlet.lanes.get(name)
            if lane is None:
                lane = outlet.lanes[name] = _Lane(askers={name: WINDOW})
            heappush(lane.queue, number)
        for name in lanes:
            if name in outlet.lanes:
                self._grant(channel, outlet, outlet.lanes[name])
        return number

    def close(self, channel: Channel) -> int:
        """Give up all messages that were not consumed; return how many.

        Who has asked is remembered, and numbers go on: we may send through it again.
        """
        outlet = self._outlets.get(channel)
        if outlet is None:
            return 0
        lost = len(outlet.payloads)
        outlet.payloads.clear()
        outlet.pending.clear()
        if channel[0] == SUBSCRIBE:
            outlet.lanes.clear()
        for lane in outlet.lanes.values():
            lane.queue.clear()
            lane.granted.clear()
            lane.serials.clear()
        self._tell_level(channel, outlet)
        return lost

    def unfinished(self, channel: Channel) -> int:
        """Return how many messages have not been consumed yet."""
        outlet = self._outlets.get(channel)
        return 0 if outlet is None else len(outlet.payloads)

    # -- what is heard --------------------------------------------------------------------------

    def needs(self, boot: bytes) -> bool:
        """Whether `boot` holds what it has not consumed yet."""
        return any(boot in lane.granted.values() for outlet in self._outlets.values() for lane in outlet.lanes.values())

    def heard(self, boot: bytes, message: Message, now: float) -> None:
        """A receiver asks, or tells what became of a message."""
        assert isinstance(message, Ask | Taken)
        channel = message.mode, message.channel
        if isinstance(message, Ask) and channel[0] == TAKE and len(self._outlets) < OUTLETS_MAX:
            self.open(channel)
        outlet = self._outlets.get(channel)
        if outlet is None:
            return
        if isinstance(message, Taken):
            self._taken(channel, outlet, boot, message)
        elif channel[0] == TAKE:
            self._asked(channel, outlet, boot, message)

    def linked(self, boot: bytes) -> None:
        """Say again what `boot` was granted: whoever has it already can tell."""
        for channel, outlet in self._outlets.items():
            for lane in outlet.lanes.values():
                for number in sorted(n for n, holder in lane.granted.items() if holder == boot):
                    if number in lane.granted and number in outlet.payloads:
                        self._send_grant(channel, outlet, lane, boot, number)

    def unreachable(self, boot: bytes) -> None:
        """Wait: it may be reached later, or will be gone."""

    def gone(self, boot: bytes) -> None:
        """What a receiver had not consumed is for others; what a subscriber had not is for nobody."""
        for channel, outlet in list(self._outlets.items()):
            outlet.watchers.discard(boot)
            for name, lane in list(outlet.lanes.items()):
                lane.askers.pop(boot, None)
                back = [number for number, holder in lane.granted.items() if holder == boot]
                for number in back:
                    del lane.granted[number], lane.serials[number]
                    heappush(lane.queue, number)
                if name == boot:
                    del outlet.lanes[name]
                    for number in sorted(lane.queue):
                        self._done(channel, outlet, number)
                elif back:
                    self._grant(channel, outlet, lane)

    # -- granting -------------------------------------------------------------------------------

    def _asked(self, channel: Channel, outlet: _Outlet, boot: bytes, ask: Ask) -> None:
        lane = outlet.lanes[b""]
        if ask.afresh:
            granted = sum(holder == boot for holder in lane.granted.values())
            wanted = ask.more - granted  # what of these it does not hold is sent again
        else:
            wanted = lane.askers.get(boot, 0) + ask.more
        if wanted > 0:
            lane.askers[boot] = min(wanted, ASKED_MAX)
        else:
            lane.askers.pop(boot, None)
        if ask.watch:
            outlet.watchers.add(boot)
        self._grant(channel, outlet, lane)
        if ask.watch:
            self._courier.send(boot, Level(*channel, len(lane.queue)))

    def _grant(self, channel: Channel, outlet: _Outlet, lane: _Lane) -> None:
        """Grant what is queued to those who asked, in turn."""
        while lane.queue and lane.askers:
            boot, wanted = next(iter(lane.askers.items()))
            del lane.askers[boot]
            if wanted > 1:
                lane.askers[boot] = wanted - 1  # behind the others
            number = heappop(lane.queue)
            lane.granted[number] = boot
            self._send_grant(channel, outlet, lane, boot, number)
        self._tell_level(channel, outlet)

    def _send_grant(self, channel: Channel, outlet: _Outlet, lane: _Lane, boot: bytes, number: int) -> None:
        floor = min(number for number, holder in lane.granted.items() if holder == boot)
        outlet.serials += 1
        lane.serials[number] = outlet.serials
        self._courier.send(boot, Grant(*channel, number, floor, outlet.serials, outlet.payloads[number]))

    def _taken(self, channel: Channel, outlet: _Outlet, boot: bytes, taken: Taken) -> None:
        lane = outlet.lanes.get(b"" if channel[0] == TAKE else boot)
        if lane is None or lane.granted.get(taken.number) != boot:
            if lane is not None and taken.kept and taken.number in lane.queue:  # we thought that it had gone
                lane.queue.remove(taken.number)
                heapify(lane.queue)
                self._done(channel, outlet, taken.number)
            return
        if not taken.kept and lane.serials[taken.number] != taken.serial:
            return
        del lane.granted[taken.number], lane.serials[taken.number]
        if channel[0] == SUBSCRIBE:
            lane.askers[boot] = lane.askers.get(boot, 0) + 1
        if taken.kept:
            self._done(channel, outlet, taken.number)
        else:
            heappush(lane.queue, taken.number)
        self._grant(channel, outlet, lane)

    def _done(self, channel: Channel, outlet: _Outlet, number: int) -> None:
        outlet.pending[number] -= 1
        if not outlet.pending[number]:
            del outlet.pending[number], outlet.payloads[number]
            self._effects.append(Consumed(*channel, number))

    def _tell_level(self, channel: Channel, outlet: _Outlet) -> None:
        """Tell those who watch that there is something now, or nothing any more."""
        if channel[0] != TAKE:
            return
        level = len(outlet.lanes[b""].queue)
        if bool(level) != bool(outlet.level):
            for boot in sorted(outlet.watchers):
                self._courier.send(boot, Level(*channel, level))
        outlet.level = level
