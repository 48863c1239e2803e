"""Nothing that was deleted comes back, whoever was away, for however long, and whatever was forgotten."""

from __future__ import annotations

import pytest
from scenes import fill

from gossamer.options import Options
from gossamer.protocol.effects import Rejoined

DAYS_S = 3 * 86_400.0
FORGETFUL = Options(forget_deletes_after_s=20, deletes_max=10)


def test_a_delete_reaches_one_who_was_away(mesh_of):
    mesh = mesh_of("abc")
    fill(mesh, "a", 100)
    mesh.settle()
    mesh.partition("ab", "c")

    for number in range(50):
        mesh.delete("b", f"a/{number}")
    mesh.run(seconds=30)
    mesh.heal()

    mesh.settle(within_s=10)
    assert len(mesh.state("c")) == 50


def test_a_delete_reaches_one_who_was_away_long_after_its_record_was_forgotten(mesh_of):
    mesh = mesh_of("abc", options=FORGETFUL)
    fill(mesh, "a", 100)
    mesh.settle()
    mesh.partition("ab", "c")

    for number in range(50):
        mesh.delete("b", f"a/{number}")
    mesh.run(seconds=60)
    assert not mesh.nodes["a"].replica.ledger.state.deletes
    mesh.heal()

    mesh.settle(within_s=15)
    assert len(mesh.state("c")) == 50


def test_what_the_absent_wrote_survives_a_roster_that_does_not_list_it(mesh_of):
    mesh = mesh_of("abc", options=FORGETFUL)
    fill(mesh, "a", 100)
    mesh.settle()
    mesh.partition("ab", "c")
    for number in range(50):
        mesh.delete("b", f"a/{number}")
    mesh.write("c", "a/3", "mine")
    mesh.write("c", "own", 1)
    mesh.run(seconds=60)
    mesh.heal()

    mesh.settle(within_s=15)
    assert mesh.read("a", "a/3") == "mine"
    assert mesh.read("b", "own") == 1
    assert len(mesh.state("a")) == 52


def test_a_roster_is_inherited_by_whoever_hears_of_the_delete_in_the_third_place(mesh_of):
    mesh = mesh_of("abcd", options=FORGETFUL)
    fill(mesh, "a", 30)
    mesh.settle()
    mesh.partition("ab", "c", "d")
    for number in range(30):
        mesh.delete("a", f"a/{number}")
    mesh.run(seconds=60)

    mesh.partition("abc", "d")
    mesh.settle(within_s=15, among="abc")
    mesh.partition("ab", "cd")

    mesh.settle(within_s=15, among="cd")
    assert mesh.state("d") == {}


@pytest.mark.parametrize("forgetful", [False, True])
def test_after_days_away_longer_than_records_are_kept_nothing_resurrects(seed, forgetful):
    from gossamer.simulation import Simulation

    slow = Options(beacon_interval_s=3600.0, forget_deletes_after_s=86_400 if forgetful else 1e9)
    mesh = Simulation(seed, options=slow)
    for name in "ab":
        mesh.add(name)
    mesh.run(seconds=20)
    fill(mesh, "a", 20)
    mesh.settle(within_s=20_000)
    mesh.partition("a", "b")
    mesh.write("b", "meanwhile", 1)
    for number in range(10):
        mesh.delete("a", f"a/{number}")
    mesh.run(seconds=DAYS_S)
    mesh.heal()

    mesh.settle(within_s=40_000)
    assert len(mesh.state("b")) == 11


def test_a_key_deleted_and_written_again_stays(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("a", "key", 1)
    mesh.settle()
    mesh.partition("ab", "c")
    mesh.delete("b", "key")
    mesh.settle(among="ab")
    mesh.write("a", "key", 2)
    mesh.run(seconds=5)
    mesh.heal()

    mesh.settle(within_s=10)
    assert mesh.read("c", "key") == 2


def test_a_write_that_a_delete_had_not_seen_survives_it(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("a", "key", 1)
    mesh.settle()
    mesh.partition("ab", "c")
    mesh.delete("a", "key")
    mesh.write("c", "key", "kept")
    mesh.heal()

    mesh.settle(within_s=10)
    assert mesh.read("a", "key") == "kept"


def test_who_was_away_for_hours_is_told_so_once_it_has_caught_up(mesh_of):
    mesh = mesh_of("ab", options=Options(rejoin_after_s=60.0))
    fill(mesh, "a", 10)
    mesh.settle()
    mesh.partition("a", "b")
    mesh.write("b", "meanwhile", 1)
    mesh.write("a", "here", 1)
    mesh.run(seconds=120)
    mesh.heal()
    mesh.settle(within_s=15)
    mesh.run(seconds=3)

    reports = mesh.notices("b", Rejoined)
    assert len(reports) == 1
    assert reports[0].absent_s > 60
