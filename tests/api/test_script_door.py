"""`gossamer.join`: what scripts see of each other, and how they come and go."""

from __future__ import annotations

import json
import logging
import threading
import time

import pytest

import gossamer


def test_a_mesh_works_alone(join):
    mesh = join()
    mesh["a"] = 1
    mesh.settled(timeout=1)

    assert (dict(mesh), mesh.peers, mesh.status().why) == (
        {"a": 1},
        frozenset(),
        "alone: no other peer of this mesh was heard",
    )
    assert mesh.status().unsent == 0


def test_join_returns_with_what_the_others_hold(join, patient):
    ada = join("ada")
    ada.update({f"key {number}": [number] for number in range(2000)})
    bob = join("bob", options=patient)

    assert bob == ada
    assert len(bob) == 2000
    assert bob.status().caught_up


def test_writes_travel_both_ways_with_their_types(join):
    ada, bob = join("ada"), join("bob")
    ada["value"] = {"list": [1, (2, None)], "set": {1, 2}, "bytes": b"\0", "float": 1.5}
    ada[("tuple", 1)] = True
    bob.wait(lambda mesh: len(mesh) == 2, timeout=2)
    bob["answer"] = 1
    del bob[("tuple", 1)]
    ada.wait(lambda mesh: "answer" in mesh and len(mesh) == 2, timeout=2)

    assert ada == bob == {"value": {"list": [1, (2, None)], "set": {1, 2}, "bytes": b"\0", "float": 1.5}, "answer": 1}
    assert json.loads(json.dumps(bob["value"]["list"])) == [1, [2, None]]


def test_a_mesh_is_usable_without_with_as_in_a_repl(mesh_name, mesh_port, options):
    mesh = gossamer.join(mesh_name, port=mesh_port, options=options)
    mesh["a"] = 1
    mesh.close()

    assert mesh["a"] == 1


