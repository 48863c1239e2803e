"""The laws that everything else rests on, for all states that a history can make."""

from __future__ import annotations

from itertools import pairwise

from history_strategies import copied, joined, keys, origins, shape, stamps, states, values, worlds, writes
from history_world import numbered_origin
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from gossamer.crdt.clock import STAMP_MAX, HybridClock, stamp_ms
from gossamer.crdt.digest import StateDigest
from gossamer.crdt.dots import SEQUENCE_MAX, Dot, mint_origin
from gossamer.crdt.expiry import Expiry
from gossamer.crdt.joining import Joining, join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.open_batch import OpenBatch
from gossamer.crdt.origin_log import OriginLog
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.waiting import Waiting
from gossamer.crdt.writes import Batch, Write, each, expiry_meta, make_writes, pack, tops, winner

laws = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
ONE, TWO = map(numbered_origin, (1, 2))


# -- join -----------------------------------------------------------------------------------------


@laws
@given(states(2))
def test_join_is_commutative(chosen):
    one, other = chosen

    assert shape(joined(one, other)) == shape(joined(other, one))


@laws
@given(states(3))
def test_join_is_associative(chosen):
    one, two, three = chosen

    assert shape(joined(joined(one, two), three)) == shape(joined(one, joined(two, three)))


@laws
@given(states(2))
def test_join_is_idempotent(chosen):
    one, other = chosen

    assert shape(joined(one, one)) == shape(one)
    assert shape(joined(one, other, other)) == shape(joined(one, other))


@laws
@given(states(2))
def test_join_loses_nothing_that_either_knew(chosen):
    one, other = chosen
    both = joined(one, other)

    assert both.known.covers(one.known)
    assert both.known.covers(other.known)
    assert set(both.live) <= set(one.live) | set(other.live)


@laws
@given(states(3))
def test_a_delta_that_answers_an_older_vector_of_ours_teaches_the_same(chosen):
    older, other, between = chosen
    newer = joined(older, between)
    expected = shape(joined(newer, other))

    stale = join(newer, other.delta(older.known))
    assume(stale is not None)  # refused only where it was made for one who held nothing

    assert shape(newer) == expected


@laws
@given(states(2))
def test_who_equals_the_other_has_nothing_to_learn(chosen):
    one, other = chosen
    both, again = joined(one, other), joined(other, one)

    assert both.delta(again.known).siblings == {}
    assert both.delta(again.known).roster is None


@laws
@given(states(2), st.integers(1, 3), st.data())
def test_a_join_in_slices_with_writes_between_is_a_join_and_then_those_writes(chosen, keys_max, data):
    mine, theirs = copied(chosen[0]), chosen[1]
    origin, between = numbered_origin(99), []
    joining = Joining(mine, theirs.delta(mine.known))
    while not joining.prepare(keys_max):
        if data.draw(st.booleans()):
            key = data.draw(keys)
            write, before = mine.write(origin, key, data.draw(values), 1 << 40)
            past = {0: tuple(w.dot for w in each(before))} if before is not None else {}
            between.append(Batch(origin, write.sequence - 1, write.sequence, [key], [write], past))
    joining.publish()
    mine.check()

    expected = joined(chosen[0], theirs)
    for batch in between:
        expected.apply(batch)
    assert shape(mine) == shape(expected)


class JoiningByRows(Joining):
    """A join that never takes the fast way."""

    __slots__ = ()

    def _prepare_columns(self, keys):
        return False


@laws
@given(states(2), st.booleans(), st.integers(1, 3), st.booleans(), st.data())
def test_joining_by_columns_is_joining_by_rows(chosen, knows_nothing, keys_max, digested, data):
    replaced, after = [], []
    mine, theirs = (LWWMap() if knows_nothing else chosen[0]), chosen[1]
    written = data.draw(st.lists(st.tuples(keys, st.one_of(values, st.none())), max_size=3))
    for way in (Joining, JoiningByRows):
        state = copied(mine)
        if digested:
            state.digest.refresh(state.live, 100)
        joining = way(state, theirs.delta(state.known))
        while not joining.prepare(keys_max):
            pass
        for key, value in written:
            state.write(numbered_origin(99), key, value, 1 << 40)
        changes = {change.key: change for change in joining.publish()}
        state.check()
        state.digest.refresh(state.live, 100)
        replaced.append(changes)
        after.append((shape(state), state.deletes, state.forgotten, state.digest.value(), _logged(state)))

    assert replaced[0] == replaced[1]
    assert after[0] == after[1]


