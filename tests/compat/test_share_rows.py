"""The rows P1 to P18 of what py-share's users have, or were promised, under `gossamer.compat.share`."""

from __future__ import annotations

import importlib.metadata
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import cbor2
import pytest

import gossamer
from gossamer.compat import share as module
from gossamer.compat.share import NO_DATA, Database, DatabaseError, Share, Store
from gossamer.wire.values import encode_value


@pytest.fixture
def peer(join, patient) -> Callable[..., Share]:
    """Make a Share of its own peer in this test's mesh."""
    made = []

    def peer(**options: Any) -> Share:
        made.append(Share(join(options=patient), linger_s=0, **options))
        return made[-1]

    yield peer
    for each in made:
        each.close()


@pytest.fixture
def share(peer, monkeypatch):
    """The module, with a peer of this test behind its functions."""
    monkeypatch.setattr(module, "_here", peer())
    return module


@pytest.fixture
def own_settings(mesh_name, mesh_port, monkeypatch):
    """Let programs that join by themselves join this test's mesh."""
    monkeypatch.setenv("GOSSAMER_MESH", mesh_name)
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")


@pytest.fixture
def in_thread():
    """Run a function in a thread that has ended when the test does."""
    threads = []

    def in_thread(fn: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=fn))
        threads[-1].start()
        return threads[-1]

    yield in_thread
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


# -- P1 to P3: send, check, get -------------------------------------------------------------------


def test_P1_a_signal_with_and_without_data_is_got_in_another_program(peer):
    ada, bob = peer(), peer()

    ada.send("fred", "I am happy")
    assert bob.check("fred", wait=True, timeout=5)
    assert bob.get("fred") == "I am happy"
    ada.send("fred")
    assert bob.get("fred", wait=True, timeout=5) == ""
    ada.send("fred", {"x": 1}, timeout=5)
    assert bob.get("fred", wait=True, timeout=5) == {"x": 1}
    with pytest.raises(gossamer.UnsendableValue):
        ada.send("fred", object())
    assert bob.check("fred") is False, "what could not be sent has signalled nothing"


def test_P2_get_uses_a_signal_up_and_no_data_differs_from_empty(peer):
    ada, bob = peer(), peer()
    assert (bob.check("fred"), bob.get("fred")) == (False, None)

    ada.send("fred", "")
    ada.send("fred", None, wait=False)
    empty, nothing = bob.get("fred", wait=True, timeout=5), bob.get("fred", wait=True, timeout=5)

    assert empty == nothing == "", "as in py-share"
    assert (empty is NO_DATA, nothing is NO_DATA, repr(nothing)) == (False, True, "NO_DATA")
    assert (bob.check("fred"), bob.get("fred")) == (False, None)
    assert bob.check("fred", wait=True, timeout=0.01) is False
    assert bob.get("fred", wait=True, timeout=0.01) is None


def test_P3_any_name_sends_checks_and_gets_whatever_its_case(share, peer):
    bob = peer()

    share.fred("is happy")
    assert bob.isfred(wait=True, timeout=5)
    assert bob.getFred() == "is happy"
    bob.face("happy:1")
    assert share.isFace(wait=True, timeout=5)  # share_trial.py of py-share has it so
    assert (share.getFace(), share.isFace(), share.getFace()) == ("happy:1", False, None)
    assert dir(share) == ["check", "get", "send"]
    assert (share.EXTN, share.POLL_RATE) == (".share", 0.5)
    with pytest.raises(TypeError, match=r"share.send\('issue', ...\)"):
        share.issue("x")
    with pytest.raises(AttributeError):
        share._private
    share.store("a name like any other")
    assert bob.getstore(wait=True, timeout=5) == "a name like any other"


# -- P4, P5: waiting ------------------------------------------------------------------------------


def test_P4_send_waits_until_the_signal_before_was_got_or_until_this_one_was(peer, in_thread):
    ada, bob = peer(), peer()
    ada.send("fred", 1)
    with pytest.raises(gossamer.MeshTimeout, match=r"before this one was not got within 0\.01 s, so this one was not"):
        ada.send("fred", 2, timeout=0.01)
    sent = threading.Event()
    in_thread(lambda: (ada.send("fred", 3, wait=True, timeout=10), sent.set()))

    assert bob.get("fred", wait=True, timeout=5) == 1
    assert not sent.is_set()
    assert bob.get("fred", wait=True, timeout=5) == 3
    assert sent.wait(5)
    with pytest.raises(gossamer.MeshTimeout, match="not consumed"):
        ada.send("fred", 4, wait=True, timeout=0.01)


