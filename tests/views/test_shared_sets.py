"""Shared sets: what one adds survives what another removes, and equal elements are one."""

from __future__ import annotations

import threading
from collections.abc import MutableSet
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_copy import Copy

from gossamer.errors import ConfigurationError, UnsendableValue, ValueTooLarge
from gossamer.options import Options
from gossamer.views.elements import part_of
from gossamer.views.shared_set import SharedSet
from gossamer.views.spaces import SET


def set_of(copy: Copy, name: str = "tags", policy: str = "add") -> SharedSet:
    return SharedSet(copy.mapping._space(SET), name, policy, no_one, no_one)  # type: ignore[arg-type]


def no_one(*_: object) -> None:
    """Listen to nothing."""


# -- merging ----------------------------------------------------------------------------------------


def test_what_both_sides_of_a_split_add_is_there_and_what_one_removes_is_not(mesh_factory, net, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    net.weather(loss=0.3)
    north.shared_set("tags").update(["a", "b", "c"])
    converged([north, south])

    with net.partition(north, south):
        north.shared_set("tags").add("north")
        south.shared_set("tags").add("south")
        south.shared_set("tags").remove("a")
        net.run(1)
        assert north.shared_set("tags") == {"a", "b", "c", "north"}

    converged([north, south], within=30)
    assert north.shared_set("tags") == south.shared_set("tags") == {"b", "c", "north", "south"}
    assert dict(north) == {}


def test_an_element_that_one_adds_again_while_another_removes_it_stays(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    set_of(ours).add("x")
    ours.meet(theirs)

    set_of(ours).add("x")
    set_of(theirs).discard("x")
    assert "x" not in set_of(theirs)
    ours.meet(theirs)

    assert set_of(ours) == set_of(theirs) == {"x"}


def test_clearing_takes_what_it_has_seen(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    set_of(ours).update("ab")
    ours.meet(theirs)

    set_of(theirs).add("c")
    set_of(ours).clear()
    ours.meet(theirs)

    assert set_of(ours) == set_of(theirs) == {"c"}


@pytest.mark.parametrize(("later", "stays"), [("add", True), ("remove", False)])
def test_by_the_policy_last_the_later_of_adding_and_removing_counts(make_copy, later, stays):
    adder, remover = make_copy("adder"), make_copy("remover")
    set_of(adder, policy="last").add("x")
    adder.meet(remover)
    (adder if later == "add" else remover).later(1)

    set_of(adder, policy="last").add("x")
    set_of(remover, policy="last").remove("x")
    adder.meet(remover)

    assert ("x" in set_of(adder, policy="last")) == ("x" in set_of(remover, policy="last")) == stays
    assert len(set_of(adder, policy="last")) == stays


def test_sets_of_one_name_and_two_policies_are_two_sets(copy):
    set_of(copy).add("x")
    set_of(copy, policy="last").add("y")

    assert (set_of(copy), set_of(copy, policy="last")) == ({"x"}, {"y"})
    with pytest.raises(ConfigurationError, match="'add' or 'last'"):
        set_of(copy, policy="first")


def test_sides_that_swap_elements_and_keys_in_one_batch_are_seen_whole(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    set_of(ours).add("old")
    ours.meet(theirs)

    with ours.mapping.batch():
        set_of(ours).remove("old")
        set_of(ours).add("new")
        ours.mapping["current"] = "new"
        assert set_of(ours) == {"new"}
    theirs.hear(ours)

    assert (set_of(theirs), dict(theirs.mapping)) == ({"new"}, {"current": "new"})


# -- as a set ---------------------------------------------------------------------------------------


def test_it_is_a_set_in_all_its_operators_and_methods(copy):
    s, other = set_of(copy), {2, 3, 4}
    s.update([1, 2], (3,))

    assert isinstance(s, MutableSet)
    assert (sorted(s), len(s), 2 in s, 9 in s, bool(s), s.copy()) == ([1, 2, 3], 3, True, False, True, {1, 2, 3})
    assert (s & other, s | other, s - other, s ^ other) == ({2, 3}, {1, 2, 3, 4}, {1}, {1, 4})
    assert (other & s, other | s, other - s, other ^ s) == ({2, 3}, {1, 2, 3, 4}, {4}, {1, 4})
    assert {type(x) for x in (s & other, s | other, s - other, s ^ other, other - s, s.copy(), s.union([5]))} == {set}
    assert (s.union([5], [6]), s.intersection([1, 2], [2]), s.difference([1])) == ({1, 2, 3, 5, 6}, {2}, {2, 3})
    assert (s.symmetric_difference([3, 4]), s.issubset(range(9)), s.issuperset([1]), s.isdisjoint([7])) == (
        {1, 2, 4}, True, True, True,
    )  # fmt: skip
    assert (s == {1, 2, 3}, {1, 2, 3} == s, s < {1, 2, 3, 4}, s >= {1}, s != {1}) == (True, True, True, True, True)
    assert repr(s) == "SharedSet('tags', {1, 2, 3})"
    with pytest.raises(TypeError):
        hash(s)


def test_changing_in_place_changes_the_shared_set_as_one_batch(copy):
    s = kept = set_of(copy)
    s |= {1, 2, 3, 4}
    s &= {2, 3, 4, 5}
    s -= {4}
    s ^= {3, 7}
    assert kept is s
    assert s == {2, 7}
    s -= s
    assert s == set()
    s ^= s
    s.symmetric_difference_update([1, 2])
    s.intersection_update([2, 3], [2])

    s |= [5]

    assert kept == {2, 5}


def test_removing_what_is_not_there(copy):
    s = set_of(copy)
    s.discard(1)
    with pytest.raises(KeyError):
        s.remove(1)
    with pytest.raises(KeyError, match="empty"):
        s.pop()
    s.clear()
    s.update([])
    s.difference_update([1, 2])

    assert copy.ledger.writes == 0


def test_of_several_threads_one_pops_each_element(copy, eager_threads):
    set_of(copy).update(range(300))
    popped: list[int] = []

    def pop():
        while True:
            try:
                popped.append(set_of(copy).pop())
            except KeyError:
                return

    threads = [threading.Thread(target=pop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(popped) == list(range(300))


@pytest.mark.parametrize("element", [[1], {1}, {"a": 1}, ([],), bytearray(b"x")])
def test_what_has_no_hash_is_refused_in_words_and_nothing_is_stored(copy, element):
    with pytest.raises(UnsendableValue, match="cannot be in a set"):
        set_of(copy).add(element)
    with pytest.raises(UnsendableValue):
        set_of(copy).update([1, element])
    with pytest.raises(TypeError):
        element in set_of(copy)  # noqa: B015

    assert len(set_of(copy)) == 0


def test_what_cannot_travel_is_refused_when_added_and_absent_when_looked_for(copy):
    with pytest.raises(UnsendableValue):
        set_of(copy).add(object())

    assert object() not in set_of(copy)


def test_any_size_of_element_has_its_place(copy):
    s, long = set_of(copy), "x" * 100_000
    s.add(long)
    s.add(tuple(range(1000)))
    s.add(long + "y")

    assert (long in s, tuple(range(1000)) in s, len(s)) == (True, True, 3)
    s.remove(long)
    assert s == {long + "y", tuple(range(1000))}


def test_an_element_above_the_limit_of_values_is_refused_and_nothing_is_stored(make_copy):
    s = set_of(make_copy(options=Options(value_bytes_max=1000)))
    with pytest.raises(ValueTooLarge, match="nothing was stored"):
        s.update(["fits", "x" * 1000])

    assert s == set()


def test_rows_that_hold_no_element_are_passed_over(copy):
    set_of(copy).add("x")
    set_of(copy, policy="last").add("x")
    copy.mapping._space(SET).write("tags", [(b"1", [1]), (b"2", {1: 2}), (b"3", {1})])
    copy.mapping._space(SET).write(("tags", "last"), [(b"1", [1]), (b"2", "x"), (b"3", [1, 2]), (b"4", [True, []])])

    assert list(set_of(copy)) == list(set_of(copy, policy="last")) == ["x"]
    set_of(copy, policy="last").clear()
    assert list(set_of(copy, policy="last")) == []


def test_listeners_are_told_of_the_sets_before_and_after(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    told = []
    north.shared_set("tags").on_change(told.append, value_only=True)
    south.shared_set("tags").update("ab")
    net.run(1)
    south.shared_set("tags").add("a")
    net.run(1)
    north.shared_set("tags").remove("b")
    net.run(1)

    assert told == [{"a", "b"}, {"a"}]


# -- one element ------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "same",
    [
        (1, 1.0, True, Decimal(1), Decimal("1.00")),
        (0, -0.0, False, Decimal("-0")),
        (0.5, Decimal("0.5"), Decimal("0.500")),
        (Decimal("0.1"), Decimal("0.10")),
        (10**300, Decimal(10**300), Decimal("1e300")),
        (Decimal("1e3000"), Decimal("10e2999")),
        (float("inf"), Decimal("Infinity")),
        ((1, "a"), (1.0, "a"), (True, "a")),
        (frozenset([1, 2]), frozenset([2.0, True])),
        (NOON, NOON.astimezone(timezone(timedelta(hours=2)))),
    ],
    ids=repr,
)
def test_elements_that_python_calls_equal_are_one(same):
    assert len(set(same)) == 1

    assert len({part_of(element) for element in same}) == 1


def test_elements_that_python_tells_apart_are_several():
    several = [
        1, "1", b"1", 1.5, Decimal("0.1"), 0.1, None, (), (1,), ((1,),), frozenset(), frozenset([1]), "", b"",
        date(2026, 11, 25), NOON, NOON.replace(tzinfo=None), UUID(int=1), timedelta(seconds=1), 2**53, 2**53 + 1,
        Decimal(2) ** 53 + Decimal("0.5"), float("inf"), float("-inf"),
    ]  # fmt: skip

    assert len(set(several)) == len({part_of(element) for element in several}) == len(several)


def test_not_a_number_is_one_element_that_can_be_removed(copy):
    s = set_of(copy)
    s.add(float("nan"))
    s.add(Decimal("nan"))

    assert (len(s), float("nan") in s) == (1, True)
    s.remove(float("nan"))
    assert len(s) == 0


# -- laws -------------------------------------------------------------------------------------------

ELEMENTS = st.sampled_from([0, 1, 1.0, "a", (1, 2), None])
PEERS = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "discard"]), PEERS, ELEMENTS),
        st.tuples(st.just("clear"), PEERS, st.none()),
        st.tuples(st.just("hear"), PEERS, PEERS),
        st.tuples(st.just("restart"), PEERS, PEERS),
    ),
    max_size=30,
)


@settings(max_examples=75, deadline=None)
@given(STEPS)
def test_sets_agree_and_hold_what_somebody_added_that_no_remover_had_seen(steps):
    copies, seen, runs = [Copy(str(number)) for number in range(3)], [set(), set(), set()], 3
    removed: set[int] = set()  # the model: tags of additions, each peer's own knowledge, and what was removed
    tags: dict[int, object] = {}
    for what, who, of in steps:
        copy = copies[who]
        match what:
            case "add":
                set_of(copy).add(of)
                removed |= {tag for tag in seen[who] if tags[tag] == of}  # one write replaces those it has seen
                tags[len(tags)] = of
                seen[who].add(len(tags) - 1)
            case "discard" | "clear":
                set_of(copy).discard(of) if what == "discard" else set_of(copy).clear()
                removed |= {tag for tag in seen[who] if what == "clear" or tags[tag] == of}
            case "hear":
                copy.hear(copies[of])
                seen[who] |= seen[of]
            case "restart":
                copies[of].hear(copy)
                seen[of] |= seen[who]
                copies[who], seen[who] = (Copy(f"run {runs}"), set()) if of != who else (copy, seen[who])
                runs += 1
    for _ in range(2):
        for copy in copies:
            for other in copies:
                copy.hear(other)

    expected = {element for tag, element in tags.items() if tag not in removed}
    assert [set_of(copy).snapshot() for copy in copies] == [expected] * 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "pop", "|=", "&=", "-=", "^="]), st.sets(ELEMENTS))))
@pytest.mark.parametrize("policy", ["add", "last"])
def test_alone_it_is_what_a_plain_set_is(policy, steps):
    ours, plain = set_of(Copy(), policy=policy), set[object]()
    for what, elements in steps:
        match what:
            case "add" | "discard":
                for element in elements:
                    getattr(ours, what)(element)
                    getattr(plain, what)(element)
            case "pop" if plain:
                plain.discard(ours.pop())
            case "|=":
                ours |= elements
                plain |= elements
            case "&=":
                ours &= elements
                plain &= elements
            case "-=":
                ours -= elements
                plain -= elements
            case "^=":
                ours ^= elements
                plain ^= elements

        assert ours == plain
        assert len(ours) == len(plain)
