"""What we receive through channels: who waits here, whom we asked, and what we hold and have not consumed.

Law: a message that was consumed here is never delivered again, though it may be granted
again when a stream broke; and one that nobody here waits for is given back at once, so
that it is for others.  What was delivered is ours until `done`; if we die before, its
sender grants it to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import Malformed
from ..wire.messages import Ask, Grant, Level, Message, Taken
from .courier import Courier
from .effects import Delivered, Effect, LevelChanged
from .outlets import TAKE, WINDOW, Channel

HELD_MAX = 4 * WINDOW
"""More of one sender is held by nobody who keeps to the rules, even if we were apart meanwhile."""


@dataclass(slots=True, eq=False)
class _Inlet:
    senders: set[bytes] = field(default_factory=set)
    """Whom we ask, in a channel of the mode TAKE."""
    getters: deque[int] = field(default_factory=deque)
    """Who waits here."""
    buffer: deque[tuple[bytes, int, bytes]] = field(default_factory=deque)
    """(sender, number, payload) of what a subscriber was granted and nobody has got yet."""
    held: dict[bytes, dict[int, int]] = field(default_factory=dict)
    """By sender, what is in the buffer, or was delivered and is not done, and the serial of its last grant."""
    consumed: dict[bytes, set[int]] = field(default_factory=dict)
    """What each sender may grant again because it does not know yet that we consumed it."""
    levels: dict[bytes, int] = field(default_factory=dict)
    is_watched: bool = False


class Inlets:
    """The channels that we receive from.  A `courier.Client`."""

    __slots__ = ("_closed", "_courier", "_effects", "_inlets")

    def __init__(self, courier: Courier, effects: list[Effect]) -> None:
        self._courier = courier
        self._effects = effects
        self._inlets: dict[Channel, _Inlet] = {}
        self._closed: dict[Channel, dict[bytes, set[int]]] = {}
        """What was consumed through channels that are closed here, as far as its senders may not know it."""
        courier.serve(self, Grant, Level)

    # -- receiving ------------------------------------------------------------------------------

    def open(self, channel: Channel) -> None:
        """Receive from `channel` from now on.  Again does nothing.

        From any thread, so that nobody hears of a subscriber before it hears: it takes the place of what the loop may
        be walking through.  Of two threads at once one may be in vain; whoever opens does so again in the loop.
        """
        if channel not in self._inlets:
            self._inlets = {**self._inlets, channel: _Inlet(consumed=self._closed.pop(channel, {}))}

    def close(self, channel: Channel) -> None:
        """Receive no more: what we hold is given back."""
        inlet = self._inlets.get(channel)
        if inlet is None:
            return
        for boot in sorted(inlet.senders if inlet.getters else ()):
            self._ask(channel, boot, -len(inlet.getters))
        for boot, numbers in inlet.held.items():
            for number, serial in sorted(numbers.items()):
                self._courier.send(boot, Taken(*channel, number, serial, channel[0] != TAKE))
        self._closed[channel] = inlet.consumed
        del self._inlets[channel]

    def senders(self, channel: Channel, boots: Iterable[bytes]) -> None:
        """These, and no others, send through a channel of the mode TAKE."""
        inlet = self._inlets.get(channel)
        if inlet is None:
            return
        before, inlet.senders = inlet.senders, set(boots)
        for boot in sorted(inlet.senders - before):
            if inlet.getters or inlet.is_watched:
                self._ask_afresh(channel, inlet, boot)
        for boot in before - inlet.senders:
            inlet.levels.pop(boot, None)
        if before != inlet.senders:
            self._effects.append(LevelChanged(*channel))

    def want(self, channel: Channel, getter: int, now: float) -> None:
        """`getter` waits for a message: `Delivered` follows, unless it wants it no more."""
        self._courier.now = now
        inlet = self._inlets[channel]
        if inlet.buffer:
            self._effects.append(delivered(channel, getter, *inlet.buffer.popleft()))
            return
        inlet.getters.append(getter)
        for boot in sorted(inlet.senders):
            self._ask(channel, boot, 1)

    def want_no_more(self, channel: Channel, getter: int) -> None:
        """`getter` waits no longer."""
        inlet = self._inlets.get(channel)
        if inlet is not None and getter in inlet.getters:
            inlet.getters.remove(getter)
            for boot in sorted(inlet.senders):
                self._ask(channel, boot, -1)

    def done(self, channel: Channel, boot: bytes, number: int, payload: bytes, *, kept: bool) -> None:
        """A message that was delivered has been consumed (`kept`), or nobody had it after all."""
        inlet = self._inlets.get(channel)
        if inlet is None or number not in inlet.held.get(boot, ()):
            return
        if not kept and inlet.getters:
            self._effects.append(delivered(channel, inlet.getters.popleft(), boot, number, payload))
            self._withdraw(channel, inlet)
        elif not kept and channel[0] != TAKE:
            inlet.buffer.appendleft((boot, number, payload))
        else:
            serial = inlet.held[boot].pop(number)
            if kept:
                inlet.consumed.setdefault(boot, set()).add(number)
            self._courier.send(boot, Taken(*channel, number, serial, kept))

    def watch(self, channel: Channel, now: float) -> None:
        """Want to know, from now on, how much waits.  Again does nothing."""
        self._courier.now = now
        inlet = self._inlets[channel]
        if not inlet.is_watched:
            inlet.is_watched = True
            for boot in sorted(inlet.senders):
                self._ask(channel, boot, 0)

    def level(self, channel: Channel) -> tuple[int, bool]:
        """Return how many messages wait, as far as we were told, and whether all senders told us.  From any thread."""
        inlet = self._inlets.get(channel)
        if inlet is None:
            return 0, False
        if channel[0] != TAKE:
            return len(inlet.buffer), True
        return sum(list(inlet.levels.values())), inlet.levels.keys() >= inlet.senders

    # -- what is heard --------------------------------------------------------------------------

    def needs(self, boot: bytes) -> bool:
        """Whether we wait for something of `boot`, or hold what it must be told of."""
        return any(
            (boot in inlet.senders and (inlet.getters or inlet.is_watched)) or inlet.held.get(boot)
            for inlet in self._inlets.values()
        )

    def heard(self, boot: bytes, message: Message, now: float) -> None:
        """A sender grants a message, or tells how many wait."""
        assert isinstance(message, Grant | Level)
        channel = message.mode, message.channel
        inlet = self._inlets.get(channel)
        if isinstance(message, Level):
            if inlet is not None and boot in inlet.senders:
                inlet.levels[boot] = message.waiting
                self._effects.append(LevelChanged(*channel))
            return
        if inlet is None:  # closed here meanwhile: a subscriber that has left needs it no more
            consumed = message.number in self._closed.get(channel, {}).get(boot, ())
            kept = consumed or channel[0] != TAKE
            self._courier.send(boot, Taken(*channel, message.number, message.serial, kept))
            return
        self._granted(channel, inlet, boot, message)

    def _granted(self, channel: Channel, inlet: _Inlet, boot: bytes, grant: Grant) -> None:
        number, held = grant.number, inlet.held.setdefault(boot, {})
        consumed = inlet.consumed.get(boot)
        if consumed:
            inlet.consumed[boot] = consumed = {n for n in consumed if n >= grant.floor}
        if consumed and number in consumed:
            self._courier.send(boot, Taken(*channel, number, grant.serial, True))
        elif number in held:
            held[number] = grant.serial  # it is here, and its sender will hear what becomes of it
        elif inlet.getters:
            held[number] = grant.serial
            self._effects.append(delivered(channel, inlet.getters.popleft(), boot, number, grant.payload))
            self._withdraw(channel, inlet, boot)
        elif channel[0] == TAKE:
            self._courier.send(boot, Taken(*channel, number, grant.serial, False))
        elif len(held) >= HELD_MAX:
            raise Malformed(f"more than {HELD_MAX} messages of a channel that were not consumed yet")
        else:
            held[number] = grant.serial
            inlet.buffer.append((boot, number, grant.payload))
            self._effects.append(LevelChanged(*channel))

    def linked(self, boot: bytes) -> None:
        """Say again what we wait for."""
        for channel, inlet in self._inlets.items():
            if boot in inlet.senders and (inlet.getters or inlet.is_watched):
                self._ask_afresh(channel, inlet, boot)

    def unreachable(self, boot: bytes) -> None:
        """Wait: it may be reached later, or will be gone."""

    def gone(self, boot: bytes) -> None:
        """A sender has gone.  What it granted us is ours; what it says to us if it comes back is news."""
        for channel, inlet in self._inlets.items():
            inlet.senders.discard(boot)
            if inlet.levels.pop(boot, None):
                self._effects.append(LevelChanged(*channel))

    # -- asking ---------------------------------------------------------------------------------

    def _ask(self, channel: Channel, boot: bytes, more: int) -> None:
        self._courier.send(boot, Ask(*channel, more, False, self._inlets[channel].is_watched))

    def _ask_afresh(self, channel: Channel, inlet: _Inlet, boot: bytes) -> None:
        """Tell all that this sender may not know: what we consumed, and then what we wait for and hold."""
        for number in sorted(inlet.consumed.get(boot, ())):
            self._courier.send(boot, Taken(*channel, number, 0, True))
        more = len(inlet.getters) + len(inlet.held.get(boot, ()))
        self._courier.send(boot, Ask(*channel, more, True, inlet.is_watched))

    def _withdraw(self, channel: Channel, inlet: _Inlet, granter: bytes | None = None) -> None:
        """One who waited has a message: what was asked of all others for it is not needed any more."""
        for boot in sorted(inlet.senders):
            if boot != granter:
                self._ask(channel, boot, -1)


def delivered(channel: Channel, getter: int, boot: bytes, number: int, payload: bytes) -> Delivered:
    """Return the effect that gives a message to a getter."""
    return Delivered(getter, *channel, boot, number, payload)
