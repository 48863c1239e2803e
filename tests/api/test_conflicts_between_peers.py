"""Two sides of a cut network write the same keys; healed, they agree, and the losers stay readable."""

from __future__ import annotations

import time
from itertools import chain

import pytest


@pytest.fixture
def apart(join, faults):
    """Two peers that know each other and cannot hear each other."""
    ada, bob = join("ada", wrap=faults), join("bob", wrap=faults)
    for mesh in (ada, bob):
        mesh.wait(lambda m: m.peers, timeout=5)
    ada["before"] = 1
    ada.settled(timeout=5)
    faults.cut(ada, bob)
    return ada, bob


def a_moment_later(mesh, key):
    """Wait for the clock's next millisecond: two writes within one are ordered by chance."""
    while time.time() < mesh.entry(key).written_at_s + 0.002:
        pass


def test_a_healed_mesh_shows_the_later_write_and_keeps_the_other(apart, faults):
    ada, bob = apart
    ada["door"] = "open"
    a_moment_later(ada, "door")
    bob["door"] = "shut"
    faults.heal()
    bob.wait(lambda mesh: mesh.conflicts("door"), timeout=10)
    ada.wait(lambda mesh: mesh.conflicts("door"), timeout=10)

    assert ada == bob == {"before": 1, "door": "shut"}
    for mesh in apart:
        assert [(entry.value, entry.writer.name) for entry in mesh.conflicts("door")] == [
            ("shut", "bob"),
            ("open", "ada"),
        ]
        assert mesh.status().conflicts == 1
    ada["door"] = "ajar"
    bob.wait(lambda mesh: mesh["door"] == "ajar", timeout=5)
    assert bob.conflicts() == ada.conflicts() == {}


def test_who_asked_is_told_of_a_conflict_with_the_winner_first(apart, faults):
    ada, bob = apart
    told = []
    ada.on_conflict(lambda key, values: told.append(("ada", key, values)))
    bob.on_conflict(lambda key, values: told.append(("bob", key, values)))
    ada["door"] = "open"
    a_moment_later(ada, "door")
    bob["door"] = "shut"
    faults.heal()
    ada.wait(lambda _: len(told) == 2, timeout=10)

    assert sorted(told) == [("ada", "door", ("shut", "open")), ("bob", "door", ("shut", "open"))]


def test_a_listener_may_resolve_a_conflict_by_writing(apart, faults):
    ada, bob = apart
    ada.on_conflict(lambda key, values: ada.__setitem__(key, sorted(chain(*values))))
    ada["cart"] = ["apples"]
    bob["cart"] = ["pears"]
    faults.heal()
    bob.wait(lambda mesh: mesh["cart"] == ["apples", "pears"], timeout=10)

    assert bob.conflicts() == {}


def test_a_write_survives_a_delete_that_had_not_heard_of_it(apart, faults):
    ada, bob = apart
    del ada["before"]
    bob["before"] = 2
    faults.heal()
    ada.wait(lambda mesh: mesh.get("before") == 2, timeout=10)
    bob.settled(timeout=5)

    assert bob == {"before": 2}


def test_nothing_deleted_comes_back_when_a_peer_returns(apart, faults):
    ada, bob = apart
    del ada["before"]
    faults.heal()
    bob.wait(lambda mesh: "before" not in mesh, timeout=10)
    bob["after"] = 1
    ada.wait(lambda mesh: "after" in mesh, timeout=5)

    assert ada == bob == {"after": 1}


def test_a_batch_made_apart_arrives_whole(apart, faults):
    ada, bob = apart
    with ada.batch():
        ada.update({f"key {number}": number for number in range(500)})
        del ada["before"]
    sizes = set()
    faults.heal()
    bob.wait(lambda mesh: sizes.add(len(mesh.snapshot())) or "before" not in mesh, timeout=10)

    assert sizes == {1, 500}
