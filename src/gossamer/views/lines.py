"""The channels of one mesh, without what waits: who sends, who receives, and how much room there is.

A line is one channel as this program uses it.  All that the protocol knows of it is
touched in the loop; threads hand over what they want and are woken (`Errand`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from ..errors import ConfigurationError, MeshClosed, ValueTooLarge
from ..protocol.effects import Consumed, Delivered, LevelChanged
from ..protocol.outlets import SUBSCRIBE, TAKE, Channel
from ..wire.values import decode_value, encode_value
from .calling import NAME_CHARACTERS_MAX, Host
from .offers import HEARS, SENDS, offer_key

logger = logging.getLogger("gossamer.channels")

MODES = {"take": TAKE, "subscribe": SUBSCRIBE}
CAPACITY = 1024
"""Messages of one sender that a channel holds, unless it is said otherwise."""


class Errand:
    """Something that one waits for: a message, or that one was consumed."""

    __slots__ = ("abandoned", "delivered", "done", "error", "wake")

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake
        self.done = False
        self.abandoned = False
        self.delivered: Delivered | None = None
        self.error: Exception | None = None

    def end(self, error: Exception | None = None) -> None:
        """It has happened, or it never will."""
        self.error = self.error or error
        self.done = True
        self.wake()


class Line:
    """One channel, as this program uses it."""

    def __init__(self, host: Host, mode: str, name: str, capacity: int) -> None:
        self.host = host
        self.channel: Channel = MODES[mode], name
        self.mode, self.name, self.capacity = mode, name, capacity
        self.is_open = True
        self.unfinished = 0
        """Messages of ours that were not consumed yet."""
        self.bells: tuple[Callable[[], object], ...] = ()
        """Rung when there is room, or when what waits for us has changed."""
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._getters: dict[int, Errand] = {}
        self._sent: dict[int, Errand] = {}
        self._is_sending = self._is_receiving = False

    # -- from any thread ------------------------------------------------------------------------

    def encoded(self, args: tuple[Any, ...]) -> bytes:
        """Return a message: one argument is itself, several are a tuple, none is None."""
        data = encode_value(args[0] if len(args) == 1 else args or None)
        options = self.host.options
        limit = min(options.value_bytes_max, options.message_bytes_max // 2)
        if len(data) > limit:
            raise ValueTooLarge(
                f"a message of {len(data)} bytes encoded, more than {limit}, was not sent through {self.name!r}; "
                "split it, or raise value_bytes_max and message_bytes_max everywhere"
            )
        return data

    def reserve(self) -> bool:
        """Take room for one message; return whether there was any."""
        self.check_open()
        with self._lock:
            if self.unfinished >= self.capacity:
                return False
            self.unfinished += 1
            return True

    def send(self, data: bytes, errand: Errand) -> None:
        """Send a message for which there is room; `errand` ends when it was consumed."""
        if not self._is_sending:
            self._is_sending = True
            if self.mode == "take":
                self.announce()
        self.host.in_loop(lambda: self._post(data, errand))

    def receive(self) -> None:
        """Take part as a receiver from now on.  Again does nothing."""
        self.check_open()
        if not self._is_receiving:
            self._is_receiving = True
            if self.mode == "subscribe":  # hearing first: what came before that would count as consumed
                self.host.replica.inlets.open(self.channel)
                self.announce()
            self.host.in_loop(self._open_inlet)

    def want(self, errand: Errand) -> int:
        """Wait for a message; return a number for `want_no_more`."""
        self.receive()
        number = next(self._numbers)
        self._getters[number] = errand
        self.host.in_loop(lambda: self._want(number))
        return number

    def want_no_more(self, number: int, errand: Errand) -> None:
        """Wait no longer; if a message has come at the last moment, it goes back."""
        errand.abandoned = True
        self.host.in_loop(lambda: self._want_no_more(number, errand))

    def finish(self, delivered: Delivered, *, kept: bool) -> None:
        """A message was consumed, or goes back."""
        inlets = self.host.replica.inlets
        self.host.in_loop(
            lambda: inlets.done(self.channel, delivered.boot, delivered.number, delivered.payload, kept=kept)
        )

    def watch(self) -> None:
        """Want to know how much waits."""
        self.receive()
        self.host.in_loop(self._watch)

    def level(self) -> tuple[int, bool]:
        """Return how many messages wait, as far as we were told, and whether all senders have told."""
        return self.host.replica.inlets.level(self.channel)

    def announce(self) -> None:
        """Let others know that we send, or subscribe."""
        boot = self.host.replica.identity.boot
        role = SENDS if self.mode == "take" else HEARS
        if (self._is_sending and role == SENDS) or (self._is_receiving and role == HEARS):
            self.host.write_reserved({offer_key(role, self.name, boot): encode_value(True)})

    def listen(self, bell: Callable[[], object]) -> None:
        """Ring `bell` when there is room, or what waits for us has changed."""
        with self._lock:
            self.bells = (*self.bells, bell)

    def listen_no_more(self, bell: Callable[[], object]) -> None:
        """Ring it no more."""
        with self._lock:
            self.bells = tuple(other for other in self.bells if other != bell)

    def check_open(self) -> None:
        """Raise MeshClosed if this was closed."""
        self.host.before_use()
        if not self.is_open:
            raise MeshClosed(f"the channel {self.name!r} was closed here, or its mesh was")

    def close(self) -> None:
        """Take part no more.  What we sent and nobody has consumed is lost; what we hold goes back."""
        if not self.is_open:
            return
        self.is_open = False
        boot = self.host.replica.identity.boot
        mine = [key for key in self.host.offers.of(boot) if key.key in self._rows(boot)]
        if mine:
            self.host.write_reserved(dict.fromkeys(mine))
        self.host.in_loop(self._close)
        self.wake_all()

    def wake_all(self) -> None:
        """It is over: whoever waits is told."""
        self.is_open = False
        error = MeshClosed(f"the channel {self.name!r} was closed here, or its mesh was")
        for errand in [*self._getters.values(), *self._sent.values()]:
            errand.end(error)
        self._ring()

    def _rows(self, boot: bytes) -> set[Any]:
        return {offer_key(role, self.name, boot).key for role in ((SENDS,) if self.mode == "take" else (HEARS,))}

    def _ring(self) -> None:
        for bell in self.bells:
            bell()

    # -- in the loop ----------------------------------------------------------------------------

    def _post(self, data: bytes, errand: Errand) -> None:
        if self.is_open:
            hearing = self.present(HEARS) if self.mode == "subscribe" else ()
            number = self.host.replica.outlets.post(self.channel, data, hearing, self.host.now())
            self._sent[number] = errand
        else:
            errand.end(MeshClosed(f"the channel {self.name!r} was closed before this left"))

    def present(self, role: str) -> list[bytes]:
        """Return who has a role in this channel and is there."""
        there = set(self.host.present_boots())
        return [boot for boot in self.host.offers.boots(role, self.name) if boot in there]

    def _open_inlet(self) -> None:
        if self.is_open:
            self.host.replica.inlets.open(self.channel)
            self.look()

    def look(self) -> None:
        """Who takes part may have changed."""
        if self._is_receiving and self.mode == "take":
            self.host.replica.inlets.senders(self.channel, self.present(SENDS))

    def _watch(self) -> None:
        if self.is_open:
            self.host.replica.inlets.watch(self.channel, self.host.now())

    def _want(self, number: int) -> None:
        if self.is_open and number in self._getters:
            self.host.replica.inlets.want(self.channel, number, self.host.now())

    def _want_no_more(self, number: int, errand: Errand) -> None:
        self._getters.pop(number, None)
        if errand.delivered is not None:
            self.finish(errand.delivered, kept=False)
        else:
            self.host.replica.inlets.want_no_more(self.channel, number)

    def delivered(self, delivered: Delivered) -> None:
        """A getter is given a message."""
        errand = self._getters.pop(delivered.getter, None)
        if errand is None or errand.abandoned:
            self.finish(delivered, kept=False)
        else:
            errand.delivered = delivered
            errand.end()

    def consumed(self, number: int) -> None:
        """A message of ours was consumed."""
        with self._lock:
            self.unfinished -= 1
        errand = self._sent.pop(number, None)
        if errand is not None:
            errand.end()
        self._ring()

    def level_changed(self) -> None:
        """What waits for us has changed."""
        self._ring()

    def _close(self) -> None:
        self.host.replica.inlets.close(self.channel)
        self.host.replica.outlets.close(self.channel)

    def lose(self) -> None:
        """We stop being who we were: what was under way is lost, and whoever waits for it is told."""
        error = MeshClosed("we went on as a new peer while this was under way; what was not consumed is lost")
        for errand in [*self._getters.values(), *self._sent.values()]:
            errand.end(error)
        self._getters.clear()
        self._sent.clear()
        with self._lock:
            self.unfinished = 0
        self._ring()

    def follow(self) -> None:
        """We are somebody new, after a fork or as a clone: take part as before."""
        self.announce()
        if self._is_receiving:
            self._open_inlet()

    def forget(self) -> None:
        """In a forked child: what was under way is the parent's."""
        self._lock = threading.Lock()
        self._getters.clear()
        self._sent.clear()
        self.unfinished = 0
        self.bells = ()


