"""Any message that a peer may send, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from gossamer.crdt.dots import SEQUENCE_MAX, Dot
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Batch, Write, expiry_meta, pack
from gossamer.wire.keys import SpaceKey
from gossamer.wire.messages import (
    Abort,
    Ask,
    Beacon,
    Call,
    Cancel,
    DeltaEnd,
    DeltaPart,
    Events,
    EventsRepair,
    Goodbye,
    Grant,
    Introduce,
    Known,
    Level,
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

ids = st.binary(min_size=16, max_size=16)
boots = st.binary(min_size=12, max_size=12)
origins = st.integers(1, 5).map(lambda number: number.to_bytes(12, "big"))
counts = st.integers(0, (1 << 63) - 1)
small = st.integers(0, 255)
heads = st.integers(0, SEQUENCE_MAX)
sequences = st.integers(1, SEQUENCE_MAX)
ordinals = st.integers(1, SEQUENCE_MAX - 5)
events = st.lists(st.tuples(st.text(max_size=40), st.binary(max_size=40)), max_size=5).map(tuple)
ports = st.integers(0, 65535)
names = st.text(max_size=40)
tags = st.binary(min_size=4, max_size=4).filter(any)
stamps = st.integers(0, (1 << 62) - 1)
lease_ms = st.integers(0, 86_400_000)
atoms = st.text(max_size=8) | st.binary(max_size=8) | st.integers(-(1 << 64), (1 << 64) - 1) | st.none()
user_keys = atoms | st.tuples(atoms, atoms)
keys = user_keys | st.builds(SpaceKey, st.integers(1, 255), user_keys)
values = st.binary(max_size=40)
metas = st.sampled_from([0, 4, 12, 32]) | st.builds(expiry_meta, st.sampled_from([0, 4]), st.integers(1, 1 << 44))
dots = st.builds(Dot, origins, sequences)


@st.composite
def vectors(draw):
    pairs = draw(st.dictionaries(origins, sequences, max_size=5))
    return VectorClock(pairs, {origin: draw(tags) for origin in pairs if draw(st.booleans())})


@st.composite
def batches(draw):
    """A batch as an outbox makes them: sequences rise, some are left out, some writes are deletes."""
    after = draw(st.integers(0, SEQUENCE_MAX - 100))
    sequence, rows, past = after, [], {}
    origin = draw(origins)
    for index in range(draw(st.integers(1, 6))):
        sequence += draw(st.sampled_from([1, 1, 1, 2, 9]))
        value = draw(values | st.none())
        meta = 0 if value is None else draw(metas)
        rows.append((draw(keys), Write(draw(stamps), origin, sequence, value, meta)))
        replaced = draw(st.lists(dots, max_size=3, unique=True))
        if replaced:
            past[index] = tuple(replaced)
    until = sequence  # the newest write is never left out
    return Batch(origin, after, until, [key for key, _ in rows], [write for _, write in rows], past)


@st.composite
def parts(draw):
    siblings, deletes = {}, {}
    for key in draw(st.lists(keys, max_size=5, unique=True)):
        named = draw(st.lists(dots, max_size=3, unique=True))
        siblings[key] = pack(Write(draw(stamps), *dot, draw(values), draw(metas)) for dot in named)
        gone = draw(st.lists(dots, max_size=2, unique_by=lambda dot: dot.origin))
        if gone or not named:
            deletes[key] = tuple(gone) or (draw(dots),)
    return DeltaPart(draw(counts), siblings, deletes)


rosters = st.builds(
    RosterPart, counts, origins, st.lists(st.integers(1, SEQUENCE_MAX), max_size=20, unique=True).map(sorted)
)
messages = st.one_of(
    st.builds(
        Beacon,
        ids,
        ports,
        st.none() | origins,
        heads,
        ids,
        st.none() | ids,
        counts,
        st.lists(boots, max_size=16).map(tuple),
        st.booleans(),
        counts,
        counts,
        counts,
    ),
    st.builds(
        Introduce, ids, st.none() | origins, names, ports, st.booleans(), counts, ports, boots | st.just(b""), heads
    ),
    st.builds(Repair, origins, heads, heads),
    st.builds(Ping, counts, boots),
    st.builds(Pong, counts, counts),
    st.builds(PingRequest, counts, boots, names, ports),
    st.builds(Goodbye, st.none() | origins, heads),
    st.builds(Known, counts, vectors(), st.none() | ids, st.booleans()),
    parts(),
    rosters,
    st.builds(DeltaEnd, counts, counts, counts, vectors(), st.booleans(), st.dictionaries(origins, heads, max_size=5)),
    st.builds(SettledQuery, origins, heads),
    st.builds(Settled, origins, heads),
    st.builds(Abort, counts, st.booleans()),
    st.builds(Events, boots, ordinals, st.none() | st.tuples(origins, ordinals), events, ordinals, st.booleans()),
    st.builds(EventsRepair, boots, heads, heads),
    st.builds(Peers, st.lists(st.tuples(boots, names, ports), max_size=5).map(tuple)),
    st.builds(Call, counts, counts, names, values, counts),
    st.builds(Reply, counts, small, values),
    st.builds(Cancel, counts),
    st.builds(Talk, counts),
    st.builds(Ask, small, names, st.integers(-(1 << 31), (1 << 31) - 1), st.booleans(), st.booleans()),
    st.builds(Grant, small, names, counts, counts, counts, values),
    st.builds(Taken, small, names, counts, counts, st.booleans()),
    st.builds(Level, small, names, counts),
    st.builds(VoteRequest, names, names, st.binary(min_size=8, max_size=8), counts, counts, stamps, lease_ms),
    st.builds(Vote, names, names, counts, counts, st.booleans(), stamps, lease_ms, names),
    st.builds(VoteReturn, names, counts, stamps),
)
