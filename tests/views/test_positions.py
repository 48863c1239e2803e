"""Places in a list: dense, ordered as bytes, short, each made once; runs stay together."""

from __future__ import annotations

import random
from bisect import bisect_left
from itertools import count, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gossamer.errors import Malformed
from gossamer.views.positions import (
    NUMBER_MAX,
    POSITION_BYTES_MAX,
    between,
    encode_integer,
    is_position,
    levels,
    run,
    writer_of,
)

WRITERS = [bytes((letter,)) * 6 for letter in b"\x00az\xfe\xff"]


class Typist:
    """One who puts elements down; several may look at one list, or each at a copy of it."""

    def __init__(self, writer: bytes, places: list[bytes]) -> None:
        self.writer, self.places = writer, places
        self._numbers = count(1)

    def insert(self, index: int) -> bytes | None:
        places = self.places
        before = places[index - 1] if index else None
        after = places[index] if index < len(places) else None
        place = between(before, after, self.writer, next(self._numbers))
        if place is not None:
            assert place not in places
            assert bisect_left(places, place) == index, "it stands where it was put"
            places.insert(index, place)
        return place

    def on(self, places: list[bytes]) -> Typist:
        copy = Typist(self.writer, places)
        copy._numbers = self._numbers
        return copy


def typists(places: list[bytes]) -> list[Typist]:
    return [Typist(writer, places) for writer in WRITERS]


SCRIPT = st.lists(st.tuples(st.integers(0, len(WRITERS) - 1), st.integers(0, 1000)), max_size=60)


def write(script: list[tuple[int, int]]) -> tuple[list[Typist], list[bytes]]:
    places: list[bytes] = []
    writers = typists(places)
    for who, where in script:
        writers[who].insert(where % (len(places) + 1))
    return writers, places


@given(SCRIPT)
def test_each_element_stands_where_it_was_put_and_no_place_is_made_twice(script):
    _, places = write(script)

    assert places == sorted(places)
    assert len(set(places)) == len(places)


@given(SCRIPT)
def test_places_sort_as_their_paths_do(script):
    _, places = write(script)
    paths = [levels(place) for place in places]

    assert paths == sorted(paths)


def spans(merged: list[bytes], run_of: set[bytes]) -> int:
    """Into how many pieces a run has fallen."""
    return sum(1 for i, place in enumerate(merged) if place in run_of and (i == 0 or merged[i - 1] not in run_of))


@settings(max_examples=200)
@given(
    SCRIPT,
    st.permutations(range(len(WRITERS))),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 8), st.booleans()), min_size=2, max_size=4),
    st.booleans(),
)
def test_concurrent_runs_do_not_interleave(script, order, runs, same_spot):
    writers, places = write(script)
    typed: list[set[bytes]] = []
    for who, (where, length, backwards) in zip(order, runs, strict=False):
        copy = list(places)
        typist = writers[who].on(copy)
        index = (runs[0][0] if same_spot else where) % (len(places) + 1)
        typed.append({typist.insert(index if backwards else index + n) for n in range(length)})
    merged = sorted({*places, *set().union(*typed)})

    assert len(merged) == len(places) + sum(map(len, typed))
    assert [spans(merged, one) for one in typed] == [1] * len(typed)


@pytest.mark.parametrize("index", ["end", "start", "middle"])
@pytest.mark.parametrize("turns", [1, 3])
def test_going_on_in_one_direction_costs_few_bytes_whoever_takes_turns(index, turns):
    places: list[bytes] = []
    writers = [Typist(writer, places) for writer in WRITERS[:turns]]
    for n in range(6):
        writers[n % turns].insert(len(places))
    longest = []
    for n in range(3000):
        at = {"end": len(places), "start": 0, "middle": 3}[index]
        longest.append(len(writers[n % turns].insert(at)))
    spare = 1 + 7 + 1 if index == "middle" else 0  # a level below the neighbour

    assert max(longest[:50]) <= 9 + spare + 8
    assert max(longest) <= max(longest[:50]) + 4


@pytest.mark.slow
def test_a_million_appends_take_thirteen_bytes_each():
    places = run(None, None, WRITERS[1], range(1, 1_000_001))

    assert places is not None
    assert len(places[-1]) <= 13
    assert places[-3:] == sorted(places[-3:])
    assert all(one < two for one, two in pairwise(places))


@given(SCRIPT, st.integers(0, 1000), st.integers(1, 30))
def test_a_run_is_laid_as_if_its_elements_came_one_by_one(script, where, length):
    _, places = write(script)
    index = where % (len(places) + 1)
    before = places[index - 1] if index else None
    after = places[index] if index < len(places) else None
    laid = run(before, after, b"writer", range(1, length + 1))
    assert laid is not None
    singly = []
    for number in range(1, length + 1):
        singly.append(between(singly[-1] if singly else before, after, b"writer", number))

    assert laid == singly


