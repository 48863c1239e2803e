"""Counters: every step of everybody counts, once, whatever happens between."""

from __future__ import annotations

import threading
from copy import deepcopy
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_copy import Copy

from gossamer.errors import InvalidKey, MeshClosed, UnsendableValue
from gossamer.views.counter import FOLD_ORIGINS_MIN, Counter
from gossamer.views.space import GONE
from gossamer.views.spaces import COUNTER
from gossamer.views.tally import Tally


def counter_of(copy: Copy, name: str = "n", gone: set[bytes] = frozenset()) -> Counter:  # type: ignore[assignment]
    return Counter(copy.mapping._space(COUNTER), name, lambda origins: origins & gone, no_one, no_one)


def twin_of(copy: Copy) -> Copy:
    """Return a copy of a machine that was cloned while it ran: it goes on under the same origin."""
    twin = Copy(copy.name)
    twin.hear(copy)
    twin.ledger.origin = copy.ledger.origin
    twin.ledger.outbox = deepcopy(copy.ledger.outbox)
    return twin


def no_one(*_: object) -> None:
    """Listen to nothing."""


def rows_of(copy: Copy, name: str = "n") -> dict[object, object]:
    return dict(copy.mapping._space(COUNTER).rows(name))


# -- partitions, restarts, forks --------------------------------------------------------------------