def _logged(state: LWWMap) -> dict[bytes, list[tuple[int, object]]]:
    return {origin: list(zip(log.sequences, log.keys, strict=True)) for origin, log in state.logs.items() if log}


# -- batches --------------------------------------------------------------------------------------


@laws
@given(worlds(), st.data())
def test_a_delta_of_a_batch_joined_is_the_batch_applied(world, data):
    batch = data.draw(st.sampled_from(world.sent or [Batch(ONE, 0, 0, [], [])]))
    ready = [slot.state for slot in world.peers if _news(slot.state, batch)]
    assume(ready)
    applied, taught = copied(ready[0]), copied(ready[0])

    applied.apply(batch)
    join(taught, applied.delta(taught.known))

    applied.check()
    taught.check()
    assert shape(taught) == shape(applied)
    assert taught.deletes == applied.deletes


def _news(state: LWWMap, batch: Batch) -> bool:
    return state.known.sequence(batch.origin) < batch.until and state.ready(batch)


@laws
@given(worlds(), st.data())
def test_any_order_duplication_and_partition_of_batches_and_deltas_gives_one_state(world, data):
    everything = joined(*[peer.state for peer in world.peers])
    left_out = data.draw(st.sets(st.sampled_from(range(len(world.sent) or 1))))
    heard = [batch for index, batch in enumerate(world.sent) if index not in left_out]
    deltas = [peer.state for peer in world.peers]
    events = data.draw(st.permutations([*heard, *heard, *deltas]))
    state, waiting = LWWMap(), Waiting(1000)

    for event in events:
        if isinstance(event, Batch):
            waiting.add(event, 1)
        else:
            join(state, event.delta(state.known))
        waiting.release(state)
        state.check()
        world.oracle.check(state, world.wall_ms)

    assert shape(state) == shape(everything)


@laws
@given(worlds())
def test_batches_alone_without_any_delta_give_the_same_state(world):
    waiting, state = Waiting(1000), LWWMap()
    for batch in reversed(world.sent):
        waiting.add(batch, 1)

    waiting.release(state)

    assert len(waiting) == 0
    world.oracle.check(state, now_ms=0)
    assert state.known == joined(*[peer.state for peer in world.peers]).known


ROWS = st.lists(st.tuples(st.integers(0, 30), values, stamps), max_size=20)


@laws
@given(ROWS, ROWS, st.booleans())
def test_applying_by_columns_is_applying_by_rows(held, rows, digested):
    batch = _batch(ONE, rows)
    by_columns, by_rows = LWWMap(), LWWMap()
    for state in (by_columns, by_rows):
        state.apply(_batch(TWO, held))
        if digested:
            state.digest.refresh(state.live, 1000)
    assume(by_columns._all_new(batch))

    replaced = [by_columns._apply_columns(batch), by_rows._apply_rows(batch, 0)]

    assert replaced[0] == replaced[1]
    assert by_columns.live == by_rows.live
    assert by_columns.digest.touched == by_rows.digest.touched
    assert by_columns.logs[ONE].sequences == by_rows.logs[ONE].sequences
    assert by_columns.logs[ONE].keys == by_rows.logs[ONE].keys


def _batch(origin: bytes, rows: list[tuple[int, bytes, int]]) -> Batch:
    made = [Write(stamp, origin, n, value) for n, (_, value, stamp) in enumerate(rows, 1)]
    return Batch(origin, 0, len(rows) + 1, [f"k{key}" for key, _, _ in rows], made)


FRESH = Batch(ONE, 0, 2, ["k", "l"], [Write(1, ONE, 1, b"v"), Write(1, ONE, 2, b"w")])


@laws
@given(
    st.sampled_from(
        [
            Batch(ONE, 0, 2, ["k", "k"], FRESH.writes),
            Batch(ONE, 0, 2, ["k", "held"], FRESH.writes),
            Batch(ONE, 0, 2, ["k", "l"], FRESH.writes, {1: (Dot(TWO, 1),)}),
            Batch(ONE, 0, 2, ["k", "l"], [FRESH.writes[0], FRESH.writes[1]._replace(value=None)]),
            Batch(ONE, 0, 2, ["k", "l"], [FRESH.writes[0], FRESH.writes[1]._replace(meta=expiry_meta(0, 9))]),
            Batch(ONE, 0, 2, ["k", "gone"], FRESH.writes),
        ]
    )
)
def test_what_is_not_all_new_puts_is_not_applied_by_columns(batch):
    state = LWWMap()
    state.apply(Batch(TWO, 0, 2, ["held", "gone"], [Write(1, TWO, 1, b"v"), Write(1, TWO, 2, b"v")]))
    state.digest.refresh(state.live, 10)
    state.write(numbered_origin(3), "gone", None, 2)

    assert state._all_new(FRESH)
    assert not state._all_new(batch)
    state.apply(batch)
    state.check()


