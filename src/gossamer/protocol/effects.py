"""What a replica asks of the world.  The driver performs these; a test reads them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ..crdt.dots import Origin

Address = tuple[str, int]
LinkId = int


@dataclass(frozen=True, slots=True)
class Multicast:
    """Send these messages to everyone, in one datagram."""

    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Unicast:
    """Send these messages to one address, in one datagram."""

    messages: tuple[bytes, ...]
    to: Address


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a stream to this address, and report it with `link_opened` or `connect_failed`."""

    to: Address


@dataclass(frozen=True, slots=True)
class Wake:
    """This link has something to send: let its writer pull."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class Close:
    """Close this link, at once."""

    link: LinkId
    reason: str


class Presence(StrEnum):
    """What we think of a peer."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Joined:
    """A peer is there (again)."""

    boot: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """A peer has gone: it said goodbye (LEFT), or nobody reaches it (FAILED)."""

    boot: bytes
    presence: Presence


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A peer has told that it knows this write of ours, or all of them."""

    boot: bytes
    origin: Origin
    sequence: int


@dataclass(frozen=True, slots=True)
class Synced:
    """An exchange with this peer has ended: we hold what it held when it began."""

    boot: bytes


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """The wall clock of a peer differs from ours by this much (positive: it is ahead)."""

    boot: bytes
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Forked:
    """Somebody else wrote under an origin: a cloned or rolled back machine."""

    origin: Origin
    ours: bool


@dataclass(frozen=True, slots=True)
class Rejoined:
    """We were apart from everyone for long, and have caught up."""

    absent_s: float
    keys: int


@dataclass(frozen=True, slots=True)
class EventHad:
    """A peer has told that it had this event of ours."""

    boot: bytes
    number: int


class ReplyOutcome(IntEnum):
    """What became of a call."""

    RETURNED = 0
    RAISED = 1
    UNSERVED = 2
    """Nobody serves that name there: nothing was started."""
    BUSY = 3
    """Too many wait already: nothing was started."""
    FORGOTTEN = 4
    """It ran, but its reply is no longer kept."""


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody calls a service of ours: run it, and report with `Serving.finished`."""

    boot: bytes
    number: int
    service: str
    arguments: bytes
    within_s: float
    """How long the caller will wait for it."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The caller of a request that runs has given up, or has gone."""

    boot: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of ours has ended: `outcome` is a `ReplyOutcome`, or None if whoever should answer has gone."""

    number: int
    boot: bytes
    outcome: int | None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver `getter` is given a message of a channel; report what becomes of it with `Inlets.done`."""

    getter: int
    mode: int
    channel: str
    boot: bytes
    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Consumed:
    """A message that we sent through a channel is no longer ours to keep: it was consumed by all whom it was for."""

    mode: int
    channel: str
    number: int


@dataclass(frozen=True, slots=True)
class LevelChanged:
    """What waits for us in a channel has changed, or somebody has told of it for the first time."""

    mode: int
    channel: str


Traffic = Requested | Withdrawn | Answered | Delivered | Consumed | LevelChanged
"""What concerns calls and channels alone."""
TRAFFIC = frozenset({Requested, Withdrawn, Answered, Delivered, Consumed, LevelChanged})
Notice = Joined | Left | Confirmed | Synced | ClockSkew | Forked | Rejoined | EventHad | Traffic
Effect = Multicast | Unicast | Connect | Wake | Close | Notice
