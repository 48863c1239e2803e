"""The smallest histories behind each rule, named for what they protect.

`test_mutants` lives them again with the rule taken away, and expects them to fail.
Times are milliseconds on a wall clock that stands still unless a history moves it.
"""

from __future__ import annotations

import pytest
from history_peer import GRACE_MS, Put
from history_world import World, numbered_origin

from gossamer.crdt.clock import STAMP_MAX, stamp_ms
from gossamer.crdt.joining import Joining, join
from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.open_batch import DOT_BYTES, META_BYTES, ROW_BYTES, OpenBatch
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.waiting import Waiting
from gossamer.crdt.writes import EXPIRES, FORCE, Batch, Delta, Key, Write, each, winner

ONE, TWO, THREE = map(numbered_origin, (1, 2, 3))


def mesh(*skews_ms: int, drag_ms: int = 1 << 46) -> World:
    """A world in which everybody hears everybody."""
    slots = range(len(skews_ms))
    return World([(i, j) for i in slots for j in slots if i != j], list(skews_ms), held_max=100, drag_ms=drag_ms)


def put(value: str, ttl_ms: int = 0) -> Put:
    return value.encode(), ttl_ms, 0


DELETE: Put = (None, 0, 0)


def shown(world: World, slot: int) -> dict[Key, str]:
    live, now_ms = world.peers[slot].state.live, world.now_ms(slot)
    return {key: won.value.decode() for key in live if (won := winner(live[key], now_ms)) and won.value is not None}


def held(world: World, slot: int, key: Key) -> set[str]:
    return {write.value.decode() for write in each(world.peers[slot].state.live.get(key)) if write.value is not None}


def receive_all(world: World, slot: int) -> None:
    for index in range(len(world.inbox[slot])):
        world.deliver(slot, index)


# -- siblings, deletes, winners -------------------------------------------------------------------


def test_a_delete_removes_what_it_saw_and_not_a_concurrent_put():
    world = mesh(0, 0)
    world.write(0, {"k": put("seen")})
    world.catch_up(1, 0)

    world.write(0, {"k": DELETE})
    world.write(1, {"k": put("unseen")})
    world.catch_up(0, 1)
    world.catch_up(1, 0)

    assert shown(world, 0) == shown(world, 1) == {"k": "unseen"}


def test_concurrent_writes_with_one_stamp_have_one_winner_whoever_is_heard_first():
    world = mesh(0, 0, 0, 0)
    world.write(0, {"k": put("zero")})
    world.write(1, {"k": put("one")})
    world.post(0, [2, 3])
    world.post(1, [2, 3])

    world.deliver(2, 0)
    world.deliver(2, 1)
    world.deliver(3, 1)
    world.deliver(3, 0)

    assert held(world, 2, "k") == held(world, 3, "k") == {"zero", "one"}
    assert shown(world, 2) == shown(world, 3) == {"k": "one"}


def test_a_write_from_the_year_4199_can_be_overwritten_and_spoils_no_other_key():
    far_ms = 1 << 46
    world = mesh(far_ms, 0, drag_ms=2000)
    world.write(0, {"k": put("future")})
    world.catch_up(1, 0)

    world.write(1, {"k": put("present")})
    world.write(1, {"other": put("present")})

    assert shown(world, 1) == {"k": "present", "other": "present"}
    assert world.peers[1].state.live["k"].stamp == STAMP_MAX
    assert stamp_ms(world.peers[1].state.live["other"].stamp) == world.wall_ms


def test_a_write_is_above_what_it_replaces_even_when_its_own_clock_is_behind():
    world = mesh(500, -500)
    world.write(0, {"k": put("ahead")})
    world.post(0, [1])
    world.peers[1].state.apply(world.inbox[1][0])  # unheard by the clock
    world.peers[1].mirror = dict(world.peers[1].state.live)

    world.write(1, {"k": put("behind")})

    assert shown(world, 1) == {"k": "behind"}


@pytest.mark.parametrize(
    ("held", "asked", "given"),
    [(5, 3, 6), (5, 5, 6), (5, 9, 9), (STAMP_MAX, 3, STAMP_MAX), (STAMP_MAX - 1, 3, STAMP_MAX)],
)
def test_a_write_takes_the_stamp_it_is_given_unless_what_it_replaces_is_above(held, asked, given):
    lone, conflict = LWWMap(), LWWMap()
    lone.write(TWO, "k", b"before", held)
    for origin, stamp in ((TWO, held), (THREE, 1)):
        conflict.apply(Batch(origin, 0, 1, ["k"], [Write(stamp, origin, 1, b"before")]))

    assert lone.floor("k") == conflict.floor("k") == min(held + 1, STAMP_MAX)
    for state in (lone, conflict):
        write, _ = state.write(ONE, "k", b"after", asked)
        assert write.stamp == given
        assert state.live["k"] == write


