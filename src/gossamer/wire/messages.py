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
    CANCEL = 32
    TALK = 33
    ASK = 36
    GRANT = 37
    TAKEN = 38
    LEVEL = 39


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
    events: int = 0
    """How many events I have emitted: whoever meets me now is owed those that follow."""


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
class Events:
    """What a program emitted: events first, first + 1, ... of `boot`, each (name, payload).

    `needs` is the sender's own write (origin, sequence) that all of them must not be seen
    before.  Without items, it tells that the event before `first` was the latest.
    """

    boot: bytes
    first: int
    needs: tuple[Origin, int] | None
    items: tuple[tuple[str, bytes], ...] = ()
    oldest: int = 1
    """The first event that the sender can still repeat."""
    answer_wanted: bool = False
    """Whether to answer, with an empty `EventsRepair`, once the last of them has been handed over."""


@dataclass(frozen=True, slots=True)
class EventsRepair:
    """I lack your events (boot, after < n <= until]; or, if there are none between, I have had `until`."""

    boot: bytes
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Call:
    """Run `service` with these arguments; sent again, under the same number, whenever a stream broke.

    Numbers count from 1 for each boot.  `floor` is the lowest that its sender still waits
    for: what is below has been answered or given up, and must never be started.
    `within_ms` is how long the sender will wait from now on; 0 for ever.
    """

    number: int
    floor: int
    service: str
    arguments: bytes
    within_ms: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of your call; the payload of RETURNED is a value, of RAISED a type's name and a message."""

    number: int
    outcome: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Cancel:
    """I wait no longer for the reply to this call."""

    number: int


@dataclass(frozen=True, slots=True)
class Talk:
    """From now on I talk of calls and channels on this stream; `turn` counts how often I have changed.

    What still comes of me on a stream that I have left is to be ignored: I say all of it again.
    """

    turn: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Grant me `more` messages of your channel; fewer, if it is negative: somebody waits no longer.

    The first on a stream is `afresh`: `more` is then all that I wait for or hold of yours.
    With `watch`, tell me whenever you begin or cease to have messages that nobody has taken.
    """

    mode: int
    channel: str
    more: int
    afresh: bool
    watch: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """This message is yours, until you say `Taken` or are gone.  What you took below `floor` will not come again.

    `serial` is new each time that it is said: what is given back under an older one was granted again meanwhile.
    """

    mode: int
    channel: str
    number: int
    floor: int
    serial: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """Your message was consumed here (`kept`), or is given back for somebody else."""

    mode: int
    channel: str
    number: int
    serial: int
    kept: bool


@dataclass(frozen=True, slots=True)
class Level:
    """So many messages of mine wait for whoever asks first."""

    mode: int
    channel: str
    waiting: int


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
    | Events
    | EventsRepair
    | Call
    | Reply
    | Cancel
    | Talk
    | Ask
    | Grant
    | Taken
    | Level
    | VoteRequest
    | Vote
    | VoteReturn
)