def test_P5_signals_may_queue_without_waiting_and_keep_their_order(peer):
    ada, bob = peer(), peer()

    for n in range(1024):
        ada.send("fred", n, wait=False)
    with pytest.raises(gossamer.ChannelFull):
        ada.send("fred", "one too many", wait=False)

    assert [bob.get("fred", wait=True, timeout=5) for _ in range(1024)] == list(range(1024))


# -- P6 to P9: many, anywhere, whole --------------------------------------------------------------


def test_P6_every_receiver_gets_every_signal_if_it_is_for_all(peer):
    ada, bob, cyd = (peer(mode="subscribe") for _ in range(3))
    for receiver in (bob, cyd):
        receiver.subscribe("news")
        receiver.mesh.settled(timeout=5)

    for n in range(3):
        ada.news(n, wait=False)

    for receiver in (bob, cyd):
        assert [receiver.get("news", wait=True, timeout=5) for _ in range(3)] == [0, 1, 2]


def test_P7_several_programs_send_one_name_and_each_signal_is_got_once(peer, in_thread):
    here, senders = peer(), [peer() for _ in range(3)]
    for number, sender in enumerate(senders):
        in_thread(lambda sender=sender, number=number: [sender.fred(number, n, timeout=10) for n in range(20)])

    got = [here.get("fred", wait=True, timeout=10) for _ in range(60)]

    for number in range(3):
        assert [n for sender, n in got if sender == number] == list(range(20))
    assert here.get("fred") is None


def test_P8_no_directory_is_shared_and_none_is_written_to(own_settings, join, tmp_path):
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    program = "from gossamer.compat import share; share.fred('from elsewhere', wait=True, timeout=20)"

    process = subprocess.Popen([sys.executable, "-c", program], cwd=directory)
    here = Share(join(), linger_s=0)

    assert here.get("fred", wait=True, timeout=20) == "from elsewhere"
    assert process.wait(20) == 0
    assert list(directory.iterdir()) == []
    here.close()


def test_P9_two_megabytes_arrive_whole_or_not_at_all(peer):
    ada, bob = peer(), peer()
    text = "0123456789abcdef" * (1 << 17)

    ada.fred(text)

    assert bob.get("fred", wait=True, timeout=20) == text
    with pytest.raises(gossamer.ValueTooLarge):
        ada.fred("x" * (33 << 20))
    assert bob.get("fred") is None


# -- P10, P11: callbacks and calls ----------------------------------------------------------------


def test_P10_functions_are_called_in_the_thread_that_loops(peer, caplog):
    ada, bob, heard = peer(), peer(), []

    @bob.on("fred")
    def fred(*args):
        heard.append(("fred", *args, threading.current_thread().name))

    bob.on("wrong", lambda: 1 / 0)
    bob.on("quit", lambda: bob.close())
    ada.send("fred")
    ada.send("fred", 1, "two", wait=False)
    bob.loop(timeout=0)
    ada.send("wrong")
    looping = threading.Thread(target=bob.loop, name="looping")
    looping.start()
    ada.mesh.channel("fred").drain(timeout=5)
    ada.mesh.channel("wrong").drain(timeout=5)
    ada.send("quit", wait=True, timeout=5)
    looping.join(5)

    assert not looping.is_alive()
    me = threading.current_thread().name
    assert [(name, *args) for name, *args, _ in heard] == [("fred",), ("fred", 1, "two")]
    assert {who for *_, who in heard} <= {"looping", me}
    assert [record.message.endswith("used up all the same") for record in caplog.records] == [True]
    bob.loop()  # of what was closed, there is nothing to wait for


def test_P10_what_was_taken_and_not_handled_goes_to_another(peer, eventually):
    ada, bob, cyd = peer(), peer(), peer()
    begun, go_on, heard = threading.Event(), threading.Event(), []

    @bob.on("work")
    def work(n):
        heard.append(n)
        begun.set()
        go_on.wait(10)

    looping = threading.Thread(target=bob.loop)
    looping.start()
    ada.work(1)
    assert begun.wait(5)
    bob.on("more", heard.append)
    ada.more("never handled")
    eventually(lambda: ada.mesh.channel("more").unfinished and any(p._taken for p in bob._watches._pullers[1:]))

    stopping = threading.Thread(target=bob.close)
    stopping.start()
    assert cyd.get("more", wait=True, timeout=5) == "never handled"
    go_on.set()
    stopping.join(5)
    looping.join(5)
    assert heard == [1]