WRITER_STEPS = st.lists(st.tuples(keys, st.one_of(values, st.none()), st.booleans(), keys), min_size=1, max_size=12)


@laws
@given(WRITER_STEPS)
@example([("a", b"x", True, "a"), ("a", None, False, "a"), ("a", b"y", False, "a")])
def test_a_coalesced_batch_leaves_what_its_writes_one_by_one_leave(steps):
    writer, foreign = LWWMap(), LWWMap()
    one_by_one, at_once = LWWMap(), LWWMap()
    unsent, singles = OpenBatch(ONE, 0), []
    for key, value, heard, elsewhere in steps:
        if heard:  # a foreign write arrives everywhere in between
            write, before = foreign.write(TWO, elsewhere, b"foreign", 5)
            batch = _single(elsewhere, write, before)
            for state in (writer, one_by_one, at_once):
                state.apply(batch)
        write, before = writer.write(ONE, key, value, 5)
        unsent.add(key, write, before)
        singles.append(_single(key, write, before))

    for batch in singles:
        one_by_one.apply(batch)
    whole = unsent.close()
    assert at_once.ready(whole)
    at_once.apply(whole)

    assert shape(at_once) == shape(one_by_one) == shape(writer)
    assert len(whole.writes) <= len({key for key, _, _, _ in steps})


def _single(key, write, before):
    past = {0: tuple(w.dot for w in each(before))} if before is not None else {}
    return Batch(write.origin, write.sequence - 1, write.sequence, [key], [write], past)


@laws
@given(WRITER_STEPS)
def test_an_open_batch_knows_its_size_whatever_was_coalesced(steps):
    state, unsent = LWWMap(), OpenBatch(ONE, 0)
    for key, value, _, _ in steps:
        unsent.add(key, *state.write(ONE, key, value, 1))
    size_bytes = unsent.size_bytes
    batch = unsent.close()

    again = OpenBatch(ONE, 0)
    for index, (key, write) in enumerate(zip(batch.keys, batch.writes, strict=True)):
        again.add(key, write, pack(Write(0, *dot, b"") for dot in batch.past.get(index, ())))

    assert len(again) == len(batch.writes)
    assert size_bytes == again.size_bytes


# -- siblings, winners ----------------------------------------------------------------------------


@laws
@given(st.lists(writes, max_size=5, unique_by=lambda w: w.dot), st.integers(0, 9))
def test_the_visible_write_is_the_greatest_by_stamp_and_origin_that_has_not_expired(chosen, now_ms):
    seen = [w for w in chosen if not w.expires_ms or w.expires_ms > now_ms]

    assert winner(pack(chosen), now_ms) == max(seen, key=lambda w: w[:3], default=None)


@laws
@given(st.lists(writes, max_size=5, unique_by=lambda w: w.dot), st.randoms())
def test_siblings_are_stored_alike_in_whatever_order_they_came(chosen, rng):
    shuffled = rng.sample(chosen, len(chosen))

    assert pack(shuffled) == pack(chosen)
    assert sorted(each(pack(chosen))) == sorted(chosen)
    assert (len(chosen) == 1) == isinstance(pack(chosen), Write)


@laws
@given(st.integers(0, 15), st.integers(0, STAMP_MAX >> 16))
def test_flags_and_expiry_share_one_number(flags, expires_ms):
    write = Write(1, ONE, 1, b"", expiry_meta(flags, expires_ms))

    assert write.expires_ms == expires_ms
    assert write.meta & 0xFFFF == flags | (2 if expires_ms else 0)


@laws
@given(st.lists(writes))
def test_rows_become_the_writes_they_describe(chosen):
    made = list(make_writes(tuple(w) for w in chosen))

    assert made == chosen
    assert all(type(w) is Write for w in made)


@laws
@given(st.lists(st.lists(writes, max_size=3, unique_by=lambda w: w.dot).map(pack), max_size=6))
def test_the_tops_of_live_writes_are_the_greatest_sequence_of_each_origin(siblings):
    everything = [write for held in siblings for write in each(held)]

    found = tops(siblings)

    assert found == {o: max(w.sequence for w in everything if w.origin == o) for o in {w.origin for w in everything}}


