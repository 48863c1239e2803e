"""What peers say to each other.

Each message is a CBOR array whose first item is its kind; unknown kinds and unknown
trailing items are skipped, so that versions N and N-1 talk.  Numbers are never used
again.  Kinds 20 to 39 are kept for events, calls and channels, which are no state and
ride beside it, 24 to 27 of them for leases; key spaces 1 to 255 for objects derived from the map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from ..crdt.dots import Dot, Origin
from ..crdt.vector_clock import VectorClock
from ..crdt.writes import Held, Key

PROTOCOL_MIN = 1
PROTOCOL_MAX = 1
TERMS_BYTES = 8
LEASE_MS_MAX = 86_400_000
"""A promise of more than a day would outlive the patience of whoever waits for it."""


class Kind(IntEnum):
    """The first item of every message."""

    BEACON = 1
    INTRODUCE = 2
    BATCH = 3
    REPAIR = 4
    PING = 5
    PONG = 6
    PING_REQUEST = 7
    GOODBYE = 8
    KNOWN = 9
    DELTA = 10
    ROSTER = 11
    DELTA_END = 12
    SETTLED_QUERY = 13
    SETTLED = 14
    ABORT = 15
    PEERS = 16
    EVENTS = 20
    EVENTS_REPAIR = 21
    VOTE_REQUEST = 24
    VOTE = 25
    VOTE_RETURN = 26
    CALL = 30
    REPLY = 31


@dataclass(frozen=True, slots=True)
class Beacon:
    """I am here, and this is what I know.

    `multicasts` counts the datagrams that this boot has multicast, this one included:
    against it, receivers measure what they hear.  `deaf_to` names the boots that I
    hear badly, and that should stream to me instead.  `state_digest` is None while
    it is not up to date.
    """

    peer: bytes
    stream_port: int
    origin: Origin | None
    head: int
    vector_digest: bytes
    state_digest: bytes | None
    multicasts: int = 0
    deaf_to: tuple[bytes, ...] = ()
    stalled: bool = False
    interval_ms: int = 1000
    protocol_min: int = PROTOCOL_MIN
    protocol_max: int = PROTOCOL_MAX


@dataclass(frozen=True, slots=True)
class Introduce:
    """Who I am, by every name; asked for at start and whenever a stranger is heard."""

    peer: bytes
    origin: Origin | None
    name: str
    stream_port: int
    reply_wanted: bool
    features: int = 0
    unicast_port: int = 0
    boot: bytes = b""


class EncodedBatch(NamedTuple):
    """A closed batch as it travels: encoded once, forwarded verbatim, taken apart only by who lacks it."""

    origin: Origin
    after: int
    until: int
    tag: bytes
    columns: bytes
    data: bytes
    """The whole message."""


@dataclass(frozen=True, slots=True)
class Repair:
    """I lack the batches of `origin` in (after, until]."""

    origin: Origin
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?  `target` is the boot meant: an address may have changed hands."""

    nonce: int
    target: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """I am; `nonce` is the ping's.  With `wall_ms`, the answerer's wall clock, offsets are measured."""

    nonce: int
    wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class PingRequest:
    """I cannot reach `target`: try it for me, and tell me if it answers."""

    nonce: int
    target: bytes
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """I am leaving, on purpose; my head was `head`."""

    origin: Origin | None
    head: int


@dataclass(frozen=True, slots=True)
class Known:
    """What I know, to be answered by a delta.

    With `base`, only the pairs that changed since the vector of that digest, which I
    sent to you before; who does not hold it answers `Abort(send_whole=True)`.
    """

    exchange: int
    vector: VectorClock
    base: bytes | None = None
    reply: bool = False


@dataclass(frozen=True, slots=True)
class DeltaPart:
    """Some keys of a delta: all live writes and the kept deletes of each."""

    exchange: int
    siblings: dict[Key, Held] = field(default_factory=dict)
    deletes: dict[Key, tuple[Dot, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterPart:
    """Some of the live dots of the sender: sequences of one origin."""

    exchange: int
    origin: Origin
    sequences: list[int]


@dataclass(frozen=True, slots=True)
class DeltaEnd:
    """All parts have been sent; only now may they be joined.

    `advanced` holds the pairs of the sender's vector that moved since the `Known` that it
    sent under the number `told`; all pairs, if `told` is 0.
    """

    exchange: int
    parts: int
    told: int
    advanced: VectorClock
    roster: bool
    forgotten: dict[Origin, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Abort:
    """This exchange ends without a delta, because I am busy or hold no such base."""

    exchange: int
    send_whole: bool = False


@dataclass(frozen=True, slots=True)
class SettledQuery:
    """Tell me once you know this write of mine."""

    origin: Origin
    sequence: int


@dataclass(frozen=True, slots=True)
class Settled:
    """I know it."""

    origin: Origin
    sequence: int


@dataclass(frozen=True, slots=True)
class Peers:
    """Where other peers listen for streams, for one who cannot hear them by multicast: hints, no more."""

    addresses: tuple[tuple[bytes, str, int], ...]
    """(boot, host, stream port) of each."""


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """Promise me, for `ttl_ms` of your clock, to give nobody else your vote for this lease.

    `voter` is the name under which you are asked, `terms` a hash of the voters and the ttl that
    I go by, `candidate` tells my requests from those of others in this process, and `ballot`
    becomes the lease's token.
    """

    lease: str
    voter: str
    terms: bytes
    candidate: int
    attempt: int
    ballot: int
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Vote:
    """I promise, or I do not: then `ballot` is the greatest that I promised, `wait_ms` how long I am bound."""

    lease: str
    voter: str
    candidate: int
    attempt: int
    granted: bool
    ballot: int = 0
    wait_ms: int = 0
    holder: str = ""
    """The name of the peer that has my vote; empty if nobody has, and I must not vote yet."""


@dataclass(frozen=True, slots=True)
class VoteReturn:
    """I no longer need what you promised me under this ballot."""

    lease: str
    candidate: int
    ballot: int


Message = (
    Beacon
    | Introduce
    | EncodedBatch
    | Repair
    | Ping
    | Pong
    | PingRequest
    | Goodbye
    | Known
    | DeltaPart
    | RosterPart
    | DeltaEnd
    | Abort
    | Peers
    | SettledQuery
    | Settled
    | VoteRequest
    | Vote
    | VoteReturn
)
