"""What we wrote goes out in batches that never change, bounded by keys and by the budget, or by stream."""

from __future__ import annotations

import random
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossamer.options import Options
from gossamer.protocol.ledger import Ledger, Outcome, Unobserved
from gossamer.protocol.outbox import BATCH_ROWS_MAX, BATCH_VALUES_BYTES_MAX, PUSHED_BATCH_BYTES_MAX, Outbox
from gossamer.simulation import Simulation
from gossamer.wire.codec import decode_batch, decode_message
from gossamer.wire.framing import DATAGRAM_BODY_MAX, body, messages_in
from gossamer.wire.messages import EncodedBatch

WALL_MS = 1_800_000_000_000
ENVELOPE_BYTES = 100
"""What the budget counts for a datagram beside its messages."""
FOREVER_S = 1e9


def ledger_of(options: Options | None = None, *, alone: bool = False, seed: int = 0) -> Ledger:
    ledger = Ledger(options or Options(), random.Random(seed), nullcontext(), Unobserved())
    ledger.alone = alone
    return ledger


def outbox_of(ledger: Ledger) -> Outbox:
    assert ledger.outbox is not None
    return ledger.outbox


def datagram_of(ledger: Ledger, now: float) -> tuple[bytes, ...] | None:
    return outbox_of(ledger).next_datagram(now, ledger.state.known)


def batches_in(datagram: tuple[bytes, ...]) -> list[EncodedBatch]:
    found = [decode_message(message) for message in messages_in(body(datagram))]
    assert all(isinstance(message, EncodedBatch) for message in found)
    return found  # type: ignore[return-value]


def penniless(ledger: Ledger, now: float) -> None:
    """Spend the whole budget of `now`."""
    for number in range(100):
        ledger.write(f"spent/{number}", b"x" * 1000, WALL_MS)
        if datagram_of(ledger, now) is None:
            ledger.vector()
            outbox_of(ledger).skip_multicast()
            return
    raise AssertionError("the budget has no end")


# -- the open batch -----------------------------------------------------------------------------


def test_a_hundred_thousand_writes_of_one_key_without_budget_are_one_row():
    ledger = ledger_of()
    penniless(ledger, now=0.0)
    ring = len(outbox_of(ledger).ring)

    for number in range(100_000):
        ledger.write("sensor", b"%8d" % number, WALL_MS)
        if number % 1000 == 0:
            assert datagram_of(ledger, 0.0) is None

    assert len(outbox_of(ledger).open) == 1
    assert len(outbox_of(ledger).ring) == ring
    datagram = datagram_of(ledger, FOREVER_S)
    assert datagram is not None
    last = decode_batch(batches_in(datagram)[-1])
    assert [write.value for write in last.writes] == [b"%8d" % 99_999]


def test_ten_sensors_without_budget_are_ten_rows_whatever_they_measure():
    ledger = ledger_of()
    penniless(ledger, now=0.0)

    for number in range(20_000):
        ledger.write(f"sensor/{number % 10}", b"%8d" % number, WALL_MS)
        assert datagram_of(ledger, 0.0) is None

    assert len(outbox_of(ledger).open) == 10
    assert outbox_of(ledger).backlog() == 0


@pytest.mark.parametrize("value_bytes", [600, 1000, 5000, 100_000])
def test_a_camera_that_writes_one_key_is_one_row_too(value_bytes):
    ledger = ledger_of()
    penniless(ledger, now=0.0)
    ring = len(outbox_of(ledger).ring)

    for number in range(1000):
        ledger.write("camera", number.to_bytes(value_bytes, "big"), WALL_MS)

    assert len(outbox_of(ledger).open) == 1
    assert len(outbox_of(ledger).ring) == ring


def test_what_is_too_large_for_a_datagram_does_not_wait_for_the_budget_of_multicast():
    ledger = ledger_of()
    penniless(ledger, now=0.0)
    assert not outbox_of(ledger).overloaded()

    ledger.write("camera", bytes(5000), WALL_MS)

    assert outbox_of(ledger).overloaded()


def test_a_large_value_takes_no_other_write_with_it():
    ledger = ledger_of()
    ledger.write("before", b"1", WALL_MS)
    ledger.write("camera", bytes(5000), WALL_MS)
    ledger.write("after", b"1", WALL_MS)
    ledger.vector()

    assert [batch.until - batch.after for batch in outbox_of(ledger).ring] == [1, 1, 1]