# -- clocks ---------------------------------------------------------------------------------------

WALLS_MS = st.one_of(st.integers(-(10**12), 1 << 46), st.integers(1000, 1010))
HAPPENINGS = st.lists(st.tuples(WALLS_MS, st.one_of(st.none(), st.integers(0, STAMP_MAX))), min_size=1, max_size=30)


@laws
@given(HAPPENINGS, st.sampled_from([0, 2000, 1 << 46]))
@example([(1000, None), (900, None), (1000, None)], 2000)
def test_every_tick_is_above_all_before_it_and_within_reach_of_the_wall(happenings, drag_ms):
    clock = HybridClock(drag_ms)
    ticks: list[int] = []
    for wall_ms, seen in happenings:
        if seen is None:
            ticks.append(clock.tick(wall_ms))
        else:
            clock.observe(seen, wall_ms)
    reach_ms = max(0, max(wall_ms for wall_ms, _ in happenings)) + drag_ms + 1

    assert all(0 < tick <= STAMP_MAX for tick in ticks)
    assert all(earlier < later or later == STAMP_MAX for earlier, later in pairwise(ticks))
    assert all(stamp_ms(tick) <= reach_ms for tick in ticks)


@laws
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 2 * 10**6))
def test_a_stamp_within_the_drag_lifts_the_clock_and_one_beyond_does_not(wall_ms, drag_ms, ahead_ms):
    clock = HybridClock(drag_ms)
    seen = (wall_ms + ahead_ms) << 16

    clock.observe(seen, wall_ms)
    tick = clock.tick(wall_ms)

    if ahead_ms <= drag_ms:
        assert tick > seen or tick == wall_ms << 16 > seen
    else:
        assert tick == max(wall_ms << 16, 1)


MOVES = st.lists(st.tuples(origins, st.integers(1, 5), st.one_of(st.none(), st.binary(min_size=4, max_size=4))))


def _vector(moves) -> VectorClock:
    known = VectorClock()
    for origin, more, tag in moves:
        known.advance(origin, known.sequence(origin) + more, tag)
    return known


@laws
@given(MOVES, st.lists(st.booleans()), MOVES)
def test_a_vector_digest_kept_up_to_date_is_one_made_afresh(moves, asked, others):
    known = VectorClock()
    for (origin, more, tag), now in zip(moves, asked, strict=False):
        known.advance(origin, known.sequence(origin) + more, tag)
        if now:
            known.digest()
    known.join(_vector(others))

    assert known.digest() == known.copy().digest()
    assert len(known.digest()) == 16


@laws
@given(MOVES, st.randoms())
def test_a_vector_digest_does_not_depend_on_order(moves, rng):
    known = _vector(moves)
    pairs = rng.sample(list(known.heads.items()), len(known))

    assert VectorClock(dict(pairs), known.tags).digest() == known.digest()


@laws
@given(MOVES, MOVES)
def test_vectors_and_tags_differ_exactly_if_their_digests_do(one_moves, other_moves):
    one, other = _vector(one_moves), _vector(other_moves)
    same = one.heads == other.heads and _tags(one) == _tags(other)

    assert (one.digest() == other.digest()) == same


def _tags(known: VectorClock) -> dict[bytes, bytes]:
    return {origin: known.tags.get(origin, bytes(4)) for origin in known.heads}


@laws
@given(MOVES, MOVES)
def test_joining_vectors_is_the_pointwise_maximum_and_commutes(one_moves, other_moves):
    one, other = _vector(one_moves), _vector(other_moves)
    here, there = one.copy(), other.copy()
    here.join(other)
    there.join(one)

    assert here.heads == {o: max(one.sequence(o), other.sequence(o)) for o in {*one.heads, *other.heads}}
    assert here == there
    assert here.digest() == there.digest()
    assert here.covers(one)
    assert here.covers(other)
    assert one.covers(other) == (here == one)


@laws
@given(MOVES, st.lists(st.tuples(origins, st.integers(1, 9))))
def test_a_vector_knows_the_dots_up_to_its_heads(moves, dots):
    known = _vector(moves)

    assert known.knows_all(Dot(*dot) for dot in dots) == all(known.knows(Dot(*dot)) for dot in dots)
    assert all(known.knows(Dot(*dot)) == (known.heads.get(dot[0], 0) >= dot[1]) for dot in dots)


