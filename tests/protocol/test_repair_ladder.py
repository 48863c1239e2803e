"""Gaps are noticed, asked for by few, answered once, and never asked for twice when they fill by themselves."""

from __future__ import annotations

import random

import pytest

from gossamer.options import Options
from gossamer.protocol.anti_entropy import TRIES_MAX, AntiEntropy
from gossamer.simulation import Simulation

ORIGIN = b"origin.....!"


def ladder(seed: int = 0) -> AntiEntropy:
    return AntiEntropy(Options(), random.Random(seed))


def met(seed: object, count: int, **how) -> Simulation:
    mesh = Simulation(seed, **how)
    for number in range(count):
        mesh.add(f"n{number}")
    mesh.run(seconds=4)
    return mesh


def lose_one_write(mesh: Simulation, key: str) -> None:
    """Let one peer write what nobody hears, and then something that everybody does."""
    mesh.links.loss = 1.0
    mesh.write("n0", key, 1)
    mesh.run(seconds=0.002)
    mesh.links.loss = 0.0
    for number in range(3):  # so large that no room is left to repeat the lost one
        mesh.write("n0", f"{key}/after/{number}", "x" * 1040)
        mesh.run(seconds=0.002)


# -- waiting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 2, 10, 300])
def test_nobody_asks_before_the_floor_nor_much_later(members):
    wants = ladder()
    waits = [wants.backoff_s(members) for _ in range(2000)]

    assert min(waits) >= 0.02
    assert max(waits) <= 0.02 + 4 * 0.02 + 1e-9


def test_the_more_may_ask_the_later_most_of_them_would():
    def early(members: int) -> float:
        wants = ladder()
        return sum(wants.backoff_s(members) < 0.04 for _ in range(4000)) / 4000

    assert early(2) > early(10) > early(300)
    assert early(300) * 300 < 12


def test_a_gap_that_fills_by_itself_is_not_asked_for():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)

    wants.filled(ORIGIN, 7)

    assert wants.due_gaps(11.0) == []


def test_a_gap_that_fills_in_part_is_asked_for_in_part():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    wants.filled(ORIGIN, 5)
    [gap] = wants.due_gaps(11.0)

    assert (gap.after, gap.until) == (5, 7)


def test_a_gap_that_grows_is_still_one_gap():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    wants.missing(ORIGIN, 3, 12, 10.01, 5)
    [gap] = wants.due_gaps(11.0)

    assert (gap.after, gap.until) == (3, 12)


def test_who_hears_another_ask_waits():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    due = wants.next_due()

    wants.overheard(ORIGIN, 0, 9, due, 5)

    assert wants.due_gaps(due + 0.03) == []
    assert wants.due_gaps(due + 1.0)


def test_who_hears_another_ask_for_less_still_asks():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    due = wants.next_due()

    wants.overheard(ORIGIN, 3, 6, due, 5)

    assert wants.due_gaps(due)


def test_after_two_tries_or_for_very_much_only_an_exchange_helps():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    [gap] = wants.due_gaps(11.0)
    assert not wants.beyond_repair(gap)
    for _ in range(TRIES_MAX):
        wants.asked(gap, 11.0, 5)
    assert wants.beyond_repair(gap)

    wants.missing(b"other", 0, 1_000_000, 10.0, 5)

    assert wants.beyond_repair(wants.gaps[b"other"])


def test_each_try_waits_longer_than_the_one_before():
    wants = ladder()
    wants.missing(ORIGIN, 3, 7, 10.0, 5)
    [gap] = wants.due_gaps(11.0)
    wants.asked(gap, 11.0, 5)
    first_wait = gap.due - 11.0
    wants.asked(gap, 20.0, 5)

    assert first_wait > 0
    assert gap.due - 20.0 > 0.02 * 8


# -- among real replicas ------------------------------------------------------------------------


@pytest.mark.slow
def test_thirty_receivers_of_one_loss_send_few_requests():
    requests = []
    for seed in range(4):
        mesh = met(seed, 31)
        mesh.traffic.clear()
        lose_one_write(mesh, "lost")
        mesh.settle(within_s=5)
        requests.append(mesh.traffic.count("repair"))

    assert all(1 <= count <= 12 for count in requests)
    assert sum(requests) / len(requests) <= 6


def test_a_loss_that_all_have_is_answered_by_multicast_and_not_to_each():
    for seed in range(2):
        mesh = met(seed, 31)
        mesh.traffic.clear()
        lose_one_write(mesh, "lost")
        mesh.settle(within_s=5)

        assert mesh.traffic.count("batch", way="unicast") < 15
        assert mesh.traffic.count("delta end") <= 4  # of those whose beacons came in between


def test_disorder_alone_costs_no_request():
    mesh = met(0, 5)
    mesh.links.disorder, mesh.links.held_up_s = 0.5, 0.015
    mesh.traffic.clear()
    for number in range(300):
        mesh.write("n0", f"key/{number}", number)
        mesh.run(seconds=0.005)
    mesh.settle(within_s=2)

    assert mesh.traffic.count("repair") == 0
    assert mesh.traffic.count("delta") <= 5  # digests differ a little while writes flow


def test_a_lost_write_that_nothing_follows_is_noticed_at_the_next_beacon():
    mesh = met(0, 4)
    mesh.links.loss = 1.0
    mesh.write("n0", "last", 1)
    mesh.run(seconds=0.002)
    mesh.links.loss = 0.0

    assert mesh.settle(within_s=3) < 2


def test_the_lost_write_of_one_who_died_comes_from_another():
    mesh = met(0, 4)
    mesh.links.losses = {"n2": 1.0, "n3": 1.0}
    mesh.write("n0", "last", 1)
    mesh.run(seconds=0.01)
    assert mesh.read("n1", "last") == 1
    mesh.links.losses = {}
    mesh.crash("n0")

    mesh.settle(within_s=8)

    assert mesh.read("n3", "last") == 1


def test_who_missed_hundreds_of_batches_does_not_ask_for_one_after_the_other():
    mesh = met(0, 3)
    mesh.links.losses = {"n2": 1.0}
    for number in range(3000):
        mesh.write("n0", f"key/{number}", "x" * 200)
        if number % 4 == 0:
            mesh.run(seconds=0.002)
    mesh.traffic.clear()
    mesh.links.losses = {}
    mesh.settle(within_s=10)

    assert mesh.traffic.count("repair") <= 6
    assert mesh.traffic.count("batch") + mesh.traffic.count("delta end") < 1200


def test_a_batch_that_needs_anothers_write_waits_for_it_and_asks_for_it():
    mesh = met(0, 3)
    mesh.write("n0", "key", "first")
    mesh.run(seconds=3)
    mesh.links.losses = {"n2": 1.0}
    mesh.write("n0", "key", "second")
    mesh.run(seconds=0.01)
    mesh.links.losses = {}
    mesh.write("n1", "key", "third")
    mesh.run(seconds=0.01)

    assert mesh.read("n1", "key") == "third"
    assert mesh.read("n2", "key") == "first"
    assert mesh.settle(within_s=2) < 0.5
    assert mesh.read("n2", "key") == "third"