# -- batches --------------------------------------------------------------------------------------


def test_a_batch_waits_for_what_its_origin_sent_before():
    world = mesh(0, 0)
    world.write(0, {"first": put("1")})
    world.post(0, [1])
    world.write(0, {"second": put("2")})
    world.post(0, [1])

    world.deliver(1, 1)
    early = shown(world, 1)
    world.deliver(1, 0)

    assert early == {}
    assert shown(world, 1) == {"first": "1", "second": "2"}


def test_a_batch_waits_for_the_writes_it_replaces():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("old")})
    world.post(0, [1, 2])
    world.deliver(1, 0)
    world.write(1, {"k": put("new")})
    world.post(1, [2])

    world.deliver(2, 1)
    early = shown(world, 2)
    world.deliver(2, 0)

    assert early == {}
    assert held(world, 2, "k") == {"new"}


def test_a_batch_is_seen_whole_even_when_only_one_of_its_writes_must_wait():
    world = mesh(0, 0, 0)
    world.write(0, {"b": put("old")})
    world.post(0, [1, 2])
    world.deliver(1, 0)
    world.write(1, {"a": put("new"), "b": put("new")})
    world.post(1, [2])

    world.deliver(2, 1)
    early = shown(world, 2)
    world.deliver(2, 0)

    assert early == {}
    assert shown(world, 2) == {"a": "new", "b": "new"}


def test_of_two_batches_the_same_one_wins_on_every_key():
    world = mesh(0, 0)
    world.write(0, {"a": put("x")})
    for _ in range(3):
        world.write(0, {"a": put("higher and higher")})
    world.catch_up(1, 0)
    world.wall_ms -= 500

    world.write(1, {"b": put("one"), "a": put("one")})
    world.wall_ms += 100
    world.write(0, {"a": put("zero"), "b": put("zero")})
    world.catch_up(0, 1)
    world.catch_up(1, 0)

    assert shown(world, 0) == shown(world, 1)
    assert len(set(shown(world, 0).values())) == 1


def test_what_a_coalesced_write_had_replaced_stays_replaced():
    world = mesh(0, 0)
    world.write(0, {"k": put("old")})
    world.catch_up(1, 0)

    world.write(1, {"k": put("left out")})
    world.write(1, {"k": put("new")})
    world.post(1, [0])
    receive_all(world, 0)

    assert [write.value for write in world.sent[-1].writes] == [b"new"]
    assert held(world, 0, "k") == {"new"}


def test_a_put_coalesced_over_an_unsent_delete_still_replaces_what_the_delete_did():
    world = mesh(0, 0)
    world.write(0, {"k": put("old")})
    world.catch_up(1, 0)

    world.write(1, {"k": DELETE})
    world.write(1, {"k": put("new")})
    world.post(1, [0])
    receive_all(world, 0)

    assert held(world, 0, "k") == {"new"}


def test_a_put_that_somebody_else_removed_before_it_was_sent_is_sent_all_the_same():
    writer, deleter, third = LWWMap(), LWWMap(), LWWMap()
    unsent = OpenBatch(ONE, 0)
    first, before = writer.write(ONE, "k", b"first", 1)
    unsent.add("k", first, before)
    join(deleter, writer.delta(deleter.known))  # only a hand-made history leaves the batch open here
    deleter.write(TWO, "k", None, 2)
    join(writer, deleter.delta(writer.known))

    second, before = writer.write(ONE, "k", b"second", 3)
    unsent.add("k", second, before)
    third.apply(unsent.close())

    assert {write.value for write in each(third.live["k"])} == {b"first", b"second"}  # nobody told it of the delete


def test_an_own_put_that_lapsed_before_it_was_sent_takes_what_it_replaced_along():
    world = mesh(0, 0)
    world.write(0, {"k": put("old")})
    world.catch_up(1, 0)
    world.write(0, {"k": put("short", ttl_ms=1)})
    world.wall_ms += 2 * GRACE_MS
    world.bury(0)

    world.write(0, {"k": put("new")})
    world.post(0, [1])
    receive_all(world, 1)

    assert shown(world, 1) == {"k": "new"}
    assert "old" not in held(world, 1, "k")