class Lines:
    """The lines of one mesh."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: dict[tuple[str, str], Line] = {}

    def line(self, name: str, mode: str, capacity: int) -> Line:
        """Return the line of a channel; there is one of each name and mode."""
        if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise ConfigurationError(
                f"a channel's name has 1 to {NAME_CHARACTERS_MAX} characters; {name!r} cannot be one"
            )
        if mode not in MODES:
            raise ConfigurationError(f"a channel's mode is 'take' or 'subscribe', not {mode!r}")
        if not isinstance(capacity, int) or capacity < 1:
            raise ConfigurationError(f"a channel's capacity is a number of messages, at least 1, not {capacity!r}")
        line = self._lines.get((mode, name))
        if line is None or not line.is_open:
            line = self._lines.setdefault((mode, name), Line(self._host, mode, name, capacity))
            if not line.is_open:
                line = self._lines[mode, name] = Line(self._host, mode, name, capacity)
        return line

    def each(self) -> Iterable[Line]:
        """Return all lines that are open."""
        return [line for line in list(self._lines.values()) if line.is_open]

    def noticed(self, notice: Delivered | Consumed | LevelChanged) -> None:
        """The protocol has something to tell.  In the loop."""
        line = next((line for line in self.each() if line.channel == (notice.mode, notice.channel)), None)
        if line is None:
            return
        match notice:
            case Delivered():
                line.delivered(notice)
            case Consumed():
                line.consumed(notice.number)
            case LevelChanged():
                line.level_changed()

    def look(self) -> None:
        """Who takes part may have changed.  In the loop."""
        for line in self.each():
            line.look()

    def lost(self) -> dict[str, int]:
        """Return, by channel, how many messages nobody has consumed."""
        return {line.name: line.unfinished for line in self.each() if line.unfinished}


def opened(delivered: Delivered) -> Any:
    """Return the message that was delivered."""
    return decode_value(delivered.payload)
