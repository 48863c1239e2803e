"""Hypothesis strategies over states that histories made, and over the values of `gossamer.crdt`.

Laws of a join hold for states that can come about, not for arbitrary ones, so states
are grown: a few peers write, exchange, forget and expire as Hypothesis chooses.
"""

from __future__ import annotations

from typing import Any

from history_peer import GRACE_MS
from history_world import World, numbered_origin
from hypothesis import strategies as st

from gossamer.crdt.joining import join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Key, Write, expiry_meta

PEERS = 3
FAR_MS = 1 << 45

keys: st.SearchStrategy[Key] = st.sampled_from(["a", "b", ("c", 1)])
values = st.sampled_from([b"x", b"y", b""])
origins = st.integers(1, PEERS).map(numbered_origin)
stamps = st.integers(0, 3)
times_ms = st.integers(0, 8)
lives_ms = st.sampled_from([0, 0, 0, 5, 30])

writes = st.builds(
    lambda stamp, origin, sequence, value, expires_ms: Write(
        stamp, origin, sequence, value, expiry_meta(0, expires_ms)
    ),
    stamps,
    origins,
    st.integers(1, 9),
    values,
    times_ms,
)

_slots = st.integers(0, PEERS - 1)
_puts = st.tuples(st.one_of(values, st.none()), lives_ms, st.just(0))
_written = st.tuples(st.just("write"), _slots, st.dictionaries(keys, _puts, min_size=1, max_size=2), st.booleans())
_caught_up = st.tuples(st.just("catch_up"), _slots, st.integers(1, PEERS - 1))
_others = st.one_of(
    st.tuples(st.just("forget"), _slots),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 20, 2 * GRACE_MS])),
    st.tuples(st.just("bury"), _slots),
)
_steps = st.one_of(_written, _caught_up, _written, _caught_up, _others)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world of three peers that hear each other, after some history."""
    links = [(i, j) for i in range(PEERS) for j in range(PEERS) if i != j]
    world = World(links, [0] * PEERS, held_max=1000, drag_ms=1 << 46)
    for step in draw(st.lists(_steps, min_size=8, max_size=25)):
        _take(world, step)
    for slot in world.alive:
        world.post(slot, world.alive)
    return world


def _take(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case "write", slot, items, posted:
            world.write(slot, items)
            if posted:
                world.post(slot, world.alive)
            world.wall_ms += 1
        case "catch_up", slot, distance:
            world.catch_up(slot, (slot + distance) % PEERS)
        case "forget", slot:
            world.forget(slot, list(world.peers[slot].state.deletes))
        case "pass_time", passed_ms:
            world.wall_ms += passed_ms
        case "bury", slot:
            world.bury(slot)


def states(count: int) -> st.SearchStrategy[list[LWWMap]]:
    """`count` states, not always different ones, out of one history."""
    chosen = st.lists(_slots, min_size=count, max_size=count)
    return st.builds(lambda world, slots: [world.peers[slot].state for slot in slots], worlds(), chosen)


def copied(state: LWWMap) -> LWWMap:
    """Return an independent map that holds and knows the same."""
    copy = LWWMap()
    join(copy, state.delta(VectorClock()))
    return copy


def joined(state: LWWMap, *others: LWWMap) -> LWWMap:
    """Return what `state` becomes when it catches up with `others`, one after the other."""
    copy = copied(state)
    for other in others:
        assert join(copy, other.delta(copy.known)) is not None
    copy.check()
    return copy


def shape(state: LWWMap) -> tuple[dict[Key, Any], VectorClock]:
    """Return what a state shows for good, its lasting writes, and what it knows.

    Two that know the same may differ in what has expired, of which each drops its own in its time.
    """
    lasting = copied(state)
    lasting.bury(FAR_MS, grace_ms=0)
    return lasting.live, lasting.known
