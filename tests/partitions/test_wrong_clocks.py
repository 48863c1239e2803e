"""Clocks that are wrong by decades, run away, or are set while everything runs."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.protocol.effects import ClockSkew

YEAR_MS = 365 * 86_400_000


@pytest.mark.parametrize("skew_ms", [10 * YEAR_MS, -50 * YEAR_MS])
def test_a_clock_that_is_decades_off_spoils_only_what_it_writes_itself(mesh, skew_ms):
    mesh.add("a")
    mesh.add("b")
    mesh.add("wrong", skew_ms=skew_ms)
    mesh.run(seconds=3)

    mesh.write("wrong", "its own", 1)
    mesh.write("wrong", "shared", "wrong")
    mesh.settle(within_s=5)
    mesh.write("a", "shared", "right")
    mesh.write("b", "other", 2)
    mesh.settle(within_s=5)

    assert mesh.read("wrong", "shared") == mesh.read("b", "shared") == "right"
    stamp = mesh.nodes["b"].replica.ledger.state.live["other"].stamp
    assert abs((stamp >> 16) - mesh.nodes["b"].wall_ms) < 10_000


@pytest.mark.parametrize("skew_ms", [10 * YEAR_MS, -50 * YEAR_MS])
def test_peers_whose_clocks_differ_by_decades_still_see_the_same(mesh, skew_ms):
    for name in "abc":
        mesh.add(name, skew_ms=skew_ms if name == "c" else 0)
    mesh.run(seconds=2)
    mesh.partition("ab", "c")
    for name in "abc":
        mesh.write(name, "door", name)
    mesh.run(seconds=3)
    mesh.heal()

    mesh.settle(within_s=10)
    assert mesh.read("a", "door") == ("c" if skew_ms > 0 else mesh.read("b", "door"))


def test_a_clock_that_is_stepped_by_an_hour_under_load_loses_nothing(mesh_of):
    mesh = mesh_of("abc")
    for number in range(300):
        if number % 60 == 30:
            mesh.nodes["b"].clock.step(3_600_000 if number % 120 == 30 else -7_200_000)
        mesh.write("abc"[number % 3], "shared", number)
        mesh.write("abc"[number % 3], f"key/{number}", number)
        mesh.run(seconds=0.02)

    mesh.settle(within_s=5)
    assert len(mesh.state("a")) == 301


def test_a_write_that_has_seen_another_wins_over_it_whatever_the_clocks_say(mesh):
    mesh.add("fast", skew_ms=3_600_000)
    mesh.add("slow", skew_ms=-3_600_000)
    mesh.run(seconds=3)
    for number in range(20):
        mesh.write("fast" if number % 2 else "slow", "turn", number)
        mesh.settle(within_s=3)

        assert mesh.read("fast", "turn") == mesh.read("slow", "turn") == number


def test_a_clock_that_runs_fast_is_reported_with_its_offset(mesh):
    mesh.add("a")
    mesh.add("fast", skew_ms=90_000)
    mesh.run(seconds=5)

    skews = mesh.notices("a", ClockSkew)
    assert skews
    assert skews[-1].offset_ms == pytest.approx(90_000, abs=100)


def test_what_expires_is_gone_everywhere_though_clocks_differ(mesh):
    for name, skew_ms in (("a", 0), ("b", 20_000), ("c", -20_000)):
        mesh.add(name, skew_ms=skew_ms)
    mesh.run(seconds=5)
    mesh.write("a", "short", 1, ttl_s=60)
    mesh.write("a", "lasting", 2)
    mesh.settle()

    mesh.run(seconds=30)
    assert all(mesh.read(name, "short") == 1 for name in "abc")

    mesh.run(seconds=70)
    assert all(mesh.read(name, "short") is None for name in "abc")

    mesh.run(seconds=200)
    assert all("short" not in mesh.nodes[name].replica.ledger.state.live for name in "abc")
    assert all(mesh.read(name, "lasting") == 2 for name in "abc")
    mesh.settle(within_s=5)


def test_what_expired_does_not_come_back_with_one_who_was_away(mesh):
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=3)
    mesh.write("a", "key", "old")
    mesh.settle()
    mesh.partition("ab", "c")
    mesh.write("b", "key", "short", ttl_s=10)
    mesh.run(seconds=300)
    mesh.heal()
    mesh.settle(within_s=15)

    assert all(mesh.read(name, "key") is None for name in "abc")


def test_hybrid_clocks_keep_up_with_those_of_others_that_are_a_little_ahead(mesh):
    mesh.add("ahead", skew_ms=1500)
    mesh.add("behind")
    mesh.run(seconds=3)
    mesh.write("ahead", "first", 1)
    mesh.settle()
    mesh.write("behind", "second", 2)

    live = mesh.nodes["behind"].replica.ledger.state.live
    assert live["second"].stamp > live["first"].stamp


def test_clocks_that_drift_for_hours_do_no_harm(mesh):
    mesh.add("a")
    mesh.add("fast", clock_rate=1.01)
    mesh.add("slow", clock_rate=0.99)
    for round_number in range(20):
        mesh.run(seconds=120)
        for name in ("a", "fast", "slow"):
            mesh.write(name, "shared", f"{name}/{round_number}")
        fill(mesh, "a", 3)

        mesh.settle(within_s=5)
