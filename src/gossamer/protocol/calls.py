"""The calls that we make: one request each, to one peer at a time, answered once or known to be lost.

Law: a request is handed to a second peer only if the first cannot have started it: it was
never sent there, or was refused.  Who says that a call is `idempotent` allows more.
Together with `serving`, where a number is started at most once, an effect happens at
most once, whatever the network does; and when nobody can tell whether it did, the
caller is told so (`Answered` with no outcome).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ..wire.messages import Call, Cancel, Message, Reply
from .courier import Courier
from .effects import Answered, Effect, ReplyOutcome

SENDS_MAX = 32
"""After so many streams broke under one request, what it asks for is taken to be what breaks them."""
_REFUSED = (ReplyOutcome.UNSERVED, ReplyOutcome.BUSY)


@dataclass(slots=True, eq=False)
class _Request:
    service: str
    arguments: bytes
    boots: deque[bytes]
    """Whom to ask, the one being asked first."""
    idempotent: bool
    until: float
    sends: int = 0
    """How often it was sent to the first of `boots`."""

    @property
    def is_bound(self) -> bool:
        """Whether the first may have started it, and nobody else must."""
        return self.sends > 0 and not self.idempotent


class Calls:
    """What we have called and not been answered yet.  A `courier.Client`."""

    __slots__ = ("_courier", "_effects", "_number", "_requests")

    def __init__(self, courier: Courier, effects: list[Effect]) -> None:
        self._courier = courier
        self._effects = effects
        self._number = 0
        self._requests: dict[int, _Request] = {}
        courier.serve(self, Reply)

    def ask(
        self,
        service: str,
        arguments: bytes,
        boots: Iterable[bytes],
        now: float,
        *,
        until: float = float("inf"),
        idempotent: bool = False,
    ) -> int:
        """Call a service of the first of `boots` that can be reached; return the number of the call.

        `Answered` follows, unless it is given up.
        """
        self._courier.now = now
        self._number += 1
        number = self._number
        self._requests[number] = _Request(service, arguments, deque(boots), idempotent, until)
        self._send(number, now)
        return number

    def give_up(self, number: int) -> None:
        """Wait no longer for a call; whoever runs it is told."""
        request = self._requests.pop(number, None)
        if request is not None and request.sends:
            self._courier.send(request.boots[0], Cancel(number))

    def __len__(self) -> int:
        return len(self._requests)

    def _send(self, number: int, now: float) -> None:
        request = self._requests[number]
        within_ms = 0 if request.until == float("inf") else max(1, round((request.until - now) * 1000))
        floor = next(iter(self._requests))
        message = Call(number, floor, request.service, request.arguments, within_ms)
        request.sends += 1  # before it is sent: we may be called by ourselves
        if not self._courier.send(request.boots[0], message):
            request.sends -= 1

    # -- what is heard --------------------------------------------------------------------------

    def needs(self, boot: bytes) -> bool:
        """Whether we wait for `boot` to answer."""
        return any(request.boots[0] == boot for request in self._requests.values())

    def heard(self, boot: bytes, message: Message, now: float) -> None:
        """A reply has come, perhaps to what was answered before or given up."""
        assert isinstance(message, Reply)
        request = self._requests.get(message.number)
        if request is None or request.boots[0] != boot:
            return
        if message.outcome in _REFUSED and len(request.boots) > 1:
            request.boots.popleft()
            request.sends = 0
            self._send(message.number, now)
        else:
            self._end(message.number, message.outcome, message.payload)

    def linked(self, boot: bytes) -> None:
        """Ask again, on a stream that knows nothing yet: whoever has started it will not start it twice."""
        for number, request in list(self._requests.items()):
            if request.boots[0] == boot:
                if request.sends >= SENDS_MAX:
                    self._end(number, None)
                else:
                    self._send(number, self._courier.now)

    def unreachable(self, boot: bytes) -> None:
        """Ask another, if it is certain that this one has started nothing."""
        for number, request in list(self._requests.items()):
            if request.boots[0] == boot and len(request.boots) > 1 and not request.is_bound:
                request.boots.rotate(-1)  # it may be tried again, after the others
                request.sends = 0
                self._send(number, self._courier.now)

    def gone(self, boot: bytes) -> None:
        """Whoever should answer has gone: ask another, or say that we shall never know."""
        for number, request in list(self._requests.items()):
            first = request.boots[0] == boot
            if not first or (len(request.boots) > 1 and not request.is_bound):
                if boot in request.boots:
                    request.boots.remove(boot)
                if first:
                    request.sends = 0
                    self._send(number, self._courier.now)
            else:
                self._end(number, None)

    def _end(self, number: int, outcome: int | None, payload: bytes = b"") -> None:
        request = self._requests.pop(number)
        self._effects.append(Answered(number, request.boots[0], outcome, payload))