def test_P11_several_data_arrive_as_a_tuple_and_functions_are_called_by_name(peer):
    ada, bob = peer(), peer()

    @bob.serve("add")
    def add(x, y=0):
        return x + y

    ada.fred(1, "two", None)

    assert bob.get("fred", wait=True, timeout=5) == (1, "two", None)
    assert ada.call("add", 1, y=2) == 3
    with pytest.raises(gossamer.RemoteError):
        ada.call("add", 1, "two")
    with pytest.raises(gossamer.NoService):
        ada.call("os.system", "true", timeout=1)


# -- P12, P13: other transports, other Pythons ----------------------------------------------------


def test_P12_the_same_interface_works_over_another_transport(mesh_factory, net):
    ada, bob = Share(mesh_factory("ada")), Share(mesh_factory("bob"))  # in memory, on virtual time
    net.weather(loss=0.2)

    ada.fred("x")

    assert bob.get("fred", wait=True, timeout=5) == "x"


def test_P13_what_travels_is_the_same_bytes_in_every_version_of_python():
    travelling = {
        "happy:1": "6768617070793a31",
        ("happy", 1): "d9e7018265686170707901",
        None: "f6",
    }
    for data, octets in travelling.items():
        assert encode_value(data) == bytes.fromhex(octets)
    assert cbor2.loads(encode_value(["x", {"y": 2.5}])) == ["x", {"y": 2.5}]

    assert importlib.metadata.metadata("gossamer")["Requires-Python"] == ">=3.11", "Python 2 stays behind"


# -- P14 to P18: the database ---------------------------------------------------------------------


def test_P14_a_database_is_created_opened_closed_and_removed(mesh_factory, net):
    here, there = Database(mesh=mesh_factory("a")), Database(mesh=mesh_factory("b"))
    with pytest.raises(DatabaseError, match="create it first"):
        there.open("secrets", timeout=0.1)
    with pytest.raises(DatabaseError, match="no database is open"):
        there.set("x", 1)

    here.create("secrets")["password"] = "fred"
    here.push()
    there.open("secrets")
    assert there["password"] == "fred"
    with pytest.raises(DatabaseError, match="close it first"):
        there.open("other")
    there.close()
    there.close()
    with pytest.raises(DatabaseError, match="already"):
        there.create("secrets")
    there.open("secrets").remove()
    net.run(1)

    with pytest.raises(DatabaseError, match="was removed"):
        here["password"]
    here.close()
    assert list(here.create("secrets").list()) == [], "it is a new one"
    with pytest.raises(gossamer.ConfigurationError):
        Database(mesh=mesh_factory("c")).open("../etc")


def test_P15_the_revision_grows_with_every_write_and_is_one_for_all_in_step(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    here = Database(mesh=a).create("d")
    there = Database(mesh=b)
    assert here.revision() == 0
    here.push(0, 100)
    there.open("d")

    net.cut(a, b)
    for n in range(5):
        here[f"a{n}"] = n
        there.set(f"b{n}", n)
    there.delete("b0")
    assert (here.revision(), there.revision()) == (5, 6)
    with pytest.raises(gossamer.MeshTimeout):
        here.push(timeout=0.2)
    net.heal()

    assert there.push(0, there.revision(), timeout=10) >= 6
    assert here.sync(timeout=10) == 11
    assert there.sync(0, 11, timeout=10) == 11
    assert dict(here._scope) == dict(there._scope)
    with pytest.raises(ValueError, match="no range"):
        here.sync(3, 2)


def test_P16_values_are_set_checked_got_listed_and_deleted(mesh_factory):
    db = Database(mesh=mesh_factory("a")).create("d")

    db.set("password", "fred")
    db["user"] = ("a", b"b")
    db.write("password", "harry")

    assert (db.check("password"), db.check("x"), "user" in db, len(db)) == (True, False, True, 2)
    assert (db.get("password"), db["user"], db.read("user")) == ("harry", ("a", b"b"), ("a", b"b"))
    assert list(db.list()) == list(db) == ["password", "user"]
    del db["user"]
    db.delete("password")
    assert list(db) == []
    for absent in (db.get, db.delete):
        with pytest.raises(KeyError):
            absent("password")
    assert db.revision() == 5


def test_P17_writes_of_others_are_told_and_ones_own_are_not(mesh_factory, net):
    here, there = Database(mesh=mesh_factory("a")), Database(mesh=mesh_factory("b"))
    here.create("d*")
    here.push()
    there.open("d*")
    told = []
    there.on_remote_write(lambda key, value: told.append((key, value)))

    here["x"] = 1
    there["mine"] = 2
    net.run(1)
    del here["x"]
    net.run(1)
    there.close()
    here["y"] = 3
    net.run(1)

    assert told == [("x", 1), ("x", None)]


def test_P18_a_store_gives_back_what_was_there_when_it_was_closed(mesh_factory, net, tmp_path, caplog):
    with_store = Database(Store(tmp_path), mesh_factory("a"))
    with_store.create("d")["x"] = {"y": [1, 2.5, None, "z"]}
    with pytest.raises(gossamer.UnsendableValue, match="JSON"):
        with_store["t"] = (1, 2)
    other = Database(mesh=mesh_factory("b"))
    with_store.push()
    other.open("d")["odd"] = b"no JSON"
    other.push()
    revision = with_store.revision()
    with_store.close()
    assert ["'odd'" in record.message for record in caplog.records] == [True]
    other.remove()
    net.run(1)
    content = json.loads((tmp_path / "d.database.json").read_text())

    again = Database(Store(tmp_path), mesh_factory("c")).open("d")

    assert content == {"revision": revision, "values": {"x": {"y": [1, 2.5, None, "z"]}}}
    assert (dict(again._scope), again.revision() >= revision) == ({"x": {"y": [1, 2.5, None, "z"]}}, True)
    again["x"] = 2
    again.close()
    late = Database(Store(tmp_path), mesh_factory("d")).open("d")
    assert late["x"] == 2
    late.remove()
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()] == [".lock"]


