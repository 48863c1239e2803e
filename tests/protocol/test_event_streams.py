"""One boot's events at one receiver: whatever is lost, doubled or disordered, each starts once, in order, in time."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gossamer.crdt.vector_clock import VectorClock
from gossamer.options import Options
from gossamer.protocol.event_ring import KEPT_EVENTS, KEPT_S, EventRing
from gossamer.protocol.event_stream import HELD_EVENTS_MAX, EventStream, Replay
from gossamer.wire.codec import decode_message
from gossamer.wire.framing import DATAGRAM_BODY_MAX
from gossamer.wire.messages import Events

BOOT, ORIGIN = b"boot.......!", b"origin.....!"
NOTHING = VectorClock()


def events(first, *names, needs=None, oldest=1, wanted=False):
    return Events(BOOT, first, needs, tuple((name, b"\xf6") for name in names), oldest, wanted)


def test_an_event_waits_for_those_before_it_and_starts_once():
    stream = EventStream(BOOT, 0)

    stream.hear(events(2, "two"))
    assert stream.advance(NOTHING) == []
    assert stream.gaps() == [(0, 1)]

    for _ in range(2):
        stream.hear(events(1, "one", "two"))
    assert [event.name for event in stream.advance(NOTHING)] == ["one", "two"]
    stream.hear(events(1, "one", "two"))
    assert stream.advance(NOTHING) == []
    assert not stream.gapped


def test_an_event_waits_for_the_state_that_it_needs_and_holds_up_those_after_it():
    stream = EventStream(BOOT, 0)
    stream.hear(events(1, "needing", needs=(ORIGIN, 3)))
    stream.hear(events(2, "free"))

    assert stream.advance(VectorClock({ORIGIN: 2})) == []
    assert stream.blocked
    assert [event.name for event in stream.advance(VectorClock({ORIGIN: 3}))] == ["needing", "free"]


def test_a_message_is_done_with_once_all_its_events_were_handed_over_and_none_is_to_be_replayed():
    stream, message = EventStream(BOOT, 0), events(1, "one", "two")
    assert not stream.has_all(message)

    stream.hear(message)
    assert not stream.has_all(message)
    stream.advance(NOTHING)
    assert stream.has_all(message)
    assert not stream.has_all(events(2, "two", "three"))

    stream.replay = Replay(1, 2)
    assert not stream.has_all(message)


def test_what_its_sender_no_longer_has_is_missed_and_the_next_event_says_so():
    stream = EventStream(BOOT, 0)
    stream.hear(events(2, "two"))
    stream.hear(events(6, "six", oldest=6))

    two, six = stream.advance(NOTHING)

    assert (two.name, two.missed) == ("two", 1)
    assert stream.gaps() == []
    assert (six.name, six.missed) == ("six", 3)


def test_what_is_still_had_is_not_given_up_though_older_is_gone():
    stream = EventStream(BOOT, 0)
    stream.hear(events(6, "six", oldest=5))

    assert stream.advance(NOTHING) == []
    assert stream.gaps() == [(4, 5)]
    stream.hear(events(5, "five", oldest=5))

    assert [(event.name, event.missed) for event in stream.advance(NOTHING)] == [("five", 4), ("six", 0)]


def test_an_answer_is_owed_until_the_event_was_handed_over_and_never_for_one_that_was_missed():
    stream = EventStream(BOOT, 0)
    stream.hear(events(2, "two", needs=(ORIGIN, 1)))
    stream.owe(1)
    stream.owe(2)
    assert stream.answers() == []

    stream.hear(events(3, oldest=2))
    assert stream.advance(NOTHING) == []
    assert stream.answers() == []
    stream.advance(VectorClock({ORIGIN: 1}))

    assert stream.answers() == [2]
    stream.owe(1)
    assert stream.answers() == []


def test_what_a_stranger_claims_costs_no_memory_and_no_time():
    stream = EventStream(BOOT, 0)

    stream.hear(events((1 << 53) - 1, "last"))
    for first in range(2, 2 * HELD_EVENTS_MAX, 100):
        stream.hear(events(first, *["e"] * 100))
    assert len(stream._held) <= HELD_EVENTS_MAX
    assert len(stream.gaps()) <= 8

    stream.hear(events(1 << 53, oldest=1 << 53))
    stream.advance(NOTHING)
    assert stream.next == 1 << 53


@settings(deadline=None)
@given(st.integers(1, 60), st.randoms(use_true_random=False), st.floats(0, 0.7))
def test_whatever_is_lost_doubled_or_disordered_each_event_starts_once_in_order(count, rng, loss):
    ring, stream, heard = EventRing(BOOT, Options()), EventStream(BOOT, 0), []
    on_the_way = []
    for n in range(count):
        needs = (ORIGIN, n // 3 + 1) if rng.random() < 0.5 else None
        ring.add(f"e{n}", bytes([n]) * rng.randint(0, 400), needs, now=0.0)
        datagram = ring.next_datagram(now=float(n))
        on_the_way += [message for message in datagram or () if rng.random() >= loss]
    on_the_way += rng.sample(on_the_way, len(on_the_way) // 3)
    rng.shuffle(on_the_way)

    known = VectorClock()
    for _ in range(2 + count):
        for data in on_the_way:
            stream.hear(decode_message(data))
            known = VectorClock({ORIGIN: min(count, known.sequence(ORIGIN) + rng.randint(0, 1))} if rng else {})
            heard += [(event.number, event.name, event.missed) for event in stream.advance(known)]
        stream.hear(*ring.head(0.0))
        on_the_way = [data for gap in stream.gaps() for _, data in ring.messages(*gap, DATAGRAM_BODY_MAX, 1 << 20)]
    heard += [(event.number, event.name, event.missed) for event in stream.advance(VectorClock({ORIGIN: count}))]

    assert heard == [(n + 1, f"e{n}", 0) for n in range(count)]


# -- the ring -------------------------------------------------------------------------------------


def test_a_ring_keeps_the_latest_events_and_all_young_ones():
    ring = EventRing(BOOT, Options())
    for n in range(3 * KEPT_EVENTS):
        ring.add("e", b"", None, now=n / 1000)
    assert ring.oldest == 1

    ring.add("e", b"", None, now=2 * KEPT_S)
    assert ring.oldest == ring.emitted - KEPT_EVENTS + 1


def test_a_ring_is_bounded_in_bytes_but_keeps_the_latest_whatever_its_size():
    ring = EventRing(BOOT, Options(message_bytes_max=10_000))
    for _ in range(100):
        ring.add("e", bytes(1000), None, now=0.0)
    assert len(ring.past()) <= 10

    ring.add("e", bytes(20_000), None, now=0.0)
    assert [number for number, _ in ring.past()] == [101]


def test_every_datagram_of_events_fits_and_repeats_the_message_before():
    ring, rng = EventRing(BOOT, Options()), random.Random(3)
    repeated = 0
    for n in range(200):
        ring.add("e" * rng.randint(1, 200), bytes(rng.randint(0, 600)), (ORIGIN, n + 1) if n % 2 else None, now=n)
        datagram = ring.next_datagram(now=float(n))
        assert datagram is not None
        assert sum(len(message) + 2 for message in datagram) <= DATAGRAM_BODY_MAX
        repeated += len(datagram) > 1

    assert ring.idle
    assert repeated > 50


def test_an_event_too_large_for_a_datagram_is_left_to_streams():
    ring = EventRing(BOOT, Options())
    ring.add("e", bytes(DATAGRAM_BODY_MAX), None, now=0.0)

    assert ring.overloaded()
    assert ring.next_datagram(now=0.0) is None


def test_a_flood_uses_up_the_budget_of_events_and_then_waits():
    ring, sent = EventRing(BOOT, Options()), 0
    while True:
        ring.add("e", bytes(1000), None, now=0.0)
        if ring.next_datagram(now=0.0) is None:
            break
        sent += 1

    assert sent <= 9
    assert ring.affordable_at(0.0) > 0.0