def test_a_batch_of_which_the_first_writes_are_known_applies_the_rest():
    writer, reader = LWWMap(), LWWMap()
    unsent = OpenBatch(ONE, 0)
    for key in ("a", "b"):
        unsent.add(key, *writer.write(ONE, key, b"1", 1))
        if key == "a":
            join(reader, writer.delta(reader.known))

    replaced = reader.apply(unsent.close())

    assert [change.key for change in replaced] == ["b"]
    assert reader.live == writer.live


def test_a_batch_that_comes_twice_changes_nothing():
    world = mesh(0, 0)
    world.write(0, {"k": put("once")})
    world.post(0, [1])

    world.deliver(1, 0)

    assert world.peers[1].state.apply(world.inbox[1][0]) == []


def test_an_old_batch_does_not_lower_what_is_known():
    state = LWWMap()
    batches = [Batch(ONE, n, n + 1, ["k"], [Write(n, ONE, n + 1, b"v")], {0: ((ONE, n),)} if n else {}) for n in (0, 1)]
    for batch in batches:
        state.apply(batch)

    assert state.apply(batches[0]) == []
    assert state.known.heads == {ONE: 2}
    assert state.live["k"].sequence == 2


@pytest.mark.parametrize(
    ("key", "key_bytes"), [("k" * 9, 9), ("\N{SNOWMAN}", 4), (b"12345", 5), (("any", "tuple"), 32), (7, 32)]
)
def test_an_open_batch_counts_keys_values_flags_and_what_is_replaced(key, key_bytes):
    unsent, state = OpenBatch(ONE, 0), LWWMap()
    for origin in (TWO, THREE):
        state.apply(Batch(origin, 0, 1, [key], [Write(1, origin, 1, b"theirs")]))

    unsent.add(key, *state.write(ONE, key, b"x" * 20, 1, meta=FORCE))

    assert unsent.size_bytes == ROW_BYTES + key_bytes + 20 + META_BYTES + 2 * DOT_BYTES

    unsent.add(key, *state.write(ONE, key, None, 1))

    assert unsent.size_bytes == ROW_BYTES + key_bytes + 2 * DOT_BYTES

    state.apply(Batch(TWO, 1, 2, [key], [Write(1, TWO, 2, b"theirs again")]))
    unsent.add(key, *state.write(ONE, key, b"x", 1))

    assert unsent.size_bytes == ROW_BYTES + key_bytes + 1 + 3 * DOT_BYTES


def test_held_batches_stay_within_their_bytes_and_the_farthest_goes_first():
    batches = [Batch(ONE, n, n + 1, [f"k{n}"], [Write(1, ONE, n + 1, b"v")]) for n in range(4)]
    waiting, state = Waiting(bytes_max=2), LWWMap()
    for batch in reversed(batches[1:]):
        waiting.add(batch, 1)

    assert waiting.size_bytes == 2
    assert waiting.gaps(ONE) == [(0, 1)]

    waiting.release(state)
    state.apply(batches[0])
    waiting.release(state)

    assert state.known.sequence(ONE) == 3
    assert (len(waiting), waiting.size_bytes) == (0, 0)


def test_a_held_batch_that_comes_again_takes_no_more_room():
    batch = Batch(ONE, 1, 2, ["k"], [Write(1, ONE, 2, b"v")])
    waiting = Waiting(bytes_max=100)

    for _ in range(5):
        waiting.add(batch, 60)

    assert (len(waiting), waiting.size_bytes) == (1, 60)


def test_a_batch_too_large_to_hold_costs_no_other_its_place():
    small = [Batch(ONE, n, n + 1, ["k"], [Write(1, ONE, n + 1, b"v")]) for n in (1, 2)]
    large = Batch(TWO, 1, 2, ["k"], [Write(1, TWO, 2, b"v" * 999)])
    waiting = Waiting(bytes_max=100)

    for batch in small:
        waiting.add(batch, 50)
    waiting.add(large, 999)

    assert len(waiting) == 2
    assert waiting.origins() == [ONE]


# -- deltas ---------------------------------------------------------------------------------------


def test_what_a_delta_brought_is_passed_on_in_the_next_delta():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.catch_up(1, 0)
    world.write(0, {"l": put("w")})
    world.write(2, {"own": put("so that it knows somebody")})
    world.catch_up(1, 2)
    world.catch_up(2, 1)
    world.catch_up(1, 0)

    world.die(0)
    world.catch_up(2, 1)

    assert shown(world, 2) == {"k": "v", "l": "w", "own": "so that it knows somebody"}