def test_P18_what_others_hold_counts_more_than_the_store(mesh_factory, net, tmp_path):
    kept = Store(tmp_path)
    kept.create("d")
    kept.set("x", "old")
    kept.close()
    here = Database(mesh=mesh_factory("a")).create("d")
    here["x"] = "new"
    here.push()

    opened = Database(Store(tmp_path), mesh_factory("b")).open("d")

    assert opened["x"] == "new"
    opened.close()


def test_P18_a_store_is_locked_for_one_program_and_written_whole(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with pytest.raises(DatabaseError, match="create it first"):
        store.open("d")
    store.create("d")
    store.lock()
    store.lock()
    other = Store(tmp_path)
    other.open("d")
    with pytest.raises(DatabaseError, match="another program has locked"):
        other.lock()
    store.unlock()
    other.lock()
    other.close()
    store.set("x", 1)
    store.set("y", 2)
    store.delete("y")
    assert (store.revision(), store.check("x"), store.get("x"), list(store.list())) == (3, True, 1, ["x"])

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(OSError, match="no space"):
        store.close()
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"d.database.json", "d.database.lock"}
    again = Store(tmp_path)
    again.open("d")
    assert (again.revision(), list(again.list())) == (0, []), "the file is as it was"
    (tmp_path / "d.database.json").write_text("{")
    with pytest.raises(DatabaseError, match="is no store"):
        again.open("d")
    store.remove("d")
    with pytest.raises(DatabaseError, match="no store is open"):
        store.flush()


def interrupted(*_: object) -> None:
    raise OSError("no space left")


# -- beside the rows ------------------------------------------------------------------------------


def test_a_program_that_ends_waits_until_its_last_signal_was_got(own_settings, join):
    here = Share(join(), linger_s=0)
    program = "from gossamer.compat import share; share.fred('last'); print('over', flush=True)"

    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "over\n"
        assert here.get("fred", wait=True, timeout=10) == "last"
        assert process.wait(10) == 0
    here.close()


def test_importing_share_joins_nothing_and_loads_no_trio():
    program = (
        "import sys, threading; from gossamer.compat import share;"
        "print(threading.active_count(), 'trio' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert ran.stdout.split() == ["1", "False"]


def test_a_forked_child_sends_as_a_peer_of_its_own(own_settings, peer):
    here = peer()
    with Share() as forking:
        forking.fred("before")
        assert here.get("fred", wait=True, timeout=5) == "before"
        child = os.fork()
        if child == 0:
            forking.fred("child", wait=True, timeout=10)
            os._exit(0)

        assert here.get("fred", wait=True, timeout=10) == "child"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        forking.fred("after", wait=False)
        assert here.get("fred", wait=True, timeout=5) == "after"


def test_a_child_of_multiprocessing_waits_at_its_end_until_its_signals_were_got(own_settings, peer):
    here = peer()
    with Share() as forking:
        forking.fred("before")
        assert here.get("fred", wait=True, timeout=5) == "before"
        process = multiprocessing.get_context("fork").Process(target=forking.send, args=("fred", "child"))
        process.start()

        assert here.get("fred", wait=True, timeout=10) == "child"
        process.join(10)
        assert process.exitcode == 0
