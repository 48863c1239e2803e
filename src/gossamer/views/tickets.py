"""One call as its caller sees it: asked, and at some time answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import GossamerError, Malformed, PeerLost, RemoteError, ServiceBusy
from ..protocol.effects import Answered, ReplyOutcome
from ..wire.values import decode_value


@dataclass(slots=True, eq=False)
class Ticket:
    """A call.  `wake` is called once it is done, in the loop or wherever the mesh is closed."""

    name: str
    arguments: bytes
    until: float
    timeout: float | None
    route: bytes
    wake: Callable[[], object]
    sought_at: float
    """When it was made."""
    peer: Any = None
    """The peer that must answer, or its name; None for whoever serves it."""
    idempotent: bool = False
    number: int | None = None
    """That of the protocol; None until somebody was found to be asked."""
    by: Any = None
    """The peer that has answered."""
    done: bool = False
    _error: GossamerError | None = field(default=None)
    _payload: bytes = b""

    def result(self) -> Any:
        """Return what the service returned, or raise why it did not."""
        if self._error is not None:
            raise self._error
        return decode_value(self._payload)

    @property
    def error(self) -> GossamerError | None:
        """What `result` will raise."""
        return self._error

    def fail(self, error: GossamerError) -> None:
        """End without an answer, unless there is one."""
        if not self.done:
            self._error, self.done = error, True
            self.wake()

    def answered(self, answer: Answered, peer: Any, no_service: Callable[[], GossamerError]) -> None:
        """End with what the protocol reports."""
        if self.done:
            return
        self.by, self._payload = peer, answer.payload
        self._error = self._error_of(answer, peer, no_service)
        self.done = True
        self.wake()

    def _error_of(self, answer: Answered, peer: Any, no_service: Callable[[], GossamerError]) -> GossamerError | None:
        match answer.outcome:
            case ReplyOutcome.RETURNED:
                return None
            case ReplyOutcome.RAISED:
                return _remote_error(answer.payload, peer)
            case ReplyOutcome.UNSERVED:
                return no_service()
            case ReplyOutcome.BUSY:
                return ServiceBusy(f"{self.name!r} at {peer} has as many requests waiting as it allows; nothing began")
            case ReplyOutcome.FORGOTTEN:
                return PeerLost(f"{peer} ran {self.name!r}, but its reply was too old or too much to be kept")
            case None:
                return PeerLost(f"{peer}, which was to run {self.name!r}, has gone; whether it did is unknown")
        return Malformed(f"{peer} answered {self.name!r} in a way that only a later version of gossamer knows")


def _remote_error(payload: bytes, peer: Any) -> GossamerError:
    try:
        match decode_value(payload):
            case (str(type_name), str(message)):
                return RemoteError(type_name, message, peer)
    except Malformed:
        pass_on = "what cannot be read"
    else:
        pass_on = "what is no error"
    return Malformed(f"{peer} reports an error by {pass_on}")