def test_a_delta_does_not_bring_back_what_was_replaced_here():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("dead")})
    world.catch_up(1, 0)
    world.write(0, {"k": DELETE})
    world.write(2, {"k": put("concurrent")})
    world.catch_up(1, 2)

    world.catch_up(0, 1)

    assert held(world, 1, "k") == {"dead", "concurrent"}
    assert held(world, 0, "k") == {"concurrent"}


def test_a_delete_travels_on_through_one_who_only_heard_of_it():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.catch_up(1, 0)
    world.catch_up(2, 0)
    world.write(0, {"k": DELETE})

    world.catch_up(1, 0)
    world.catch_up(2, 1)

    assert shown(world, 2) == {}


def test_of_two_deletes_by_one_origin_the_newer_is_what_is_kept():
    world = mesh(0, 0)
    world.write(0, {"k": put("1")})
    world.write(0, {"k": DELETE})
    world.write(0, {"other": put("x")})
    world.catch_up(1, 0)
    world.write(0, {"k": put("2")})
    world.catch_up(1, 0)

    world.write(0, {"k": DELETE})
    world.catch_up(1, 0)

    assert shown(world, 1) == {"other": "x"}


def test_an_exchange_that_was_cut_teaches_nothing():
    world = mesh(0, 0)
    world.write(0, {"a": put("1"), "b": put("2")})
    world.write(1, {"own": put("x")})
    world.ask(1, 0)
    world.join(0, 1)

    world.prepare(1, 1)

    assert shown(world, 1) == {"own": "x"}
    assert not world.peers[1].state.known.knows((numbered_origin(1), 1))


def test_a_reader_sees_the_old_state_until_a_join_is_published():
    world = mesh(0, 0)
    world.write(0, {"a": put("1"), "b": put("2")})
    world.ask(1, 0)
    world.join(0, 1)

    world.prepare(1, 1)
    early = shown(world, 1)
    world.publish(1)

    assert early == {}
    assert shown(world, 1) == {"a": "1", "b": "2"}


def test_a_key_written_while_a_join_is_prepared_keeps_that_write():
    world = mesh(0, 0)
    world.write(0, {"k": put("theirs")})
    world.ask(1, 0)
    world.join(0, 1)
    world.prepare(1, 10)

    world.write(1, {"k": put("mine")})
    world.publish(1)

    assert held(world, 1, "k") == {"theirs", "mine"}


def test_a_write_over_what_a_join_is_about_to_change_stays_replaced():
    world = mesh(0, 0)
    world.write(0, {"k": put("old")})
    world.catch_up(1, 0)
    world.write(0, {"k": put("theirs")})
    world.ask(1, 0)
    world.join(1, 1)
    world.prepare(1, 10)

    world.write(1, {"k": put("mine")})
    world.publish(1)

    assert held(world, 1, "k") == {"theirs", "mine"}


class Meddler(str):
    """A key that writes another one whenever it is looked up, as another thread might."""

    state: LWWMap | None = None
    __slots__ = ()

    def __hash__(self) -> int:
        state, Meddler.state = Meddler.state, None
        if state is not None:
            state.write(TWO, f"written {len(state.live)} keys in", b"v", 9)
        return super().__hash__()


def test_a_key_written_in_the_middle_of_a_slice_is_neither_lost_nor_an_error():
    state, sender = LWWMap(), LWWMap()
    for n in range(5):
        sender.write(ONE, Meddler(f"k{n}"), b"v", n)
    join(state, sender.delta(VectorClock()))
    sender.write(ONE, Meddler("k0"), None, 9)
    sender.forget("k0")

    joining = Joining(state, sender.delta(state.known))
    Meddler.state = state
    while not joining.prepare(1):
        Meddler.state = state
    joining.publish()
    Meddler.state = None

    state.check()
    assert "k0" not in state.live
    assert len([key for key in state.live if str(key).startswith("written")]) >= 2


def test_a_second_delta_waits_until_the_first_is_joined():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.ask(2, 0)
    world.catch_up(1, 0)
    world.write(1, {"k": DELETE})
    world.ask(2, 1)

    world.join(0, 2)
    world.prepare(2, 10)
    world.join(2, 2)  # knows k's write and its end, and shows no trace of it
    world.publish(2)
    while world.peers[2].joining is not None:
        world.publish(2)

    assert shown(world, 2) == {}


