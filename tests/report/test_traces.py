"""What is kept of a run."""

from __future__ import annotations

import pytest
from report_runs import NAMES, mesh_of, split_brain

from gossamer.simulation import Simulation
from gossamer.simulation.report import write_report
from gossamer.simulation.trace import Trace
from gossamer.simulation.trace import trace as tracing
from gossamer.simulation.trace.reachability import rift_of
from gossamer.simulation.trace.staleness import percentile
from gossamer.simulation.trace.thinning import Thinned
from gossamer.wire.values import decode_value


def test_watching_a_run_changes_nothing_of_it():
    def run(*, watched: bool) -> str:
        mesh = Simulation(5)
        if watched:
            Trace(mesh)
        for name in "abcd":
            mesh.add(name, skew_ms=mesh.rng.randint(-500, 500))
        mesh.links.loss = 0.3
        mesh.run(seconds=3)
        mesh.partition("ab", "cd")
        mesh.write("a", "door", "open")
        mesh.run(seconds=5)
        mesh.heal()
        mesh.settle()
        return mesh.journal.hash

    assert run(watched=True) == run(watched=False)


def test_a_split_is_kept_as_sides_and_as_long_as_it_lasted():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.run(seconds=5)
    mesh.heal()
    mesh.run(seconds=1)

    (cut,) = trace.cuts

    assert (cut.rift.sides, cut.rift.ways) == ((NAMES[:3], NAMES[3:]), ())
    assert (cut.since, cut.until) == pytest.approx((3, 8))


def test_a_cut_of_one_way_is_no_side():
    mesh, trace = mesh_of()
    mesh.cut("bench", "gate")
    mesh.run(seconds=2)
    trace.finish()

    (cut,) = trace.cuts

    assert (cut.rift.sides, cut.rift.ways, cut.until) == ((), (("bench", "gate"),), None)


def test_a_bridge_between_two_sides_shows_as_single_ways():
    def reaches(sender: str, receiver: str) -> bool:
        return {sender, receiver} != {"left", "right"}

    rift = rift_of(["left", "bridge", "right"], reaches)

    assert set(rift.ways) == {("left", "right"), ("right", "left")}


def test_many_nodes_are_sorted_into_sides_without_asking_for_every_pair():
    names = [str(number) for number in range(200)]
    asked = []

    def reaches(sender: str, receiver: str) -> bool:
        asked.append((sender, receiver))
        return int(sender) % 2 == int(receiver) % 2

    rift = rift_of(names, reaches)

    assert [len(side) for side in rift.sides] == [100, 100]
    assert len(asked) < 1000


def test_nobody_across_a_cut_knows_a_write_before_the_heal():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.write("bench", "door", "open")
    mesh.run(seconds=5)
    here = sorted(trace.staleness.delays_s)
    mesh.heal()
    mesh.settle()
    trace.finish()

    everywhere = sorted(trace.staleness.delays_s)

    assert len(here) == 2
    assert max(here) < 0.02
    assert len(everywhere) == 5
    assert min(everywhere[2:]) > 5
    assert trace.staleness.missing(trace.awake()) == 0


def test_who_has_not_heard_of_a_write_is_counted_as_missing_it():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.write("bench", "door", "open")
    mesh.run(seconds=2)

    trace.finish()

    assert trace.staleness.missing(trace.awake()) == 3


def test_a_late_joiner_is_not_blamed_for_what_was_written_before_it_came():
    mesh, trace = mesh_of()
    mesh.write("bench", "door", "open")
    mesh.run(seconds=600)
    mesh.add("late")
    mesh.run(seconds=5)

    trace.finish()

    assert trace.staleness.writes.offered == 1
    assert max(trace.staleness.delays_s) < 5


def test_a_conflict_is_kept_with_its_rivals_until_someone_who_saw_it_writes_over_it():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.write("bench", "door", "open")
    mesh.write("gate", "door", "shut")
    mesh.run(seconds=1)
    mesh.heal()
    mesh.settle()
    trace.finish()
    won = mesh.read("cart", "door")
    (conflict,) = trace.conflicts.all
    open_while_it_stood = conflict.resolved_at is None
    mesh.write("cart", "door", "ajar")
    mesh.run(seconds=1)
    trace.finish()

    (conflict,) = trace.conflicts.all

    assert open_while_it_stood
    assert {trace.writers[dot.origin] for dot in conflict.rivals} == {"bench", "gate"}
    assert decode_value(conflict.winner.value or b"") == won
    assert conflict.resolved_by == "cart"


def test_what_follows_on_what_was_seen_is_no_conflict():
    mesh, trace = mesh_of()
    for number, name in enumerate(NAMES):
        mesh.write(name, "door", number)
        mesh.settle()

    trace.finish()

    assert trace.conflicts.all == []