def test_an_idle_writer_sends_at_once():
    ledger = ledger_of()
    ledger.write("key", b"value", WALL_MS)

    datagram = datagram_of(ledger, 0.0)

    assert datagram is not None
    assert outbox_of(ledger).idle
    assert datagram_of(ledger, 0.0) is None


# -- closed batches -----------------------------------------------------------------------------

KEYS = (
    st.sampled_from(["a", "b", "c"])
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.integers(-(2**40), 2**40)
    | st.tuples(st.text(max_size=10), st.integers(0, 9))
)
VALUES = st.none() | st.binary(max_size=100) | st.builds(bytes, st.integers(0, 2000))
STEPS = st.lists(
    st.tuples(st.just("write"), KEYS, VALUES)
    | st.tuples(st.just("hear"), KEYS, st.binary(max_size=20))
    | st.tuples(st.just("write_many"), st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
    | st.tuples(st.just("send"))
    | st.tuples(st.just("close")),
    max_size=60,
)


class Writer:
    """A ledger with all that it has closed and sent, and a stranger whose writes it hears."""

    def __init__(self) -> None:
        self.ledger, self.stranger = ledger_of(), ledger_of(seed=1)
        self.now = 0.0
        self.closed: dict[int, EncodedBatch] = {}
        self.heard: list[EncodedBatch] = []
        self.datagrams: list[tuple[bytes, ...]] = []

    def live(self, steps: list[tuple]) -> None:
        for name, *arguments in steps:
            getattr(self, name)(*arguments)
            self.check()

    def write(self, key, value) -> None:
        if value is not None or key in self.ledger.state.live:
            self.ledger.write(key, value, WALL_MS)

    def write_many(self, items) -> None:
        self.ledger.write_many([(key, value, 0) for key, value in items.items()], WALL_MS)

    def hear(self, key, value) -> None:
        """The stranger writes, knowing nothing of us: a conflict, if we hold the key."""
        self.stranger.write(key, value, WALL_MS)
        self.stranger.vector()
        heard = outbox_of(self.stranger).ring[-1]
        self.heard.append(heard)
        assert self.ledger.receive(decode_batch(heard), 1, WALL_MS) is Outcome.APPLIED

    def send(self) -> None:
        self.now += 1.0
        while self.ledger.outbox is not None and (datagram := datagram_of(self.ledger, self.now)) is not None:
            self.datagrams.append(datagram)

    def close(self) -> None:
        self.ledger.vector()

    def check(self) -> None:
        """No batch that was ever closed has changed, and each begins where the one before ended."""
        if self.ledger.outbox is None:
            return
        outbox = outbox_of(self.ledger)
        assert [batch.after for batch in outbox.ring] == [0, *(batch.until for batch in outbox.ring)][
            : len(outbox.ring)
        ]
        for batch in outbox.ring:
            assert self.closed.setdefault(batch.until, batch) == batch
        assert outbox.open.after == outbox.closed_until == (outbox.ring[-1].until if outbox.ring else 0)
        assert len(outbox.ring) == len(self.closed)


@given(STEPS)
@settings(max_examples=75, deadline=None)
def test_closed_batches_follow_each_other_without_gaps_and_never_change(steps):
    writer = Writer()

    writer.live(steps)


@given(STEPS)
@settings(max_examples=75, deadline=None)
def test_whoever_applies_the_batches_holds_what_the_writer_holds(steps):
    writer, reader = Writer(), ledger_of(seed=2)
    writer.live(steps)
    writer.close()
    writer.check()

    for encoded in (*writer.heard, *writer.closed.values()):
        assert reader.receive(decode_batch(encoded), len(encoded.data), WALL_MS) is Outcome.APPLIED

    assert reader.state.live == writer.ledger.state.live
    assert reader.vector().digest() == writer.ledger.vector().digest()


@given(STEPS)
@settings(max_examples=75, deadline=None)
def test_no_datagram_is_too_large_whatever_is_written(steps):
    writer = Writer()
    writer.live([*steps, ("send",)])

    for datagram in writer.datagrams:
        assert len(body(datagram)) <= DATAGRAM_BODY_MAX
        ends = [batch.until for batch in batches_in(datagram)]
        assert ends == sorted(set(ends))


@given(STEPS)
@settings(max_examples=75, deadline=None)
def test_whatever_was_written_is_multicast_or_known_to_be_too_much_for_multicast(steps):
    writer = Writer()
    writer.live([*steps, ("send",)])
    outbox = writer.ledger.outbox

    assert outbox is None or outbox.idle or outbox.overloaded()


@given(st.lists(st.tuples(st.text("abc/", min_size=1, max_size=16), st.binary(max_size=64)), max_size=400))
@settings(max_examples=60, deadline=None)
def test_small_writes_always_fit_datagrams(rows):
    ledger = ledger_of()
    for key, value in rows:
        ledger.write(key, value, WALL_MS)
    ledger.vector()

    assert not rows or all(len(batch.data) + 2 <= DATAGRAM_BODY_MAX for batch in outbox_of(ledger).ring)


def test_a_write_that_fills_no_datagram_waits_in_a_batch_with_others():
    ledger = ledger_of()
    for number in range(20):
        ledger.write(f"key/{number}", b"value", WALL_MS)
    datagram = datagram_of(ledger, 0.0)

    assert datagram is not None
    assert len(datagram) == 1


def test_a_batch_of_the_user_is_one_batch_on_the_wire():
    ledger = ledger_of()
    ledger.write("before", b"1", WALL_MS)
    ledger.write_many([(f"key/{number}", b"x" * 20, 0) for number in range(500)], WALL_MS)
    ledger.write("after", b"1", WALL_MS)
    ledger.vector()

    assert [len(decode_batch(batch).writes) for batch in outbox_of(ledger).ring] == [1, 500, 1]


def test_spare_room_repeats_the_batches_before_whole():
    ledger = ledger_of()
    sent = []
    for number in range(4):
        ledger.write(f"key/{number}", b"value", WALL_MS)
        datagram = datagram_of(ledger, float(number))
        assert datagram is not None
        sent.append(datagram)
    first, second, third, fourth = (encoded.data for encoded in outbox_of(ledger).ring)

    assert sent == [(first,), (first, second), (first, second, third), (second, third, fourth)]


def test_no_room_repeats_nothing():
    ledger = ledger_of()
    ledger.write("first", b"x" * 600, WALL_MS)
    datagram_of(ledger, 0.0)
    ledger.write("second", b"x" * 600, WALL_MS)

    assert datagram_of(ledger, 0.0) == (outbox_of(ledger).ring[-1].data,)


# -- the ring -----------------------------------------------------------------------------------


def ringed(ring_bytes: int, writes: int) -> Ledger:
    ledger = ledger_of(Options(batch_ring_bytes=ring_bytes))
    for number in range(writes):
        ledger.write(f"key/{number}", b"x" * 100, WALL_MS)
        ledger.vector()
    return ledger


def test_the_ring_keeps_so_many_bytes_of_the_latest_batches():
    ring = outbox_of(ringed(10_000, 1000)).ring

    assert 9_000 < sum(len(batch.data) for batch in ring) <= 10_000
    assert ring[-1].until == 1000


def test_one_batch_is_kept_however_large():
    ledger = ledger_of(Options(batch_ring_bytes=10_000))
    ledger.write("small", b"x", WALL_MS)
    ledger.write("large", b"x" * 50_000, WALL_MS)
    ledger.vector()

    assert [batch.after for batch in outbox_of(ledger).ring] == [1]


@pytest.mark.parametrize("sequence", [0, 1, 499, 500, 999, 1000])
def test_whoever_is_behind_is_given_what_follows_and_nothing_else(sequence):
    found = outbox_of(ringed(1 << 20, 1000)).after(sequence, 1 << 30)

    assert found is not None
    assert [batch.after for batch in found] == list(range(sequence, min(1000, sequence + 512)))


def test_whoever_fell_off_the_ring_is_told_so():
    outbox = outbox_of(ringed(10_000, 1000))
    oldest = outbox.ring[0].after

    assert outbox.after(oldest - 1, 1 << 30) is None
    assert outbox.after(0, 1 << 30) is None
    assert outbox.after(oldest, 1 << 30) == list(outbox.ring)


def test_what_follows_is_given_in_portions_of_at_least_one_batch():
    outbox = outbox_of(ringed(1 << 20, 100))
    size = len(outbox.ring[50].data)

    assert outbox.after(50, 1) == [outbox.ring[50]]
    assert outbox.after(50, 3 * size) == [outbox.ring[at] for at in (50, 51, 52)]


def test_the_tags_of_the_latest_batches_are_kept_and_only_so_many():
    ledger = ringed(1000, 9000)

    assert len(outbox_of(ledger).tags) <= 8192
    assert ledger.our_tag(9000) == outbox_of(ledger).tag
    assert ledger.our_tag(3) is None


# -- the budget ---------------------------------------------------------------------------------

BANDWIDTH = 1e6
BURST_BITS = 8 * 1300 * Options().multicast_burst_datagrams
OVERDRAFT_BITS = 8 * (DATAGRAM_BODY_MAX + ENVELOPE_BYTES - 1200)


def spent_bits(writers: int, seed: int, until_s: float) -> list[tuple[float, float]]:
    """Return when a writer that always has something to send sends, and how much, looking at random moments."""
    ledger, rng = ledger_of(Options(bandwidth_bits_per_s=BANDWIDTH)), random.Random(seed)
    sent, now = [], 0.0
    while now < until_s:
        ledger.write("key", b"x" * rng.randint(0, 400), WALL_MS)
        outbox_of(ledger).writers = writers
        while (datagram := datagram_of(ledger, now)) is not None:
            sent.append((now, 8.0 * (len(body(datagram)) + ENVELOPE_BYTES)))
            assert len(sent) < 100_000, "the budget has no end"
            ledger.write("key", b"x" * rng.randint(0, 400), WALL_MS)
        now += rng.expovariate(200)
    return sent


@pytest.mark.parametrize("writers", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_within_no_second_is_more_spent_than_the_budget_and_one_burst(writers, seed):
    sent = spent_bits(writers, seed, until_s=20)
    most = max(sum(bits for at, bits in sent if start <= at <= start + 1) for start, _ in sent)

    assert most <= BANDWIDTH / writers + BURST_BITS + OVERDRAFT_BITS


@pytest.mark.parametrize("writers", [1, 4])
def test_in_the_long_run_the_budget_is_spent_and_no_more(writers):
    sent = spent_bits(writers, 0, until_s=30)

    assert sum(bits for _, bits in sent) == pytest.approx(30 * BANDWIDTH / writers, rel=0.05)


def test_it_is_known_when_the_budget_allows_the_next_datagram():
    ledger = ledger_of(Options(bandwidth_bits_per_s=BANDWIDTH))
    penniless(ledger, now=0.0)
    at = outbox_of(ledger).affordable_at(0.0)

    assert at > 0
    assert not outbox_of(ledger).affordable(at - 1e-4)
    assert outbox_of(ledger).affordable(at + 1e-6)


# -- streams ------------------------------------------------------------------------------------


def met(**how) -> Simulation:
    mesh = Simulation("outbox", **how)
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=3)
    return mesh


def pushes(mesh: Simulation) -> bool:
    return outbox_of(mesh.nodes["a"].replica.ledger).pushing


def test_more_than_a_few_datagrams_of_backlog_go_by_stream_and_then_multicast_again():
    mesh = met()
    for number in range(3000):
        mesh.write("a", f"key/{number}", number)
    mesh.run(seconds=0.01)
    assert pushes(mesh)

    mesh.settle(within_s=5)
    mesh.run(seconds=3)
    assert not pushes(mesh)
    assert mesh.traffic.count("batch", node="a", way="multicast") == 0

    mesh.traffic.clear()
    mesh.write("a", "later", 1)
    assert mesh.settle(within_s=1) < 0.1
    assert mesh.traffic.count("batch", node="a", way="multicast") >= 1
    assert mesh.traffic.count("batch", way="stream") == 0


def test_a_value_larger_than_a_datagram_goes_by_stream_to_everyone():
    mesh = met()
    mesh.write("a", "large", "x" * 5000)
    assert mesh.settle(within_s=2) < 0.5  # the streams are opened, and catch up as new ones do
    mesh.run(seconds=3)
    mesh.traffic.clear()

    mesh.write("a", "large", "y" * 5000)

    assert mesh.settle(within_s=2) < 0.1
    assert mesh.traffic.count("batch", node="a", way="stream") == 2
    assert mesh.traffic.count("delta end") == 0


def test_while_streams_carry_everything_batches_are_larger():
    ledger = ledger_of()
    ledger.write("first", b"x", WALL_MS)
    outbox_of(ledger).start_pushing()
    for number in range(5000):
        ledger.write(f"key/{number}", b"x" * 50, WALL_MS)
    sizes = [len(batch.data) for batch in outbox_of(ledger).ring]

    assert max(sizes) > 8 * DATAGRAM_BODY_MAX
    assert max(sizes) <= PUSHED_BATCH_BYTES_MAX + DATAGRAM_BODY_MAX
    assert datagram_of(ledger, FOREVER_S) is None


def test_what_streams_must_send_begins_where_multicast_ended():
    ledger = ledger_of()
    ledger.write("multicast", b"1", WALL_MS)
    datagram_of(ledger, 0.0)
    for number in range(10):
        ledger.write("pushed", b"%d" % number, WALL_MS)
        ledger.vector()

    assert outbox_of(ledger).overloaded()
    assert outbox_of(ledger).start_pushing() == 1


# -- what only deltas carry ---------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "value_bytes"), [(BATCH_ROWS_MAX + 1, 1), (2, BATCH_VALUES_BYTES_MAX // 2 + 1)])
def test_a_huge_batch_of_the_user_is_in_no_batch_on_the_wire(rows, value_bytes):
    ledger, value = ledger_of(), b"x" * value_bytes
    ledger.write("before", b"1", WALL_MS)
    ledger.write_many([(f"key/{number}", value, 0) for number in range(rows)], WALL_MS)
    outbox = outbox_of(ledger)

    assert ledger.leapt
    assert outbox.idle
    assert outbox.after(0, 1 << 30) is None
    assert ledger.head() == outbox.closed_until == rows + 1
    assert ledger.our_tag(rows + 1) == ledger.state.known.tags[outbox.origin]

    ledger.write("after", b"1", WALL_MS)
    datagram = datagram_of(ledger, 0.0)
    assert datagram is not None
    assert [(batch.after, batch.until) for batch in batches_in(datagram)] == [(rows + 1, rows + 2)]


@pytest.mark.slow
def test_a_huge_batch_of_the_user_reaches_everyone_whole():
    mesh = met()
    mesh.batch("a", {f"key/{number}": number for number in range(BATCH_ROWS_MAX + 1)})

    assert mesh.settle(within_s=5) < 5
    assert len(mesh.state("c")) == BATCH_ROWS_MAX + 1


def test_while_nobody_is_there_nothing_is_kept_to_be_sent():
    ledger = ledger_of(alone=True)
    for number in range(1000):
        ledger.write(f"key/{number}", b"x", WALL_MS)
    ledger.write_many([("one", b"1", 0), ("two", b"2", 0)], WALL_MS)
    ledger.vector()

    assert not outbox_of(ledger).ring
    assert not len(outbox_of(ledger).open)


def test_who_comes_gets_a_delta_of_what_was_written_alone_and_batches_of_what_follows():
    ledger, reader = ledger_of(alone=True), ledger_of(seed=2)
    for number in range(100):
        ledger.write(f"key/{number}", b"x", WALL_MS)

    ledger.meet()
    delta = ledger.snapshot_delta(reader.vector())
    ledger.write("key/7", b"later", WALL_MS)
    ledger.vector()
    [after] = outbox_of(ledger).ring

    assert outbox_of(ledger).after(0, 1 << 30) is None
    assert reader.receive(decode_batch(after), 1, WALL_MS) is Outcome.HELD
    assert reader.begin_join(delta)
    while not reader.prepare_join(100):
        pass
    reader.finish_join(WALL_MS)
    assert reader.state.live == ledger.state.live
    assert reader.vector().digest() == ledger.vector().digest()


def test_a_second_meeting_changes_nothing():
    ledger = ledger_of(alone=True)
    ledger.meet()
    ledger.write("key", b"x", WALL_MS)
    ledger.vector()

    ledger.meet()

    assert len(outbox_of(ledger).ring) == 1