def test_a_batch_waits_until_the_join_under_way_is_published():
    world = mesh(0, 0)
    world.write(0, {"k": put("v")})
    world.post(0, [1])
    world.ask(1, 0)
    world.write(0, {"k": DELETE})
    world.post(0, [1])

    world.join(0, 1)
    world.prepare(1, 10)
    receive_all(world, 1)
    world.publish(1)

    assert shown(world, 1) == {}


def test_who_answers_a_delta_closes_its_batch_first():
    world = mesh(0, 0)
    world.write(0, {"k": put("1")})
    world.ask(1, 0, heard_by=[1])
    world.write(0, {"k": put("2")})
    world.post(0, [1])

    world.join(0, 1)
    world.publish(1)
    receive_all(world, 1)

    assert held(world, 1, "k") == {"2"}


def test_a_delta_for_a_memory_that_was_lost_is_refused():
    world = mesh(0, 0)
    world.write(0, {"k": put("1")})
    world.catch_up(1, 0)
    world.write(0, {"l": put("2")})
    world.ask(1, 0)

    world.restart(1, from_save=False)
    if world.join(len(world.flying) - 1, 1):
        world.publish(1)
    world.catch_up(1, 0)

    assert shown(world, 1) == {"k": "1", "l": "2"}


def test_a_delta_costs_what_differs_and_nothing_when_nothing_does():
    world = mesh(0, 0)
    world.write(0, {f"k{n}": put(str(n)) for n in range(100)})
    world.catch_up(1, 0)
    world.write(0, {"k7": put("new"), "k8": DELETE})

    one, other = world.peers[0].state, world.peers[1].state
    delta = one.delta(other.known)
    world.catch_up(1, 0)

    assert delta.siblings.keys() == {"k7", "k8"}
    assert delta.roster is None
    assert one.delta(other.known).siblings == {}


# -- forgetting -----------------------------------------------------------------------------------


def test_a_delete_that_was_forgotten_still_reaches_one_who_was_away():
    world = mesh(0, 0)
    world.write(0, {"k": put("v"), "kept": put("w")})
    world.catch_up(1, 0)
    world.write(0, {"k": DELETE})
    world.forget(0, ["k"])

    world.catch_up(1, 0)

    assert shown(world, 1) == {"kept": "w"}


def test_who_learned_from_a_roster_passes_on_that_deletes_were_forgotten():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.catch_up(1, 0)
    world.catch_up(2, 0)
    world.write(0, {"k": DELETE})
    world.forget(0, ["k"])

    world.catch_up(1, 0)
    world.catch_up(2, 1)

    assert shown(world, 2) == {}


def test_an_empty_newcomer_needs_no_roster_but_inherits_what_was_forgotten():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.catch_up(2, 0)
    world.write(0, {"k": DELETE})
    world.forget(0, ["k"])

    world.ask(1, 0)
    roster = world.flying[-1][1].roster
    world.catch_up(1, 0)
    world.catch_up(2, 1)

    assert roster is None
    assert shown(world, 2) == {}


def test_a_delta_without_roster_is_refused_by_one_who_is_no_longer_empty():
    world = mesh(0, 0, 0)
    world.write(0, {"k": put("v")})
    world.post(0, [1, 2])
    world.deliver(1, 0)
    world.write(1, {"k": DELETE})
    world.forget(1, ["k"])
    world.ask(2, 1)

    world.deliver(2, 0)
    if world.join(0, 2):
        world.publish(2)
    world.catch_up(2, 1)

    assert shown(world, 2) == {}


def test_own_writes_survive_a_roster_that_does_not_list_them():
    world = mesh(0, 0)
    world.write(0, {"k": put("v")})
    world.catch_up(1, 0)
    world.write(0, {"k": DELETE})
    world.forget(0, ["k"])
    world.write(1, {"mine": put("unheard of")})

    world.catch_up(1, 0)

    assert shown(world, 1) == {"mine": "unheard of"}


# -- expiry ---------------------------------------------------------------------------------------


def test_a_put_that_expired_and_was_dropped_keeps_what_it_replaced_dead():
    world = mesh(0, 0)
    world.write(0, {"k": put("old")})
    world.catch_up(1, 0)
    world.write(0, {"k": put("short", ttl_ms=5)})
    world.wall_ms += 2 * GRACE_MS

    world.bury(0)
    world.catch_up(1, 0)

    assert shown(world, 0) == shown(world, 1) == {}