def test_lives_tell_who_was_up_paused_or_down():
    mesh, trace = mesh_of(("a", "b"))
    mesh.pause("a")
    mesh.run(seconds=1)
    mesh.resume("a")
    mesh.kill("b")
    mesh.run(seconds=1)
    mesh.restart("b")
    mesh.run(seconds=1)

    lives = [(life.name, life.state, round(life.at)) for life in trace.lives if life.at]

    assert lives == [("a", "paused", 3), ("a", "up", 4), ("b", "down", 4), ("b", "up", 5)]


def test_bytes_are_those_that_were_sent_even_if_a_story_counts_anew():
    mesh, trace = mesh_of()
    mesh.write("bench", "door", "x" * 1000)
    mesh.run(seconds=0.01)
    trace.finish()
    before = trace.bytes.total()
    at_first = mesh.traffic.size_bytes()
    mesh.traffic.clear()
    mesh.write("bench", "door", "x")
    mesh.run(seconds=0.01)
    trace.finish()

    assert before == at_first
    assert trace.bytes.total() == before + mesh.traffic.size_bytes()


def test_every_datagram_that_was_lost_across_a_cut_is_kept_as_lost():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.run(seconds=5)

    across = [
        arrived
        for datagrams in trace.datagrams.values()
        for datagram in datagrams
        if datagram.at > 3.01
        for receiver, arrived in datagram.fates
        if (datagram.sender in NAMES[:3]) != (receiver in NAMES[:3])
    ]

    assert across
    assert not any(across)


def test_the_nodes_agree_but_while_they_are_split():
    _, trace = split_brain()
    trace.finish()

    during = [sample for sample in trace.samples if 4 < sample.at < 7]

    assert all(sample.groups > 1 and sample.largest < sample.awake for sample in during)
    assert (trace.samples[-1].groups, trace.samples[-1].largest) == (1, 6)


def test_a_trace_stays_short_however_long_the_run(monkeypatch):
    monkeypatch.setattr(tracing, "DATAGRAMS_MAX", 20)
    monkeypatch.setattr(tracing, "SAMPLES_MAX", 50)
    mesh, trace = mesh_of()

    mesh.run(seconds=120)

    assert max(map(len, trace.datagrams.values())) <= 20
    assert max(each.offered for each in trace.datagrams.values()) > 200
    assert len(trace.samples) <= 51
    assert trace.samples[-1].at > 100


def test_what_is_thinned_out_stays_evenly_spread():
    thinned: Thinned[int] = Thinned(10)
    for number in range(1000):
        thinned.append(number)

    kept = list(thinned)

    assert kept == list(range(0, 1000, kept[1]))
    assert 5 <= len(kept) <= 10


def test_percentiles_are_values_that_occurred():
    ordered = [1.0, 2.0, 3.0, 4.0]

    assert [percentile(ordered, share) for share in (0.5, 0.75, 0.9, 1.0)] == [2.0, 3.0, 4.0, 4.0]


def test_rivals_that_were_replaced_before_the_halves_met_are_none():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3], NAMES[3:])
    for value in range(5):
        mesh.write("bench", "door", f"left {value}")
        mesh.run(seconds=0.5)
        mesh.write("east", "door", f"right {value}")
        mesh.run(seconds=0.5)
    mesh.heal()
    mesh.settle()
    trace.finish()

    (conflict,) = [each for each in trace.conflicts.all if each.resolved_at is None]

    assert {decode_value(write.value or b"") for write in conflict.rivals.values()} == {"left 4", "right 4"}


def test_what_a_node_writes_at_one_moment_is_followed_as_one():
    mesh, trace = mesh_of()
    mesh.batch("bench", {f"key/{number}": number for number in range(500)})
    mesh.run(seconds=1)
    mesh.write("bench", "door", "open")
    mesh.run(seconds=1)

    followed = list(trace.staleness.writes)

    assert trace.writes == 501
    assert [(write.count, write.seen_by) for write in followed] == [(500, 5), (1, 5)]


def test_a_copied_computer_and_one_put_back_are_kept_without_harm(path):
    mesh, trace = mesh_of()
    mesh.write("bench", "door", "open")
    mesh.remember("bench")
    mesh.run(seconds=2)
    mesh.clone("cart", "twin")
    mesh.write("twin", "door", "shut")
    mesh.roll_back("bench", 1)
    mesh.weather(loss=0.1, burst_loss=0.2)
    mesh.run(seconds=10)

    write_report(path, traces=[trace])

    assert "twin" in trace.names()
    assert "is rolled back to a snapshot" in path.read_text()


def test_who_joins_while_the_network_is_split_is_put_to_its_side():
    mesh, trace = mesh_of()
    mesh.partition(NAMES[:3])
    mesh.run(seconds=2)
    mesh.add("late")
    mesh.run(seconds=2)
    mesh.heal()
    mesh.run(seconds=1)

    cuts = [(cut.rift.sides, cut.since, cut.until) for cut in trace.cuts]

    assert cuts == [
        ((NAMES[:3], NAMES[3:]), 3, 5),
        ((NAMES[:3], (*NAMES[3:], "late")), 5, 7),
    ]