def test_between_the_last_two_again_and_again_there_is_room_for_a_hundred_and_then_none():
    places: list[bytes] = []
    typist = Typist(WRITERS[1], places)
    typist.insert(0), typist.insert(1)
    low, high, made = 0, 1, 0
    rng = random.Random(0)
    while (place := typist.insert(low + 1)) is not None:
        made += 1
        assert len(place) <= POSITION_BYTES_MAX
        low, high = (low, low + 1) if rng.random() < 0.5 else (low + 1, low + 2)
    assert run(places[low], places[high], WRITERS[1], [10_000]) is None

    assert made >= 100


def test_two_who_take_turns_in_one_gap_need_few_bytes_for_each_others_names():
    places: list[bytes] = []
    one, two = Typist(WRITERS[1], places), Typist(WRITERS[2], places)
    one.insert(0), two.insert(1)
    index = 1
    for n in range(60):
        assert (one, two)[n % 2].insert(index) is not None
        index += n % 3 != 0

    assert max(map(len, places)) < 200


@given(st.integers(-NUMBER_MAX, NUMBER_MAX), st.integers(-NUMBER_MAX, NUMBER_MAX))
@example(63, 64)
@example(-64, -65)
@example(319, 320)
@example(-320, -321)
@example(NUMBER_MAX, -NUMBER_MAX)
def test_numbers_sort_as_their_bytes_do(one, two):
    assert (one < two) == (encode_integer(one) < encode_integer(two))


NUMBER = st.one_of(st.integers(-400, 400), st.integers(-(2**18), 2**18), st.integers(-(2**60), 2**60))


@given(NUMBER, st.binary(min_size=6, max_size=6), NUMBER, st.binary(max_size=2))
def test_a_quick_look_at_a_place_sees_what_a_close_one_sees(head, writer, number, more):
    place = encode_integer(head) + b"\xff" + writer + encode_integer(number) + more
    try:
        levels(place)
        is_one = True
    except Malformed:
        is_one = False

    assert is_position(place) is is_one
    assert is_one or more or not number % 2


@given(st.binary(max_size=40))
def test_bytes_of_strangers_are_a_place_or_malformed(data):
    if is_position(data):
        path = levels(data)
        assert b"".join(encode_integer(h) + w + encode_integer(n) for h, w, n in path) == data
        assert between(data, None, b"writer", 10**6) > data
        assert between(None, data, b"writer", 10**6) < data
    else:
        with pytest.raises(Malformed):
            levels(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\xffabcdef",  # no number
        b"\x80\xffabcde",  # half a writer
        b"\x80\xffabcdef\x80",  # an even number
        b"\x80\x00\x81",  # a writer that is not above
        b"\xc0",  # a number that ends early
        b"\xc1\x00\x00\xffabcdef\x81",  # 64 in three bytes
        b"\xc7" + b"\xff" * 8 + b"\xffabcdef\x81",  # beyond 2^62
        b"\xff" * 20,
        (b"\x80\xffabcdef\x81" * 40)[:256],
    ],
)
def test_a_malformed_place_is_refused(data):
    assert not is_position(data)


def test_only_bytes_are_a_place():
    assert not any(map(is_position, [None, 1, "\x80", [b"\x80"], bytearray(b"\x80")]))


def test_beyond_the_last_head_that_there_is_room_is_found_below_it():
    last = encode_integer(NUMBER_MAX) + b"\xffwriter" + encode_integer(NUMBER_MAX)
    first = encode_integer(-NUMBER_MAX) + b"\xff" + bytes(6) + encode_integer(-NUMBER_MAX)

    assert between(last, None, b"aaaaaa", 1) > last
    assert between(None, first, b"aaaaaa", 1) < first


def test_a_writer_is_the_random_end_of_its_origin():
    assert writer_of(bytes(range(12))) == bytes(range(6, 12))


def test_places_have_the_bytes_that_the_wire_format_gives():
    numbers = {
        0: "80",
        63: "bf",
        64: "c000",
        319: "c0ff",
        320: "c10100",
        -64: "40",
        -65: "3fff",
        -320: "3f00",
        -321: "3efeff",
    }
    assert {number: encode_integer(number).hex() for number in numbers} == numbers

    first = between(None, None, b"\1\2\3\4\5\6", 1)
    second = between(first, None, b"\1\2\3\4\5\6", 2)
    assert (first.hex(), second.hex()) == ("80ff01020304050683", "80ff01020304050685")
    assert between(first, second, b"\1\2\3\4\5\6", 3).hex() == "80ff01020304050684800087"
    assert between(None, first, b"\6\5\4\3\2\1", 1).hex() == "7fff06050403020183"