@laws
@given(st.integers(-5, 1 << 33), st.binary(min_size=8, max_size=8))
def test_an_origin_is_twelve_bytes_and_sorts_by_its_second(wall_s, entropy):
    origin = mint_origin(wall_s, entropy)

    assert len(origin) == 12
    assert origin <= mint_origin(wall_s + 1, b"\xff" * 8)
    assert float(SEQUENCE_MAX) == SEQUENCE_MAX


# -- digests, logs, notes of expiry ---------------------------------------------------------------

EDITS = st.lists(st.tuples(origins, keys, st.one_of(st.none(), values), st.sampled_from([0, 0, 50]), st.integers(0, 3)))


@laws
@given(EDITS)
def test_a_state_digest_kept_up_to_date_in_slices_is_one_made_afresh(edits):
    state = LWWMap()
    for origin, key, value, expires_ms, refreshed in edits:
        state.write(origin, key, value, 1, expiry_meta(0, expires_ms))
        state.digest.refresh(state.live, refreshed)
    while not state.digest.refresh(state.live, 1):
        pass

    afresh = StateDigest(lambda key: repr(key).encode())
    afresh.touched = dict.fromkeys(state.live)
    afresh.refresh(state.live, 1000)
    assert state.digest.value() == afresh.value()
    assert any(afresh.value()) == any(not w.expires_ms for held in state.live.values() for w in each(held))


@laws
@given(st.sets(st.integers(1, 200)), st.integers(0, 201), st.sets(st.integers(1, 200)))
def test_a_log_gives_what_is_newer_in_order_and_compacts_to_what_is_held(sequences, since, held):
    log = OriginLog()
    for sequence in sorted(sequences):
        log.append(sequence, f"k{sequence}")

    assert log.newer(since) == [f"k{n}" for n in sorted(sequences) if n > since]

    log.stale = len(sequences - held)
    log.keep([sequence in held for sequence in log.sequences])
    assert log.newer(since) == [f"k{n}" for n in sorted(sequences & held) if n > since]
    assert log.stale == 0


NOTE = st.tuples(keys, st.integers(1, 50))
NOTES = st.one_of(st.lists(NOTE, max_size=20), st.lists(NOTE, min_size=100, max_size=200))


@laws
@given(NOTES, st.sets(NOTE, max_size=50), st.sets(NOTE, max_size=50), st.lists(st.integers(0, 60)).map(sorted))
def test_what_was_noted_and_is_still_live_lapses_once_and_in_time(notes, soon_gone, gone, looks_ms):
    live = set(notes) - soon_gone
    expiry = Expiry(lambda key, at_ms: (key, at_ms) in live)
    for key, at_ms in notes:
        expiry.add(key, Write(1, ONE, 1, b"", expiry_meta(0, at_ms)))
    live -= gone
    lapsed = []
    for now_ms in looks_ms:
        named = expiry.lapsed(now_ms)
        assert all(at_ms <= now_ms for _, at_ms in named)
        lapsed += named
    last_ms = looks_ms[-1] if looks_ms else 0

    assert sorted(lapsed, key=repr) == sorted(((k, t) for k, t in live if t <= last_ms), key=repr)
    assert set(expiry.overdue(last_ms)) == {key for key, at_ms in live if at_ms <= last_ms}
    assert expiry.overdue(last_ms) == []
    upcoming_ms = expiry.next_ms()
    assert upcoming_ms is None or upcoming_ms > last_ms
    assert {key for key, at_ms in live if at_ms > last_ms} <= {key for key, _ in expiry.lapsed(100)}


# -- held batches ---------------------------------------------------------------------------------


@laws
@given(st.permutations(range(8)), st.integers(0, 8), st.integers(1, 8))
def test_held_batches_are_bounded_and_their_gaps_are_what_is_missing(order, count, bytes_max):
    waiting = Waiting(bytes_max)
    for n in order[:count]:
        waiting.add(Batch(ONE, n, n + 1, ["k"], [Write(n, ONE, n + 1, b"")]), 1)
        assert waiting.size_bytes == len(waiting) <= bytes_max
    kept = sorted(order[:count])[:bytes_max] if count <= bytes_max else None
    missing = {n for after, until in waiting.gaps(ONE) for n in range(after, until)}

    if kept is not None:
        assert missing == set(range(max(kept, default=-1) + 1)) - set(kept)
    assert (waiting.origins() == [ONE]) == bool(count)
