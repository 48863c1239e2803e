"""Messages to bytes and back.

    beacon          [1, peer, stream port, origin | null, head, vector digest, state digest | null,
                     multicasts, [deaf to ...], stalled, interval ms, protocol min, protocol max]
    introduce       [2, peer, origin | null, name, stream port, reply wanted, features, unicast port, boot,
                     events emitted, if any]
    batch           [3, origin, after, until, tag, columns]      columns: bytes, see columns.py
    repair          [4, origin, after, until]
    ping            [5, nonce, target]
    pong            [6, nonce, wall ms]
    ping request    [7, nonce, target, host, port]
    goodbye         [8, origin | null, head]
    known           [9, exchange, vector, base | null, reply]
    delta           [10, exchange, columns]
    roster          [11, exchange, origin, distances]
    delta end       [12, exchange, parts, told, vector, roster, [[origin, sequence] ...]]
    settled query   [13, origin, sequence]
    settled         [14, origin, sequence]
    abort           [15, exchange, send whole]
    peers           [16, [[boot, host, stream port] ...]]
    events          [20, boot, first, [origin, sequence] | null, [[name, payload] ...], oldest, answer wanted]
    events repair   [21, boot, after, until]
    call            [30, number, floor, service, arguments, within ms]
    reply           [31, number, outcome, payload]
    cancel          [32, number]
    talk            [33, turn]
    ask             [36, mode, channel, more, afresh, watch]
    grant           [37, mode, channel, number, floor, serial, payload]
    taken           [38, mode, channel, number, serial, kept]
    level           [39, mode, channel, waiting]
    vote request    [24, lease, voter, terms, candidate, attempt, ballot, ttl ms]
    vote            [25, lease, voter, candidate, attempt, granted, ballot, wait ms, holder]
    vote return     [26, lease, candidate, ballot]

A vector is [origins, sequences, tags]: origins and tags each as one string of bytes.
A batch's tag is the chained hash of its origin's batches: it depends on the tag before
and on the bytes of its columns, so it is made here, where the bytes are.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import accumulate
from operator import sub
from typing import Any

from ..crdt.dots import ORIGIN_BYTES, SEQUENCE_MAX, Dot, Origin
from ..crdt.vector_clock import NO_TAG, VectorClock
from ..crdt.writes import Batch, Held, Key
from ..errors import Malformed
from .columns import batch_from_columns, encode_batch_columns, part_columns, part_from_columns
from .event_messages import encode_event, encode_events, events_from, lone_event
from .heads import ARRAY, encode_bytes, encode_integer, head
from .messages import (
    Abort,
    Ask,
    Beacon,
    Call,
    Cancel,
    DeltaEnd,
    DeltaPart,
    EncodedBatch,
    Events,
    EventsRepair,
    Goodbye,
    Grant,
    Introduce,
    Kind,
    Known,
    Level,
    Message,
    Peers,
    Ping,
    PingRequest,
    Pong,
    Repair,
    Reply,
    RosterPart,
    Settled,
    SettledQuery,
    Taken,
    Talk,
    Vote,
    VoteRequest,
    VoteReturn,
)
from .shapes import (
    Shape,
    is_addresses,
    is_ballot,
    is_boot,
    is_boot_or_empty,
    is_boots,
    is_count,
    is_difference,
    is_digest,
    is_distances,
    is_duration_ms,
    is_flag,
    is_id,
    is_mode,
    is_name,
    is_origin,
    is_pairs,
    is_payload,
    is_port,
    is_sequence,
    is_terms,
    is_vector,
    or_none,
)
from .strict import decode_strict, encode

TAG_BYTES = len(NO_TAG)
_BATCH = Kind.BATCH.value
_BATCH_HEAD = head(ARRAY, 6) + encode_integer(_BATCH)
_EVENTS = Kind.EVENTS.value


def encode_batch(batch: Batch, previous_tag: bytes) -> EncodedBatch:
    """Return `batch` as it travels, its tag set from the tag of the batch before.  O(bytes)."""
    columns = encode_batch_columns(batch)
    until = batch.until.to_bytes(8, "big")
    batch.tag = blake2b(previous_tag + until + columns, digest_size=TAG_BYTES, person=b"gossamer batch").digest()
    range_ = encode_integer(batch.after) + encode_integer(batch.until)
    data = _BATCH_HEAD + encode_bytes(batch.origin) + range_ + encode_bytes(batch.tag) + encode_bytes(columns)
    return EncodedBatch(batch.origin, batch.after, batch.until, batch.tag, columns, data)


def decode_batch(encoded: EncodedBatch) -> Batch:
    """Return the writes of a batch; raise Malformed if its columns contradict each other.  O(bytes)."""
    return batch_from_columns(encoded.origin, encoded.after, encoded.until, encoded.tag, decode_strict(encoded.columns))


def encode_part(exchange: int, siblings: dict[Key, Held], deletes: dict[Key, tuple[Dot, ...]]) -> bytes:
    """Return the message of some keys of a delta."""
    return encode([Kind.DELTA.value, exchange, encode(part_columns(siblings, deletes))])


def encode_message(message: Message) -> bytes:
    """Return the bytes of `message`."""
    match message:
        case EncodedBatch():
            return message.data
        case DeltaPart():
            return encode_part(message.exchange, message.siblings, message.deletes)
    items: list[Any]
    match message:
        case Beacon() as m:
            items = [Kind.BEACON, m.peer, m.stream_port, m.origin, m.head, m.vector_digest, m.state_digest]
            items += [m.multicasts, list(m.deaf_to), m.stalled, m.interval_ms, m.protocol_min, m.protocol_max]
        case Introduce() as m:
            items = [Kind.INTRODUCE, m.peer, m.origin, m.name, m.stream_port, m.reply_wanted, m.features]
            items += [m.unicast_port, m.boot, *([m.events] if m.events else [])]
        case Repair() as m:
            items = [Kind.REPAIR, m.origin, m.after, m.until]
        case Ping() as m:
            items = [Kind.PING, m.nonce, m.target]
        case Pong() as m:
            items = [Kind.PONG, m.nonce, m.wall_ms]
        case PingRequest() as m:
            items = [Kind.PING_REQUEST, m.nonce, m.target, m.host, m.port]
        case Goodbye() as m:
            items = [Kind.GOODBYE, m.origin, m.head]
        case Known() as m:
            items = [Kind.KNOWN, m.exchange, _vector_items(m.vector), m.base, m.reply]
        case RosterPart() as m:
            items = [Kind.ROSTER, m.exchange, m.origin, list(map(sub, m.sequences, [0, *m.sequences]))]
        case DeltaEnd() as m:
            forgotten = [[origin, sequence] for origin, sequence in m.forgotten.items()]
            items = [Kind.DELTA_END, m.exchange, m.parts, m.told, _vector_items(m.advanced), m.roster, forgotten]
        case SettledQuery() as m:
            items = [Kind.SETTLED_QUERY, m.origin, m.sequence]
        case Settled() as m:
            items = [Kind.SETTLED, m.origin, m.sequence]
        case Abort() as m:
            items = [Kind.ABORT, m.exchange, m.send_whole]
        case Peers() as m:
            items = [Kind.PEERS, [list(entry) for entry in m.addresses]]
        case Events() as m:
            events = [encode_event(name, payload) for name, payload in m.items]
            return encode_events(m.boot, m.first, m.needs, events, m.oldest, m.answer_wanted)
        case EventsRepair() as m:
            items = [Kind.EVENTS_REPAIR, m.boot, m.after, m.until]
        case Call() as m:
            items = [Kind.CALL, m.number, m.floor, m.service, m.arguments, m.within_ms]
        case Reply() as m:
            items = [Kind.REPLY, m.number, m.outcome, m.payload]
        case Cancel() as m:
            items = [Kind.CANCEL, m.number]
        case Talk() as m:
            items = [Kind.TALK, m.turn]
        case Ask() as m:
            items = [Kind.ASK, m.mode, m.channel, m.more, m.afresh, m.watch]
        case Grant() as m:
            items = [Kind.GRANT, m.mode, m.channel, m.number, m.floor, m.serial, m.payload]
        case Taken() as m:
            items = [Kind.TAKEN, m.mode, m.channel, m.number, m.serial, m.kept]
        case Level() as m:
            items = [Kind.LEVEL, m.mode, m.channel, m.waiting]
        case VoteRequest() as m:
            items = [Kind.VOTE_REQUEST, m.lease, m.voter, m.terms, m.candidate, m.attempt, m.ballot, m.ttl_ms]
        case Vote() as m:
            items = [Kind.VOTE, m.lease, m.voter, m.candidate, m.attempt, m.granted, m.ballot, m.wait_ms, m.holder]
        case VoteReturn() as m:
            items = [Kind.VOTE_RETURN, m.lease, m.candidate, m.ballot]
    items[0] = items[0].value
    return encode(items)


def decode_message(data: bytes) -> Message | None:
    """Return the message in `data`, None for a kind we do not know; raise Malformed for what is neither."""
    lone = lone_event(data)
    if lone is not None:
        return lone
    items = decode_strict(data)
    if type(items) is not list or not items or type(items[0]) is not int:
        raise Malformed("a message that is no array with a kind")
    kind = items[0]
    if kind == _BATCH:
        return _encoded_batch(items, data)
    if kind == _EVENTS:
        return events_from(items)
    if kind == Kind.DELTA:
        if len(items) < 3 or not is_count(items[1]) or type(items[2]) is not bytes:
            raise Malformed("a delta without exchange or columns")
        return DeltaPart(items[1], *part_from_columns(decode_strict(items[2])))
    shape = _SHAPES.get(kind)
    if shape is None:
        return None
    if len(items) <= len(shape.checks):
        raise Malformed(f"a message of kind {kind} with too few items")
    for item, check in zip(items[1:], shape.checks, strict=False):
        if not check(item):
            raise Malformed(f"a message of kind {kind} with an item of the wrong type or size")
    given = items[1 : len(shape.checks) + 1]
    for item, check in zip(items[len(shape.checks) + 1 :], shape.later, strict=False):
        if not check(item):
            raise Malformed(f"a message of kind {kind} with a later item of the wrong type or size")
        given.append(item)
    made: Message = shape.make(*given)
    return made


def _encoded_batch(items: list[Any], data: bytes) -> EncodedBatch:
    if len(items) >= 6:
        _, origin, after, until, tag, columns = items[:6]
        if (
            is_origin(origin)
            and type(after) is type(until) is int
            and 0 <= after < until <= SEQUENCE_MAX
            and type(tag) is type(columns) is bytes
            and len(tag) == TAG_BYTES
        ):
            return EncodedBatch(origin, after, until, tag, columns, data)
    raise Malformed("a batch without an origin, a possible range of sequences, a tag or columns")


# -- vectors ------------------------------------------------------------------------------------


def _vector_items(vector: VectorClock) -> list[Any]:
    origins = list(vector.heads)
    return [
        b"".join(origins),
        list(vector.heads.values()),
        b"".join([vector.tags.get(origin, NO_TAG) for origin in origins]),
    ]


def _vector(items: Any) -> VectorClock:
    origins, sequences, tags = items
    count = len(sequences)
    names = [origins[at : at + ORIGIN_BYTES] for at in range(0, count * ORIGIN_BYTES, ORIGIN_BYTES)]
    if len(set(names)) != count:
        raise Malformed("a vector that names an origin twice")
    marks = [tags[at : at + TAG_BYTES] for at in range(0, count * TAG_BYTES, TAG_BYTES)]
    return VectorClock(
        dict(zip(names, sequences, strict=True)),
        {name: mark for name, mark in zip(names, marks, strict=True) if mark != NO_TAG},
    )


def _make_peers(addresses: list[Any]) -> Peers:
    return Peers(tuple((boot, host, port) for boot, host, port in addresses))


def _make_beacon(*items: Any) -> Beacon:
    peer, port, origin, head, vector_digest, state_digest, multicasts, deaf_to, *rest = items
    return Beacon(peer, port, origin, head, vector_digest, state_digest, multicasts, tuple(deaf_to), *rest)


def _make_known(exchange: int, vector: Any, base: bytes | None, reply: bool) -> Known:
    return Known(exchange, _vector(vector[:3]), base, reply)


def _make_roster(exchange: int, origin: Origin, distances: list[int]) -> RosterPart:
    return RosterPart(exchange, origin, list(accumulate(distances)))


def _make_end(exchange: int, parts: int, told: int, vector: Any, roster: bool, forgotten: list[Any]) -> DeltaEnd:
    return DeltaEnd(exchange, parts, told, _vector(vector[:3]), roster, dict(forgotten))


_SHAPES: dict[int, Shape] = {
    Kind.BEACON: Shape(
        _make_beacon,
        (
            is_id,
            is_port,
            or_none(is_origin),
            is_sequence,
            is_digest,
            or_none(is_digest),
            is_count,
            is_boots,
            is_flag,
            is_count,
            is_count,
            is_count,
        ),
    ),
    Kind.INTRODUCE: Shape(
        Introduce,
        (
            is_id,
            or_none(is_origin),
            is_name,
            is_port,
            is_flag,
            is_count,
            is_port,
            is_boot_or_empty,
        ),
        (is_sequence,),
    ),
    Kind.REPAIR: Shape(Repair, (is_origin, is_sequence, is_sequence)),
    Kind.PING: Shape(Ping, (is_count, is_boot)),
    Kind.PONG: Shape(Pong, (is_count, is_count)),
    Kind.PING_REQUEST: Shape(PingRequest, (is_count, is_boot, is_name, is_port)),
    Kind.GOODBYE: Shape(Goodbye, (or_none(is_origin), is_sequence)),
    Kind.KNOWN: Shape(_make_known, (is_count, is_vector, or_none(is_digest), is_flag)),
    Kind.ROSTER: Shape(_make_roster, (is_count, is_origin, is_distances)),
    Kind.DELTA_END: Shape(_make_end, (is_count, is_count, is_count, is_vector, is_flag, is_pairs)),
    Kind.SETTLED_QUERY: Shape(SettledQuery, (is_origin, is_sequence)),
    Kind.SETTLED: Shape(Settled, (is_origin, is_sequence)),
    Kind.ABORT: Shape(Abort, (is_count, is_flag)),
    Kind.PEERS: Shape(_make_peers, (is_addresses,)),
    Kind.EVENTS_REPAIR: Shape(EventsRepair, (is_boot, is_sequence, is_sequence)),
    Kind.CALL: Shape(Call, (is_count, is_count, is_name, is_payload, is_count)),
    Kind.REPLY: Shape(Reply, (is_count, is_mode, is_payload)),
    Kind.CANCEL: Shape(Cancel, (is_count,)),
    Kind.TALK: Shape(Talk, (is_count,)),
    Kind.ASK: Shape(Ask, (is_mode, is_name, is_difference, is_flag, is_flag)),
    Kind.GRANT: Shape(Grant, (is_mode, is_name, is_count, is_count, is_count, is_payload)),
    Kind.TAKEN: Shape(Taken, (is_mode, is_name, is_count, is_count, is_flag)),
    Kind.LEVEL: Shape(Level, (is_mode, is_name, is_count)),
    Kind.VOTE_REQUEST: Shape(VoteRequest, (is_name, is_name, is_terms, is_count, is_count, is_ballot, is_duration_ms)),
    Kind.VOTE: Shape(Vote, (is_name, is_name, is_count, is_count, is_flag, is_ballot, is_duration_ms, is_name)),
    Kind.VOTE_RETURN: Shape(VoteReturn, (is_name, is_count, is_ballot)),
}