def test_a_burial_that_was_forgotten_is_told_by_those_who_held_the_write_until_they_heard():
    world = mesh(0, 0, 0)
    world.write(2, {"k": put("old")})
    world.catch_up(1, 2)
    world.write(1, {"k": put("short", ttl_ms=5)})
    world.catch_up(0, 1)
    world.wall_ms += 2 * GRACE_MS
    world.bury(0)
    world.forget(0, ["k"])
    world.write(0, {"k": put("never sent")})
    world.write(0, {"k": DELETE})
    world.post(0, [2])
    receive_all(world, 2)

    world.catch_up(1, 0)
    world.catch_up(2, 1)

    assert shown(world, 2) == {}


def test_a_delta_does_not_bring_back_a_put_that_was_dropped_here():
    world = mesh(0, 0)
    world.write(1, {"k": put("concurrent")})
    world.write(0, {"k": put("short", ttl_ms=5)})
    world.catch_up(1, 0)
    world.wall_ms += 2 * GRACE_MS

    world.bury(0)
    world.catch_up(0, 1)

    assert held(world, 0, "k") == {"concurrent"}


def test_a_put_over_an_expired_one_replaces_it_everywhere():
    world = mesh(0, 0)
    world.write(0, {"k": put("short", ttl_ms=5)})
    world.catch_up(1, 0)
    world.wall_ms += 10

    world.write(0, {"k": put("new")})
    world.post(0, [1])
    receive_all(world, 1)

    assert held(world, 1, "k") == {"new"}