def test_two_peers_count_to_five_hundred_each_while_they_cannot_hear_each_other(mesh_factory, net, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    net.weather(loss=0.3, delay_s=(0.001, 0.02))
    north.counter("n").add()

    with net.partition(north, south):
        for _ in range(500):
            north.counter("n").add()
            south.counter("n").add()
        net.run(1)
        assert (north.counter("n").value, south.counter("n").value) == (501, 500)

    converged([north, south], within=30)
    assert north.counter("n").value == south.counter("n").value == 1001
    assert dict(north) == {}


def test_what_a_peer_counted_before_it_died_still_counts_and_a_restart_goes_on(mesh_factory, net, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    south.counter("n").add(5)
    converged([north, south])
    net.kill(south)
    north.counter("n").add(1)

    south = mesh_factory("south")
    south.counter("n").subtract(2)

    converged([north, south])
    assert north.counter("n").value == south.counter("n").value == 4


def test_many_restarts_leave_few_rows_and_the_exact_sum(mesh_factory, net, converged):
    steady = mesh_factory("steady")
    for _ in range(2 * FOLD_ORIGINS_MIN + 3):
        passing = mesh_factory("passing")
        passing.counter("n").add(3)
        passing.counter("n").subtract(1)
        passing.close()
    net.run(1)
    rows_before = len(steady._space(COUNTER).rows("n"))

    steady.counter("n").add(0.5)

    assert rows_before < 2 * FOLD_ORIGINS_MIN
    assert len(steady._space(COUNTER).rows("n")) < FOLD_ORIGINS_MIN
    assert steady.counter("n").value == 2 * (2 * FOLD_ORIGINS_MIN + 3) + 0.5


def test_a_writer_that_was_taken_for_gone_goes_on_where_it_was(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    counter_of(theirs).add(5)
    others = [make_copy(f"other {number}") for number in range(FOLD_ORIGINS_MIN)]
    for other in others:
        counter_of(other).add(1)
        ours.hear(other)
    ours.meet(theirs)

    counter_of(theirs).add(1)  # as the other folds
    everyone = {copy.ledger.origin for copy in (theirs, *others)}
    counter_of(ours, gone=everyone).add(1)
    assert set(rows_of(ours)) == {ours.ledger.origin, (ours.ledger.origin, "folded")}
    ours.meet(theirs)
    counter_of(theirs).add(1)
    ours.meet(theirs)

    assert counter_of(ours).value == counter_of(theirs).value == FOLD_ORIGINS_MIN + 1 + 7


def test_a_writer_whose_slot_another_keeps_goes_on_from_what_is_kept(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    counter_of(theirs).add(5)
    others = [make_copy(f"other {number}") for number in range(FOLD_ORIGINS_MIN)]
    for other in others:
        counter_of(other).add(1)
        ours.hear(other)
    ours.hear(theirs)

    counter_of(ours, gone={copy.ledger.origin for copy in (theirs, *others)}).add(1)
    theirs.hear(ours)
    assert theirs.ledger.origin not in rows_of(theirs)
    counter_of(theirs).add(2)
    ours.meet(theirs)

    assert counter_of(ours).value == counter_of(theirs).value == FOLD_ORIGINS_MIN + 1 + 7


def test_two_who_fold_the_same_writers_and_then_each_other_count_nothing_twice(make_copy):
    first, second, third = make_copy("first"), make_copy("second"), make_copy("third")
    gone = set()
    for number in range(FOLD_ORIGINS_MIN + 2):
        passing = make_copy(f"passing {number}")
        counter_of(passing).add(10)
        gone.add(passing.ledger.origin)
        first.hear(passing)
        second.hear(passing)

    counter_of(first, gone=gone).add(1)
    counter_of(second, gone=gone).add(1)
    first.meet(second)
    assert counter_of(first).value == counter_of(second).value == 10 * len(gone) + 2
    gone |= {first.ledger.origin, second.ledger.origin}
    third.hear(second)
    for number in range(FOLD_ORIGINS_MIN):
        passing = make_copy(f"late {number}")
        counter_of(passing).add(10)
        gone.add(passing.ledger.origin)
        third.hear(passing)
    counter_of(third, gone=gone).add(1)

    assert counter_of(third).value == 10 * (2 * FOLD_ORIGINS_MIN + 2) + 3
    assert len(rows_of(third)) == 2


def test_threads_of_one_program_lose_no_step_to_each_other_nor_to_a_batch(copy, eager_threads):
    def count():
        for _ in range(100):
            counter_of(copy).add()
            with copy.mapping.batch():
                counter_of(copy).add()
                copy.mapping["k"] = 1

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counter_of(copy).value == 1200


def test_after_a_twin_was_met_steps_go_on_under_a_new_name(copy):
    counter_of(copy).add(3)

    copy.ledger.remint(copy.clock_ms)
    counter_of(copy).add(4)

    assert counter_of(copy).value == 7
    assert len(rows_of(copy)) == 2


def test_twins_agree_and_lose_at_most_what_one_of_them_counted_before_they_met(make_copy):
    ours = make_copy()
    counter_of(ours).add(10)
    twin = twin_of(ours)

    counter_of(ours).add(3)
    counter_of(twin).add(2)
    for copy in (ours, twin):  # each is shown the other's writes under its own origin
        copy.ledger.remint(copy.clock_ms)
    counter_of(ours).add(100)
    counter_of(twin).add(200)
    ours.meet(twin)

    assert counter_of(ours).value == counter_of(twin).value
    assert 310 + 2 <= counter_of(ours).value <= 310 + 5


# -- resets -----------------------------------------------------------------------------------------


def test_a_reset_takes_away_what_it_has_seen_and_no_step_it_had_not(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    counter_of(ours).add(5)
    ours.meet(theirs)

    counter_of(theirs).add(2)
    counter_of(ours).reset()
    assert counter_of(ours).value == 0
    ours.meet(theirs)

    assert counter_of(ours).value == counter_of(theirs).value == 2
    counter_of(theirs).reset()
    counter_of(ours).reset()
    ours.meet(theirs)
    assert counter_of(ours).value == counter_of(theirs).value == 0


def test_a_reset_that_arrives_before_the_steps_it_saw_counts_nothing_below_zero(make_copy):
    ours, theirs, late = make_copy(), make_copy("theirs"), make_copy("late")
    counter_of(theirs).add(5)
    ours.hear(theirs)
    counter_of(ours).reset()
    (origin, rows) = ours.ledger.origin, rows_of(ours)

    late.mapping._space(COUNTER).write("n", [((origin, "reset"), rows[origin, "reset"])])

    assert counter_of(late).value == 0
    late.hear(theirs)
    assert counter_of(late).value == 0


def test_resetting_what_is_zero_writes_nothing(copy):
    counter_of(copy).reset()
    counter_of(copy).add(1)
    counter_of(copy).reset()
    writes = copy.ledger.writes

    counter_of(copy).reset()

    assert copy.ledger.writes == writes


# -- what is counted --------------------------------------------------------------------------------


def test_floats_give_every_peer_the_same_last_bit(make_copy):
    copies = [make_copy(str(number)) for number in range(3)]
    for copy, step in zip(copies, (0.1, 0.2, 0.3), strict=True):
        counter_of(copy).add(step)  # summed in turn, 0.6000000000000001; the other way round, 0.6
    counter_of(copies[0], "mixed").add(1)
    copies[0].hear(copies[1])
    copies[0].hear(copies[2])
    copies[2].hear(copies[1])
    copies[2].hear(copies[0])
    copies[1].hear(copies[2])

    orders = [[part for part in rows_of(copy) if part in rows_of(copies[0])] for copy in copies]
    assert orders[0] != orders[2]
    assert {counter_of(copy).value for copy in copies} == {0.6}


def test_a_sum_of_whole_numbers_and_floats_is_rounded_once(copy):
    counter_of(copy).add(10**17)
    counter_of(copy).subtract(10**17)
    counter_of(copy).add(0.1)
    rows = [(b"a", [2**53, 0]), (b"b", [1, 0]), (b"c", [0.5, 0])]

    assert Tally(rows).value == Tally(rows[::-1]).value == float(2**53 + 2)
    assert counter_of(copy).value == 0.0  # its own sums are floats now, and 10**17 + 0.1 is 10**17


def test_whole_numbers_are_exact_however_great(copy):
    counter = counter_of(copy)
    counter.add(10**40)
    counter.add(1)
    counter.subtract(10**40)

    assert counter.value == 1
    assert type(counter.value) is int


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), "1", None, 1j, [1]])
def test_what_is_no_finite_number_is_refused_and_counts_nothing(copy, amount):
    with pytest.raises(UnsendableValue):
        counter_of(copy).add(amount)
    with pytest.raises(UnsendableValue):
        counter_of(copy).subtract(amount)

    assert (counter_of(copy).value, copy.ledger.writes) == (0, 0)


def test_the_greatest_float_is_not_passed(copy):
    counter = counter_of(copy)
    counter.add(1.7e308)
    with pytest.raises(UnsendableValue, match="nothing was added"):
        counter.add(1.7e308)

    assert counter.value == 1.7e308


def test_adding_nothing_writes_nothing(copy):
    counter_of(copy).add(0)
    counter_of(copy).add(False)

    assert copy.ledger.writes == 0


def test_a_counter_stands_for_its_value(copy):
    counter = counter_of(copy)
    counter += 5
    counter -= 2
    counter.add(True)

    assert (counter == 4, counter != 4, counter < 5, counter >= 4, counter > 4.5) == (True, False, True, True, False)
    assert (counter + 1, 10 - counter, counter * 2, 9 // counter, divmod(counter, 3), -counter) == (
        5,
        6,
        8,
        2,
        (1, 1),
        -4,
    )
    assert (int(counter), float(counter), bool(counter), f"{counter:03}", str(counter)) == (4, 4.0, True, "004", "4")
    assert (range(counter)[-1], counter == counter_of(copy), round(counter)) == (3, True, 4)
    assert repr(counter) == "Counter('n', 4)"
    with pytest.raises(TypeError):
        hash(counter)
    assert isinstance(counter, Counter)


def test_a_batch_counts_with_the_keys_it_writes_or_not_at_all(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    with pytest.raises(ZeroDivisionError), ours.mapping.batch():
        counter_of(ours).add(1 // (counter_of(ours).add() or 0))
    with ours.mapping.batch():
        counter_of(ours).add(2)
        counter_of(ours).add(3)
        ours.mapping["k"] = "v"
        assert counter_of(ours).value == 5
        assert counter_of(theirs).value == 0
    theirs.hear(ours)

    assert (counter_of(theirs).value, dict(theirs.mapping)) == (5, {"k": "v"})


def test_a_closed_mesh_counts_no_more_and_can_still_be_read(mesh_factory):
    mesh = mesh_factory()
    mesh.counter("n").add(2)
    mesh.close()

    with pytest.raises(MeshClosed):
        mesh.counter("n").add()
    assert mesh.counter("n").value == 2


@pytest.mark.parametrize("name", ["", None, 3, ("a",), "x" * 2000])
def test_a_name_is_a_text_that_fits_a_key(mesh, name):
    with pytest.raises(InvalidKey):
        mesh.counter(name).add()


def test_rows_that_are_no_slots_are_passed_over(copy):
    counter_of(copy).add(2)
    origin = copy.ledger.origin
    hostile = [
        (b"a", 3), (b"b", [1]), (b"c", [1, -1]), (b"d", [float("nan"), 0]), (b"e", ["1", 0]), (b"f", [True, 0]),
        ("x", [5, 0]), ((origin, "folded"), 3), ((b"g", "folded"), {1: [5, 0], b"h": [0]}), ((b"k",), [5, 0]),
        ((b"i", "other"), {b"j": [5, 0]}), ((b"l", "reset", 1), {}), (None, [1, 0]),
    ]  # fmt: skip
    copy.mapping._space(COUNTER).write("n", hostile)

    counter_of(copy).add(1)

    assert counter_of(copy).value == 3


# -- telling ----------------------------------------------------------------------------------------


def test_listeners_are_told_of_steps_here_and_elsewhere(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    told = []
    net.run(1)

    @north.counter("n").on_change
    def show(counter, old, new):
        told.append((counter.name, old, new))

    north.counter("other").add()
    south.counter("n").add(2)
    net.run(1)
    north.counter("n").add(1)
    north["n"] = 1
    net.run(1)
    north.counter("n").off(show)
    north.counter("n").add(1)
    net.run(1)

    assert told == [("n", 0, 2), ("n", 2, 3)]


def test_a_thousand_quick_steps_are_told_as_one_and_what_comes_later_is_told_too(mesh, net):
    counter, told, calls = mesh.counter("n"), [], []
    counter.on_change(lambda counter, old, new: told.append((old, new)))
    counter._subscribe(calls.append, lambda: calls.append(1))

    for _ in range(1000):
        counter.add()
    net.run(1)
    counter.add()
    net.run(1)

    assert told == [(0, 1000), (1000, 1001)]
    assert len(calls) == 2


def test_counters_are_waited_for_as_keys_are(mesh_factory):
    north, south = mesh_factory("north"), mesh_factory("south")
    north.counter("n").add(3)

    assert south.wait(lambda mesh: mesh.counter("n").value == 3, timeout=5)


def test_nobody_who_watches_the_dict_hears_of_counters(mesh, net):
    told = []
    mesh.on("*", told.append)
    mesh.on_conflict(lambda key, values: told.append(key))
    changes = mesh.changes("*")
    mesh.counter("n").add()
    net.run(1)
    mesh["k"] = 1
    net.run(1)

    assert [change.key for change in told] == ["k"]
    assert next(changes).key == "k"
    assert (len(mesh), mesh.snapshot(), mesh.status().keys) == (1, {"k": 1}, 1)


# -- a law ------------------------------------------------------------------------------------------

PEERS = 4
STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, PEERS - 1), st.integers(-5, 5)),
    st.tuples(st.just("hear"), st.integers(0, PEERS - 1), st.integers(0, PEERS - 1)),
    st.tuples(st.just("restart"), st.integers(0, PEERS - 1), st.integers(0, PEERS - 1)),
    st.tuples(st.just("fold"), st.integers(0, PEERS - 1), st.integers(0, 3)),
)


@settings(max_examples=75, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_whoever_hears_whom_and_whoever_folds_what_every_step_that_was_heard_counts_once(steps):
    world = SimpleNamespace(copies=[Copy(str(number)) for number in range(PEERS)], runs=PEERS, total=0)
    for what, who, amount in steps:
        copy = world.copies[who]
        match what:
            case "add":
                counter_of(copy).add(amount)
                world.total += amount
            case "hear":
                copy.hear(world.copies[amount])
            case "restart":  # an orderly end: another has heard it all
                world.copies[(who + 1) % PEERS].hear(copy)
                world.copies[who] = Copy(f"run {world.runs}")
                world.runs += 1
            case "fold":
                fold(copy, amount)
    for _ in range(2):
        for copy in world.copies:
            for other in world.copies:
                copy.hear(other)

    assert {counter_of(copy).value for copy in world.copies} == {world.total}


def fold(copy: Copy, spared: int) -> None:
    """Fold all but some of the others, whether they have gone or not, as `Counter` does when there are many."""
    space = copy.mapping._space(COUNTER)
    origin = space.origin()
    rows = space.rows("n")
    gone = set(sorted(Tally(rows.every()).writers - {origin})[spared:])
    if gone:
        parts = [part for part in rows if (part[0] if isinstance(part, tuple) else part) in gone]
        tally = Tally(rows.every())
        space.write("n", [*tally.folded(gone, origin).items(), *((part, GONE) for part in parts)])
