"""The services that we run for others: each request is started at most once, and answered as often as asked.

Law: of one boot, a number is started at most once.  A number is remembered until its boot
says (`floor`) that it will not be asked again, and none below the floor is ever
started.  So a request may come twice, late, or by two streams at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from ..wire.messages import Call, Cancel, Message, Reply
from .courier import Courier
from .effects import Effect, ReplyOutcome, Requested, Withdrawn

REPLIES_BYTES_MAX = 16 << 20
"""Bytes of replies that are kept for those who may ask again; the oldest are dropped first."""
REMEMBERED_MAX = 65536
"""Requests of one caller that are remembered; the oldest are then taken for answered."""
CALLERS_MAX = 4096
"""Callers that are remembered; of those that have gone, the first are then forgotten."""


class _Phase(Enum):
    WAITING = "waits for its turn"
    RUNNING = "runs"
    ENDED = "has been answered, or given up before it was started"


@dataclass(slots=True, eq=False)
class _Service:
    at_once: int
    waiting_max: int
    running: int = 0
    waiting: deque[tuple[bytes, int]] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Request:
    service: _Service
    call: Call
    until: float
    phase: _Phase = _Phase.WAITING
    reply: Reply | None = None


@dataclass(slots=True)
class _Caller:
    floor: int = 0
    requests: dict[int, _Request] = field(default_factory=dict)
    is_gone: bool = False


class Serving:
    """Our services, and what was asked of them.  A `courier.Client`."""

    __slots__ = (
        "_callers",
        "_courier",
        "_effects",
        "_kept",
        "_kept_bytes",
        "_running",
        "_services",
        "refused",
        "started",
    )

    def __init__(self, courier: Courier, effects: list[Effect]) -> None:
        self.started = 0
        """How many requests were started."""
        self.refused = 0
        """How many were not, since nobody serves that name here or too many waited."""
        self._courier = courier
        self._effects = effects
        self._services: dict[str, _Service] = {}
        self._callers: dict[bytes, _Caller] = {}
        self._running: dict[tuple[bytes, int], _Request] = {}
        self._kept: dict[tuple[bytes, int], int] = {}
        """The bytes of each reply that is kept, the oldest first."""
        self._kept_bytes = 0
        courier.serve(self, Call, Cancel)

    # -- services -------------------------------------------------------------------------------

    def offer(self, name: str, at_once: int, waiting_max: int) -> None:
        """Run `name` for whoever calls: `at_once` requests together; `waiting_max` others wait, the rest is refused."""
        self._services[name] = _Service(at_once, waiting_max)

    def withdraw(self, names: Iterable[str]) -> None:
        """Run `names` no more: what runs may end, what waits is refused."""
        for name in names:
            self._withdraw(self._services.pop(name, None))

    def _withdraw(self, service: _Service | None) -> None:
        while service is not None and service.waiting:
            boot, number = service.waiting.popleft()
            request = self._request(boot, number)
            if request is not None and request.phase is _Phase.WAITING:
                del self._callers[boot].requests[number]  # it was not started: it may be asked for again
                self._refuse(boot, number, ReplyOutcome.UNSERVED)

    def finished(self, boot: bytes, number: int, outcome: int, payload: bytes) -> None:
        """A request that was to be run has ended."""
        request = self._running.pop((boot, number), None)
        if request is None:
            return
        request.phase = _Phase.ENDED
        request.service.running -= 1
        if self._request(boot, number) is request:  # else nobody waits for it
            request.reply = Reply(number, outcome, payload)
            self._keep(boot, number, len(payload))
            self._courier.send(boot, request.reply)
        self._start(request.service)

    # -- what is heard --------------------------------------------------------------------------

    def needs(self, boot: bytes) -> bool:
        """Say no: whoever waits for a reply sees to the stream."""
        return False

    def heard(self, boot: bytes, message: Message, now: float) -> None:
        """A call, or that nobody waits for one any more."""
        if isinstance(message, Cancel):
            self._give_up(boot, message.number)
            return
        assert isinstance(message, Call)
        caller = self._caller(boot)
        self._raise_floor(boot, caller, min(message.floor, message.number))
        known = caller.requests.get(message.number)
        if message.number < caller.floor:
            return
        if known is None:
            self._begin(boot, caller, message, now)
        elif known.phase is _Phase.ENDED:
            self._courier.send(boot, known.reply or Reply(message.number, ReplyOutcome.FORGOTTEN))

    def linked(self, boot: bytes) -> None:
        """Do nothing: the caller will ask again."""

    def unreachable(self, boot: bytes) -> None:
        """Do nothing."""

    def gone(self, boot: bytes) -> None:
        """Nobody waits for what this caller asked for; but that it asked is remembered, since it may come back."""
        caller = self._callers.get(boot)
        if caller is not None:
            caller.is_gone = True
            for number in list(caller.requests):
                self._give_up(boot, number)

    # -- running --------------------------------------------------------------------------------

    def _begin(self, boot: bytes, caller: _Caller, call: Call, now: float) -> None:
        service = self._services.get(call.service)
        if service is None:
            self._refuse(boot, call.number, ReplyOutcome.UNSERVED)
        elif service.running >= service.at_once and len(service.waiting) >= service.waiting_max:
            self._refuse(boot, call.number, ReplyOutcome.BUSY)
        else:
            until = now + call.within_ms / 1000 if call.within_ms else math.inf
            caller.requests[call.number] = _Request(service, call, until)
            if len(caller.requests) > REMEMBERED_MAX:
                self._raise_floor(boot, caller, next(iter(caller.requests)) + 1)
            service.waiting.append((boot, call.number))
            self._start(service)

    def _refuse(self, boot: bytes, number: int, outcome: ReplyOutcome) -> None:
        self.refused += 1
        self._courier.send(boot, Reply(number, outcome))

    def _start(self, service: _Service) -> None:
        """Start what may be started."""
        while service.waiting and service.running < service.at_once:
            boot, number = service.waiting.popleft()
            request = self._request(boot, number)
            if request is None or request.phase is not _Phase.WAITING or request.service is not service:
                continue
            request.phase = _Phase.RUNNING
            service.running += 1
            self.started += 1
            self._running[boot, number] = request
            call, within_s = request.call, request.until - self._courier.now
            request.call = Call(number, 0, call.service, b"")  # the arguments need not be kept
            self._effects.append(Requested(boot, number, call.service, call.arguments, within_s))

    def _give_up(self, boot: bytes, number: int) -> None:
        request = self._request(boot, number)
        if request is None:
            return
        if request.phase is _Phase.RUNNING:
            self._effects.append(Withdrawn(boot, number))
        elif request.phase is _Phase.WAITING:
            request.phase = _Phase.ENDED

    # -- remembering ----------------------------------------------------------------------------

    def _caller(self, boot: bytes) -> _Caller:
        caller = self._callers.get(boot)
        if caller is None:
            caller = self._callers[boot] = _Caller()
            if len(self._callers) > CALLERS_MAX:
                gone = next((b for b, c in self._callers.items() if c.is_gone), boot)
                if gone != boot:
                    self._raise_floor(gone, self._callers.pop(gone), 1 << 64)
        caller.is_gone = False
        return caller

    def _request(self, boot: bytes, number: int) -> _Request | None:
        caller = self._callers.get(boot)
        return None if caller is None else caller.requests.get(number)

    def _raise_floor(self, boot: bytes, caller: _Caller, floor: int) -> None:
        """Forget what will not be asked for again; nobody waits for what of it still runs."""
        if floor <= caller.floor:
            return
        caller.floor = floor
        for number in [number for number in caller.requests if number < floor]:
            self._give_up(boot, number)
            del caller.requests[number]
            self._kept_bytes -= self._kept.pop((boot, number), 0)

    def _keep(self, boot: bytes, number: int, size_bytes: int) -> None:
        """Keep a reply, and drop the oldest if that makes too many bytes; that they ran is remembered."""
        self._kept[boot, number] = size_bytes
        self._kept_bytes += size_bytes
        while self._kept_bytes > REPLIES_BYTES_MAX:
            oldest = next(iter(self._kept))
            self._kept_bytes -= self._kept.pop(oldest)
            request = self._request(*oldest)
            if request is not None:
                request.reply = None
