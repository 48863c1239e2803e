"""A mesh on virtual time does what a real one does: one suite over simulated nodes and over threads in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

import gossamer
from gossamer.simulation.memory_net import ThreadsNet
from gossamer.simulation.simulated_net import SimulatedNet


@pytest.fixture(params=["virtual time", "threads"])
def net(request: pytest.FixtureRequest) -> Iterator[SimulatedNet | ThreadsNet]:
    made = SimulatedNet(1) if request.param == "virtual time" else ThreadsNet(1)
    yield made
    made.close()


@pytest.fixture
def pair(net, options):
    patient = replace(options, settle_s=0.1)
    one, other = net.open("one", options=patient), net.open("other", options=patient)
    one.wait(lambda mesh: mesh.peers, timeout=10)
    other.wait(lambda mesh: mesh.peers, timeout=10)
    return one, other


def test_listeners_are_told_of_every_change_in_order_by_whom_and_what_it_was(pair):
    one, other = pair
    changes = []
    other.on("bench/*", changes.append)

    one["bench/1"] = "a"
    one["elsewhere"] = 1
    other.wait(lambda mesh: "elsewhere" in mesh, timeout=10)
    one["bench/1"] = "b"
    other.wait(lambda mesh: mesh["bench/1"] == "b", timeout=10)
    del one["bench/1"]
    other["bench/2"] = "own"
    other.wait(lambda _: len(changes) == 4, timeout=10)

    told = [(change.kind, change.old, change.new, change.local) for change in changes if change.key == "bench/1"]
    assert told == [("set", None, "a", False), ("set", "a", "b", False), ("delete", "b", None, False)]
    assert [change.peer.name for change in changes if change.key == "bench/2"] == ["other"]


def test_what_a_listener_raises_is_logged_and_harms_no_other(pair, caplog):
    one, other = pair
    heard = []
    other.on("*", lambda change: 1 / 0)
    other.on("*", heard.append)

    with caplog.at_level(logging.ERROR, "gossamer.changes"):
        one["key"] = 1
        other.wait(lambda _: heard, timeout=10)

    assert other.statistics()["listener errors"] == 1
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "wait", [lambda mesh: mesh.wait(lambda _: True), lambda mesh: mesh.settled(), lambda m: m.close()]
)
def test_a_listener_that_would_wait_for_itself_is_told_so(pair, wait):
    one, other = pair
    raised = []

    @other.on("*")
    def listen(change):
        try:
            wait(other)
        except Exception as error:
            raised.append(error)

    one["key"] = 1
    other.wait(lambda _: raised, timeout=10)

    assert [type(error) for error in raised] == [gossamer.WrongThread]
    assert "from a listener" in str(raised[0])


def test_changes_are_iterated_and_end_with_the_mesh(pair):
    one, other = pair
    with other.changes("a*") as changes:
        one["b"] = 0
        one["a1"] = 1
        one["a2"] = 2

        assert [next(changes).key, next(changes).key] == ["a1", "a2"]
        other.close()
        assert list(changes) == []


def test_settled_returns_once_peers_know_and_else_names_who_is_late(net, pair):
    one, other = pair
    one["key"] = 1
    one.settled(timeout=10)
    assert other["key"] == 1

    with net.partition(one, other):
        one["key"] = 2
        with pytest.raises(gossamer.MeshTimeout, match="for confirmation by other"):
            one.settled(timeout=0.3)
    one.settled(timeout=10)
    assert other["key"] == 2


def test_what_expires_is_gone_for_all_and_told_as_expired(pair):
    one, other = pair
    kinds = []
    other.on("lease", lambda change: kinds.append(change.kind))

    one.set("lease", "mine", ttl=0.3)
    other.wait(lambda mesh: "lease" in mesh, timeout=10)
    other.wait(lambda mesh: "lease" not in mesh and len(kinds) == 2, timeout=10)

    assert kinds == ["set", "expire"]
    assert "lease" not in one


def test_concurrent_writes_are_in_conflict_on_both_sides_and_told(net, pair):
    met = []
    for mesh in pair:
        mesh.on_conflict(lambda key, values: met.append((key, set(values))))

    with net.partition(*pair):
        for mesh in pair:
            mesh["key"] = mesh.me.name
    net.converged(pair, within=20)
    for mesh in pair:
        mesh.wait(lambda mesh: len(met) >= 2, timeout=10)

    assert {mesh["key"] for mesh in pair} <= {"one", "other"}
    assert [len(mesh.conflicts("key")) for mesh in pair] == [2, 2]
    assert met[0] == ("key", {"one", "other"})


def test_a_batch_is_seen_whole_or_not_at_all(pair):
    one, other = pair
    torn = []
    other.on("*", lambda change: torn.append(change) if len(other) not in (0, 3) else None)

    with one.batch():
        one.update(a=1, b=2)
        one["c"] = 3
    other.wait(lambda mesh: mesh, timeout=10)

    assert dict(other) == {"a": 1, "b": 2, "c": 3}
    assert torn == []


def test_who_joins_and_leaves_is_told(net, pair):
    one, _ = pair
    seen = []
    one.on_join(lambda peer: seen.append(("joined", peer.name)))
    one.on_leave(lambda peer: seen.append(("left", peer.name)))

    third = net.open("third", options=one.options)
    one.wait(lambda mesh: len(mesh.peers) == 2, timeout=10)
    third.close()
    one.wait(lambda mesh: len(mesh.peers) == 1 and len(seen) == 2, timeout=10)

    assert seen == [("joined", "third"), ("left", "third")]


def test_a_closed_mesh_can_be_read_and_nothing_else(pair):
    one, _ = pair
    one["key"] = 1
    one.close()
    one.close()

    assert dict(one) == {"key": 1}
    with pytest.raises(gossamer.MeshClosed):
        one["key"] = 2
    with pytest.raises(gossamer.MeshClosed):
        one.wait(lambda mesh: False, timeout=1)
    assert one.status().why == "closed"


def test_a_late_joiner_has_all_when_it_has_joined(net, pair):
    one, _ = pair
    one.update((number, "x" * 50) for number in range(5000))
    one.settled(timeout=20)

    late = net.open("late", options=one.options)

    assert len(late) == 5000


def test_status_and_statistics_say_the_same_things(pair):
    one, _ = pair
    assert one.status().multicast
    assert [(row.peer.name, row.presence) for row in one.status().peers] == [("other", "alive")]
    assert {"writes", "keys", "listener errors", "datagrams sent", "datagram bytes sent"} <= one.statistics().keys()


def test_a_peer_that_is_not_there_cannot_be_cut_off(net, pair):
    with pytest.raises(ValueError, match="'nobody' is no peer of this net"):
        net.partition("one", "nobody")