def test_peers_know_each_other_by_name_and_address(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    (seen,) = ada.peers

    assert (seen.name, seen.id, seen.host, str(seen)) == ("bob", bob.me.id, "127.0.0.1", "bob")
    assert ada.me.name == "ada"
    assert len(bytes.fromhex(ada.me.id)) == 16


def test_a_peer_is_named_by_host_and_process_if_nobody_named_it(join):
    import os
    import socket

    assert join().me.name == f"{socket.gethostname()}:{os.getpid()}"


def test_who_joins_and_who_leaves_is_told(join):
    ada = join("ada")
    told = []
    ada.on_join(lambda peer: told.append(("joined", peer.name)))
    ada.on_leave(lambda peer: told.append(("left", peer.name)))
    bob = join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    bob.close()
    ada.wait(lambda mesh: len(told) == 2, timeout=2)

    assert told == [("joined", "bob"), ("left", "bob")]


def test_closing_says_goodbye_so_that_others_know_at_once(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    bob.close()
    started = time.monotonic()
    ada.wait(lambda mesh: not mesh.peers, timeout=2)

    assert time.monotonic() - started < 0.5
    assert [row.presence for row in ada.status().peers] == ["left"]
    assert ada.status().peers[0].why == "it said goodbye"


def test_closing_twice_or_from_several_threads_is_closing_once(join):
    mesh = join()
    threads = [threading.Thread(target=mesh.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    mesh.close()

    assert not any(thread.is_alive() for thread in threads)


def test_what_a_closed_mesh_held_is_still_read_and_nothing_is_written(join):
    with join() as mesh:
        mesh["a"] = [1]

    assert (mesh["a"], dict(mesh), len(mesh), "a" in mesh, mesh.snapshot()) == ([1], {"a": [1]}, 1, True, {"a": [1]})
    for write in (
        lambda: mesh.__setitem__("a", 2),
        lambda: mesh.__delitem__("a"),
        lambda: mesh.pop("a"),
        lambda: mesh.update(b=1),
        lambda: mesh.setdefault("b", 1),
        lambda: mesh.set("b", 1, ttl=1),
        mesh.clear,
        mesh.popitem,
    ):
        with pytest.raises(gossamer.MeshClosed, match="join again"):
            write()
    for wait in (lambda: mesh.settled(timeout=1), lambda: mesh.wait(lambda m: False, timeout=1)):
        with pytest.raises(gossamer.MeshClosed):
            wait()
    with pytest.raises(gossamer.MeshClosed), mesh:
        pass
    assert mesh.status().why == "closed"
    assert mesh.statistics()["writes"] == 1
    assert mesh == {"a": [1]}


def test_the_last_write_before_closing_has_reached_a_peer_when_close_returns(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    for number in range(500):
        ada["x"] = number
    started = time.monotonic()
    ada.close()

    assert bob["x"] == 499
    assert time.monotonic() - started < 0.5


def test_closing_warns_once_of_what_no_peer_confirmed(join, faults, caplog):
    ada, bob = join("ada", wrap=faults), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    faults.deafen(ada, bob)
    ada["x"] = 1
    with caplog.at_level(logging.WARNING, "gossamer"):
        ada.close(linger_s=0.2)

    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "before any peer confirmed" in record.getMessage()


def test_settled_returns_once_every_peer_knows_our_writes(join):
    ada, bob, eve = join("ada"), join("bob"), join("eve")
    ada.wait(lambda mesh: len(mesh.peers) == 2, timeout=2)
    for number in range(300):
        ada[number] = number
    ada.settled(timeout=5)

    assert bob == eve == ada
    ada.settled(7, timeout=1)
    ada.settled("absent", timeout=1)
    ada["last"] = 1
    ada.settled(peers=[bob.me], timeout=2)
    assert bob["last"] == 1
    ada.settled(peers=["eve"], timeout=2)
    assert eve["last"] == 1


def test_settled_covers_what_others_wrote_under_a_key(join):
    ada, bob, eve = join("ada"), join("bob"), join("eve")
    ada.wait(lambda mesh: len(mesh.peers) == 2, timeout=2)
    ada["x"] = 1
    bob.wait(lambda mesh: "x" in mesh, timeout=2)
    bob.settled("x", timeout=2)

    assert eve["x"] == 1


def test_settled_that_times_out_names_who_is_late(join, faults):
    ada, _, eve = join("ada"), join("bob"), join("eve", wrap=faults)
    ada.wait(lambda mesh: len(mesh.peers) == 2, timeout=2)
    faults.deafen(eve, ada)
    ada["x"] = 1

    with pytest.raises(gossamer.MeshTimeout, match="confirmation by eve;") as raised:
        ada.settled(timeout=0.3)
    assert isinstance(raised.value, TimeoutError)
    assert "0.3 s" in str(raised.value)
    ada.settled(peers=["bob"], timeout=1)


def test_settled_waits_for_a_named_peer_that_is_not_there_yet(join):
    ada = join("ada")
    ada["x"] = 1
    with pytest.raises(gossamer.MeshTimeout, match="confirmation by bob; alone"):
        ada.settled(peers=["bob"], timeout=0.05)
    threading.Timer(0.05, join, ["bob"]).start()

    ada.settled(peers=["bob"], timeout=5)


def test_two_threads_may_wait_for_the_same_write_to_settle(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    bob["x"] = 1
    ada.wait(lambda mesh: "x" in mesh, timeout=2)
    threads = [threading.Thread(target=ada.settled, args=("x",), kwargs={"timeout": 5}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(6)

    assert not any(thread.is_alive() for thread in threads)


def test_who_still_waits_is_still_asked_for_when_another_has_what_it_waited_for(join):
    ada, bob = join("ada"), join("bob")
    bob["x"] = 1
    ada.wait(lambda mesh: "x" in mesh, timeout=5)
    patient = threading.Thread(target=ada.settled, args=("x",), kwargs={"peers": ["late"], "timeout": 10})
    patient.start()
    ada.settled("x", peers=["bob"], timeout=5)
    join("late")
    patient.join(5)

    assert not patient.is_alive()


def test_wait_returns_the_first_truthy_value_in_the_callers_thread(join):
    ada, bob = join("ada"), join("bob")
    threads = set()

    def ready(mesh):
        threads.add(threading.current_thread())
        return mesh.get("x")

    threading.Timer(0.05, lambda: ada.__setitem__("x", [7])).start()

    assert bob.wait(ready, timeout=2) == [7]
    assert threads == {threading.current_thread()}


def test_wait_that_times_out_says_for_what_and_how_the_mesh_is(join):
    mesh = join()

    with pytest.raises(gossamer.MeshTimeout, match=r"waited 0.05 s for .*; alone"):
        mesh.wait(lambda m: False, timeout=0.05)
    with pytest.raises(gossamer.MeshTimeout):
        mesh.wait(lambda m: False, timeout=0)


def test_what_a_predicate_raises_comes_out_of_wait(join):
    with pytest.raises(ZeroDivisionError):
        join().wait(lambda mesh: 1 / 0)


def test_who_waits_while_the_mesh_is_closed_is_told(join):
    mesh = join()
    threading.Timer(0.05, mesh.close).start()

    with pytest.raises(gossamer.MeshClosed):
        mesh.wait(lambda m: False, timeout=5)


def test_a_time_to_live_ends_on_every_peer_and_watchers_are_told(join):
    ada, bob = join("ada"), join("bob")
    told = []
    bob.on("*", told.append)
    ada.set("x", 1, ttl=0.2)
    bob.wait(lambda mesh: "x" in mesh, timeout=2)
    bob.wait(lambda mesh: len(told) == 2, timeout=3)

    assert [change.kind for change in told] == ["set", "expire"]
    assert (ada, bob) == ({}, {})


def test_two_meshes_in_one_process_have_nothing_to_do_with_each_other(join):
    one, other = join("ada", name="one"), join("bob", name="other")
    one["x"] = 1
    other["y"] = 2

    assert (dict(one), dict(other), one.peers, other.peers) == ({"x": 1}, {"y": 2}, frozenset(), frozenset())
    assert one.name == "one"


def test_status_tells_of_each_peer_what_keeps_us_apart(join, eventually):
    ada, _ = join("ada"), join("bob")
    ada["x"] = 1
    eventually(lambda: ada.status().why == "in step with bob")
    status = ada.status()
    (row,) = status.peers

    assert (status.name, status.me, status.keys, status.conflicts) == (ada.name, ada.me, 1, 0)
    assert (status.caught_up, status.multicast, status.unsent) == (True, True, 0)
    assert (row.peer.name, row.presence, row.in_step, row.multicast, row.why) == ("bob", "alive", True, True, "in step")
    assert 0 <= row.last_heard_s < 2


def test_statistics_count_what_happened(join):
    ada, bob = join("ada"), join("bob")
    ada["x"] = 1
    bob.wait(lambda mesh: "x" in mesh, timeout=2)
    counts = ada.statistics()

    assert (counts["writes"], counts["keys"], counts["conflicts met"]) == (1, 1, 0)
    assert counts["datagrams sent"] > 0
    assert all(isinstance(count, int) for count in counts.values())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"secret": "x" * 20, "insecure_lan": True}, gossamer.ConfigurationError, "give one of them"),
        ({"peers": ["not a:port"]}, gossamer.ConfigurationError, "host:port"),
        ({"peers": ["host:0"]}, gossamer.ConfigurationError, "host:port"),
        ({"peers": [":80"]}, gossamer.ConfigurationError, "host:port"),
        ({"insecure_lan": True, "interfaces": ["nonsense9"]}, gossamer.ConfigurationError, "nonsense9"),
        ({"peers": "10.0.0.5"}, gossamer.ConfigurationError, "list"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_door(mesh_name, mesh_port, arguments, error, words):
    before = threading.active_count()
    with pytest.raises(error, match=words):
        gossamer.join(mesh_name, port=mesh_port, **arguments)

    assert threading.active_count() == before


def test_a_mesh_needs_a_name(mesh_port):
    with pytest.raises(gossamer.ConfigurationError, match="name"):
        gossamer.join(port=mesh_port)