def test_a_fast_clock_does_not_take_a_value_from_one_whose_clock_is_slow():
    world = mesh(GRACE_MS // 2, -GRACE_MS // 2, -GRACE_MS // 2)
    world.write(1, {"k": put("short", ttl_ms=10)})
    world.catch_up(0, 1)
    world.wall_ms += 5

    world.bury(0)
    world.catch_up(2, 0)

    assert shown(world, 0) == {}
    assert shown(world, 1) == shown(world, 2) == {"k": "short"}


def test_when_the_winner_expires_an_older_concurrent_write_shows_again():
    world = mesh(0, 0)
    world.write(0, {"k": put("lasting")})
    world.wall_ms += 1
    world.write(1, {"k": put("short", ttl_ms=5)})
    world.catch_up(0, 1)

    early = shown(world, 0)
    world.wall_ms += 10

    assert early == {"k": "short"}
    assert shown(world, 0) == {"k": "lasting"}


def test_digests_agree_although_only_one_has_dropped_what_expired():
    world = mesh(0, 0)
    world.write(0, {"k": put("short", ttl_ms=5), "l": put("lasting")})
    world.catch_up(1, 0)
    world.wall_ms += 2 * GRACE_MS

    world.bury(0)
    for slot in (0, 1):
        world.sum_up(slot, 100)

    assert world.peers[0].state.digest.value() == world.peers[1].state.digest.value() != bytes(16)


def test_a_key_written_all_day_with_a_time_to_live_does_not_fill_the_memory():
    state = LWWMap()
    for n in range(10_000):
        state.write(ONE, "sensor", b"v", n, meta=EXPIRES | (86_400_000 + n) << 16)

    assert len(state.expiry) < 1000
    assert state.expiry.lapsed(86_400_000 + 9_999)[-1] == ("sensor", 86_400_000 + 9_999)


def test_only_a_write_that_is_still_live_lapses():
    state = LWWMap()
    state.write(ONE, "k", b"first", 1, meta=EXPIRES | 50 << 16)
    state.write(ONE, "k", b"second", 2, meta=EXPIRES | 90 << 16)

    assert state.expiry.lapsed(60) == []
    assert state.expiry.next_ms() == 90
    assert state.expiry.lapsed(90) == [("k", 90)]
    assert state.expiry.lapsed(999) == []


@pytest.mark.parametrize("value", [b"new", None])
@pytest.mark.parametrize("meta", [0, FORCE])
def test_a_key_that_showed_nothing_is_hidden_no_longer_once_it_is_written(value, meta):
    state = LWWMap()
    state.write(ONE, "k", b"v", 1, meta=EXPIRES | 50 << 16)
    state.expiry.hidden.add("k")

    state.write(ONE, "k", value, 2, meta)

    assert not state.expiry.hidden


def test_a_write_lapses_once_although_its_key_gained_a_sibling():
    state = LWWMap()
    state.write(ONE, "k", b"v", 1, meta=EXPIRES | 50 << 16)
    state.apply(Batch(TWO, 0, 1, ["k"], [Write(2, TWO, 1, b"w")]))

    assert state.expiry.lapsed(100) == [("k", 50)]
    assert state.bury(100, 10) == ["k"]
    assert {write.value for write in each(state.live["k"])} == {b"w"}


# -- runs, digests, housekeeping ------------------------------------------------------------------


def test_one_who_lost_its_memory_is_still_heard():
    world = mesh(0, 0)
    world.write(0, {"k": put("before")})
    world.post(0, [1])
    receive_all(world, 1)

    world.restart(0, from_save=False)
    world.write(0, {"l": put("after")})
    world.post(0, [1])
    world.deliver(1, 1)

    assert shown(world, 1) == {"k": "before", "l": "after"}


def test_one_restored_from_an_old_save_loses_nothing_and_revives_nothing():
    world = mesh(0, 0)
    world.write(0, {"deleted": put("1"), "kept": put("2")})
    world.save(0)
    world.write(0, {"deleted": DELETE, "later": put("3")})
    world.catch_up(1, 0)

    world.restart(0, from_save=True)
    world.write(0, {"new": put("4")})
    world.catch_up(0, 1)
    world.catch_up(1, 0)

    assert shown(world, 0) == shown(world, 1) == {"kept": "2", "later": "3", "new": "4"}


def test_a_digest_is_over_the_bytes_as_written_and_not_over_what_they_mean():
    short, long = LWWMap(), LWWMap()
    short.write(ONE, "k", b"\x01", 1)  # both are 1 to a CBOR decoder
    long.write(ONE, "k", b"\x18\x01", 1)

    for state in (short, long):
        state.digest.refresh(state.live, 10)

    assert short.digest.value() != long.digest.value()


@pytest.mark.parametrize("other", [("l", ONE, 1, b"v"), ("k", TWO, 1, b"v"), ("k", ONE, 2, b"v"), ("k", ONE, 1, b"w")])
def test_a_digest_tells_keys_origins_stamps_and_values_apart(other):
    digests = set()
    for key, origin, stamp, value in (("k", ONE, 1, b"v"), other):
        state = LWWMap()
        state.write(origin, key, value, stamp)
        state.digest.refresh(state.live, 10)
        digests.add(state.digest.value())

    assert len(digests) == 2


def test_a_digest_covers_the_writes_that_lost_too():
    winners, conflict = LWWMap(), LWWMap()
    for state in (winners, conflict):
        state.write(TWO, "k", b"winner", 2)
    conflict.apply(Batch(ONE, 0, 1, ["k"], [Write(1, ONE, 1, b"loser")]))

    for state in (winners, conflict):
        state.digest.refresh(state.live, 10)

    assert winners.digest.value() != conflict.digest.value()


def test_what_expired_is_dropped_after_the_grace_and_not_before():
    world = mesh(0, 0)
    world.write(0, {"k": put("short", ttl_ms=5)})
    world.catch_up(1, 0)

    world.wall_ms += 5 + GRACE_MS - 1
    world.bury(1)
    early = held(world, 1, "k")
    world.wall_ms += 1
    world.bury(1)

    assert early == {"short"}
    assert held(world, 1, "k") == set()


def test_a_write_put_again_under_another_origin_replaces_only_the_old_one():
    state = LWWMap()
    state.apply(Batch(TWO, 0, 1, ["k"], [Write(7, TWO, 1, b"disputed")]))
    state.apply(Batch(THREE, 0, 1, ["k"], [Write(5, THREE, 1, b"other")]))
    old = state.live["k"][0]

    new, replaced = state.rewrite(ONE, "k", old)
    state.check()

    assert replaced == old
    assert (new.stamp, new.value, new.dot) == (7, b"disputed", (ONE, 1))
    assert set(state.live["k"]) == {new, Write(5, THREE, 1, b"other")}


def test_a_key_overwritten_for_ever_keeps_its_log_short():
    state = LWWMap()
    for n in range(10_000):
        state.write(ONE, "sensor", b"v", n)

    state.check()
    assert len(state.logs[ONE]) < 200


def test_a_log_that_was_compacted_still_tells_of_deletes_and_of_conflicts():
    state, reader = LWWMap(), LWWMap()
    state.write(ONE, "deleted", b"v", 1)
    state.apply(Batch(TWO, 0, 1, ["conflict"], [Write(1, TWO, 1, b"theirs")]))
    join(reader, state.delta(reader.known))
    state.write(ONE, "deleted", None, 2)
    own = state.known.sequence(ONE) + 1
    state.apply(Batch(ONE, own - 1, own, ["conflict"], [Write(2, ONE, own, b"mine")]))
    for n in range(300):
        state.write(ONE, "sensor", b"v", 3 + n)

    join(reader, state.delta(reader.known))

    assert len(state.logs[ONE]) < 150
    assert reader.live == state.live
    assert "deleted" not in reader.live
    assert len(each(reader.live["conflict"])) == 2


def test_who_only_listens_keeps_its_logs_short_too():
    state = LWWMap()
    for n in range(1000):
        past = {0: ((ONE, n),)} if n else {}
        state.apply(Batch(ONE, n, n + 1, ["sensor"], [Write(n, ONE, n + 1, b"v")], past))

    state.check()
    assert len(state.logs[ONE]) < 200


def test_an_origin_of_which_nothing_is_left_costs_a_pair_in_the_vector_and_nothing_else():
    state = LWWMap()
    for n in range(500):
        state.write(ONE, f"k{n}", b"v", n)
    for n in range(500):
        state.write(TWO, f"k{n}", None, n)
        state.forget(f"k{n}")

    assert not state.live
    assert not state.deletes
    assert sum(map(len, state.logs.values())) < 200


def test_a_delta_is_joined_alike_in_one_slice_and_in_many():
    source, whole, sliced = LWWMap(), LWWMap(), LWWMap()
    for n in range(50):
        source.write(ONE, f"k{n}", b"v", n)
    delta = source.delta(VectorClock())

    join(whole, delta)
    joining = Joining(sliced, delta)
    slices = 1
    while not joining.prepare(7):
        slices += 1
    joining.publish()

    assert slices == 8
    assert sliced.live == whole.live == source.live


# -- what `check` notices -------------------------------------------------------------------------


def _shape(state: LWWMap) -> None:
    state.live["a"] = (state.live["a"],)


def _empty(state: LWWMap) -> None:
    state.live["a"] = ()


def _loser_first(state: LWWMap) -> None:
    state.live["c"] = tuple(reversed(state.live["c"]))


def _unknown(state: LWWMap) -> None:
    state.known.heads[ONE] = 1


def _delete_live(state: LWWMap) -> None:
    state.live["a"] = state.live["a"]._replace(value=None)


def _expiry_without_flag(state: LWWMap) -> None:
    state.live["a"] = state.live["a"]._replace(meta=5 << 16)


def _dot_twice(state: LWWMap) -> None:
    state.live["z"] = state.live["a"]


def _unknown_delete(state: LWWMap) -> None:
    state.deletes["d"] = ((TWO, 99),)


def _empty_delete(state: LWWMap) -> None:
    state.deletes["z"] = ()


def _unlisted(state: LWWMap) -> None:
    state.logs[ONE].sequences.pop(0)
    state.logs[ONE].keys.pop(0)


def _disordered(state: LWWMap) -> None:
    state.logs[ONE].sequences.reverse()
    state.logs[ONE].keys.reverse()


def _uncounted(state: LWWMap) -> None:
    state.logs[ONE].stale += 1


@pytest.mark.parametrize(
    "damage",
    [
        _shape,
        _empty,
        _loser_first,
        _unknown,
        _delete_live,
        _expiry_without_flag,
        _dot_twice,
        _unknown_delete,
        _empty_delete,
        _unlisted,
        _disordered,
        _uncounted,
    ],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_check_notices_a_state_that_breaks_an_invariant(damage):
    state = LWWMap()
    state.write(ONE, "a", b"1", 1)
    state.write(ONE, "b", b"2", 2)
    state.write(ONE, "d", None, 3)
    for origin in (TWO, THREE):
        state.apply(Batch(origin, 0, 1, ["c"], [Write(4, origin, 1, b"3")]))
    state.check()

    damage(state)

    with pytest.raises(AssertionError):
        state.check()


def test_a_delta_that_answers_nothing_changes_nothing():
    state = LWWMap()
    state.write(ONE, "a", b"1", 1)

    assert join(state, Delta(VectorClock(), VectorClock())) == []
    assert shown_values(state) == {"a": b"1"}


def shown_values(state: LWWMap) -> dict[Key, bytes | None]:
    return {key: won.value for key in state.live if (won := winner(state.live[key], 0))}
