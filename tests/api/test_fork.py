"""`fork()`: the child keeps what it had and joins as another peer at first use; the parent never notices."""

from __future__ import annotations

import os

import pytest

import gossamer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def peer(join):
    return join("peer")


FORK = """
import warnings; warnings.simplefilter("ignore", DeprecationWarning)
def in_child(work):
    child = os.fork()
    if not child:
        work()
        say("child done")
        sys.exit()
    return child
def ends(child):
    status = os.waitpid(child, 0)[1]
    assert status == 0, status
"""


def test_parent_and_child_write_and_see_each_other_as_two_peers(peer, script):
    program = script(
        FORK
        + """
mesh = join("parent")
mesh["before"] = 1
def work():
    mesh["child"] = mesh["before"] + 1
    mesh.wait(lambda m: "parent" in m, timeout=5)
    assert {peer.id for peer in mesh.peers} == {PEER, PARENT}, mesh.peers
    mesh.settled(timeout=5)
PARENT = mesh.me.id
child = in_child(work)
mesh["parent"] = 3
mesh.wait(lambda m: "child" in m, timeout=5)
assert mesh.me.id == PARENT
ends(child)
mesh.wait(lambda m: len(m.peers) == 1, timeout=1)
say(sorted(mesh.items()))
mesh.wait(lambda m: "bye" in m, timeout=5)
""".replace("PEER", repr(peer.me.id))
    )

    assert program.says() == "child done"
    assert program.says() == "[('before', 1), ('child', 2), ('parent', 3)]"
    assert len(peer.peers) == 1
    peer["bye"] = 1
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""
    assert len({row.peer.id for row in peer.status().peers}) == 2
    assert len({peer.entry(key).writer.id for key in ("before", "parent", "child")}) == 2


def test_a_child_that_never_touches_the_mesh_ends_quietly_and_the_parent_goes_on(peer, script):
    program = script(
        FORK
        + """
with join("parent") as mesh:
    mesh["x"] = 1
    ends(in_child(lambda: None))           # leaves the with block: __exit__, then atexit
    ends(in_child(lambda: mesh.close()))
    mesh["x"] = 2
    mesh.settled(timeout=5)
    say(len(mesh.peers))
    mesh.wait(lambda m: "bye" in m, timeout=5)
"""
    )

    assert [program.says() for _ in range(3)] == ["child done", "child done", "1"]
    assert {row.presence for row in peer.status().peers} == {"alive"}
    assert peer["x"] == 2
    peer["bye"] = 1
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


@pytest.mark.slow
def test_twenty_forks_while_a_thread_writes_hang_nowhere_and_lose_nothing(peer, script):
    program = script(
        FORK
        + """
mesh = join("parent")
stop = threading.Event()
def hammer():
    number = 0
    while not stop.wait(0.0005):
        for number in range(number, number + 10):
            mesh[number % 100] = number
            len(mesh), mesh.get(number % 50)
        mesh.snapshot()
thread = threading.Thread(target=hammer)
thread.start()
def work():
    if n % 4 == 0:
        mesh[f"child {n}"] = n
        assert 1 <= len(mesh) <= 105
        mesh.settled(timeout=10, peers=["peer"])
for n in range(20):
    ends(in_child(work))
    assert mesh.get("child 0", 0) == 0
stop.set()
thread.join(5)
mesh.settled(timeout=10, peers=["peer"])
say(sorted(key for key in mesh if isinstance(key, str)))
say(len(mesh))
mesh.wait(lambda m: "bye" in m, timeout=5)
"""
    )

    assert [program.says(within_s=20) for _ in range(20)] == ["child done"] * 20
    assert program.says(within_s=25) == str(sorted(f"child {n}" for n in range(0, 20, 4)))
    assert program.says() == str(len(peer))
    peer["bye"] = 1
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_a_child_keeps_what_was_registered_and_is_told_only_of_what_happens_to_it(peer, script):
    program = script(
        FORK
        + """
mesh = join("parent")
told = []
hold = threading.Event()
mesh.on("x", lambda change: (hold.wait(5), told.append(change.new)))
mesh["x"] = "before"
mesh["x"] = "waiting to be told"
def work():
    hold.set()
    mesh["x"] = "in the child"
    mesh.wait(lambda m: len(told) == 1, timeout=5)
    say(told)
child = in_child(work)
ends(child)
hold.set()
mesh.wait(lambda m: len(told) == 3, timeout=5)
say(told)
"""
    )

    assert program.says() == "['in the child']"
    assert program.says() == "child done"
    assert program.says() == "['before', 'waiting to be told', 'in the child']"
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_children_of_multiprocessing_write_and_their_last_write_arrives(peer, script):
    program = script(
        FORK
        + """
import multiprocessing
mesh = join("parent")
context = multiprocessing.get_context("fork")
def work(n):
    for number in range(500):
        mesh[f"child {n}"] = number
children = [context.Process(target=work, args=(n,)) for n in range(3)]
for child in children: child.start()
for child in children: child.join(10)
assert [child.exitcode for child in children] == [0, 0, 0]
say("joined")
mesh.wait(lambda m: "bye" in m, timeout=5)
"""
    )

    assert program.says() == "joined"
    assert peer.wait(lambda mesh: mesh == {f"child {n}": 499 for n in range(3)}, timeout=10)
    peer.wait(lambda mesh: len(mesh.peers) == 1, timeout=1)
    peer["bye"] = 1
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_a_child_gives_up_the_sockets_of_the_parent(script):
    program = script(
        FORK
        + """
import socket
def network_sockets():
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.family == socket.AF_INET: found.add(os.fstat(one.fileno()).st_ino)
        except OSError:
            pass
    return found
mesh, other = join("one"), join("two")
mesh.wait(lambda m: m.peers)
theirs = network_sockets()
def work():
    say(len(theirs), len(network_sockets() & theirs))
ends(in_child(work))
mesh["x"] = 1
other.wait(lambda m: "x" in m, timeout=5)
"""
    )
    theirs, kept = map(int, program.says().split())

    assert theirs >= 6
    assert kept == 0
    assert program.says() == "child done"
    assert program.ends(within_s=2) == 0


def test_a_child_of_a_child_is_a_peer_too(peer, script):
    program = script(
        FORK
        + """
mesh = join("parent")
def grandchild():
    mesh["grandchild"] = mesh["child"] + 1
    mesh.settled(timeout=5)
def child():
    mesh["child"] = 1
    ends(in_child(grandchild))
ends(in_child(child))
say(mesh.wait(lambda m: m.get("grandchild"), timeout=5))
"""
    )

    assert [program.says() for _ in range(3)] == ["child done", "child done", "2"]
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_a_fork_inside_a_batch_leaves_the_batch_to_both(peer, script):
    program = script(
        FORK
        + """
mesh = join("parent")
with mesh.batch():
    mesh["x"] = os.getpid()
    child = os.fork()
    mesh["y"] = 1
    me = os.getpid()
assert dict(mesh) == {"x": os.getppid() if not child else me, "y": 1} or child
mesh.settled(timeout=5)
if not child:
    say("child done")
    sys.exit()
ends(child)
say(mesh["y"])
"""
    )

    assert [program.says() for _ in range(2)] == ["child done", "1"]
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_a_trio_mesh_in_a_child_raises_and_says_what_to_do_and_the_parent_goes_on(peer, script):
    program = script(
        """
import trio, warnings; warnings.simplefilter("ignore", DeprecationWarning)
async def main():
    async with gossamer.open_mesh(NAME, port=PORT, options=OPTIONS, nickname="parent") as mesh:
        mesh["x"] = 1
        child = os.fork()
        if not child:
            raised = []
            async def check(call, *args, **more):
                try:
                    if (found := call(*args, **more)) is not None and hasattr(found, "__await__"):
                        await found
                except gossamer.ForkedMesh as error:
                    raised.append(str(error))
            for call in (
                mesh.snapshot, mesh.status, mesh.changes, mesh.settled, mesh.popitem, mesh.clear,
                lambda: mesh["x"], lambda: "x" in mesh, lambda: len(mesh), lambda: list(mesh), lambda: mesh.peers,
                lambda: mesh.update(x=2), lambda: mesh.pop("x"), lambda: mesh.set("x", 1), lambda: mesh.entry("x"),
                lambda: mesh.on("x", print), lambda: mesh.wait(lambda m: True), lambda: mesh.setdefault("y", 1),
            ):
                await check(call)
            await check(mesh.__setitem__, "x", 2)
            await check(mesh.__delitem__, "x")
            say(len(raised), "gossamer.join" in raised[0])
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        mesh["x"] = 3
        await mesh.settled(timeout=5)
        say(len(mesh.peers))
        await mesh.wait(lambda m: "bye" in m, timeout=5)
trio.run(main)
""".replace("NAME", repr(peer.name)).replace("PORT", str(peer.arguments.port))
    )

    assert program.says() == "20 True"
    assert program.says() == "1"
    assert {row.presence for row in peer.status().peers} == {"alive"}
    assert peer["x"] == 3
    peer["bye"] = 1
    assert program.ends(within_s=2) == 0
    assert program.errors() == ""


def test_a_child_that_leaves_the_block_of_a_trio_mesh_says_no_goodbye_for_its_parent(peer, script):
    program = script(
        """
import trio, warnings; warnings.simplefilter("ignore", DeprecationWarning)
async def main():
    async with gossamer.open_mesh(NAME, port=PORT, options=OPTIONS, nickname="parent") as mesh:
        await mesh.wait(lambda m: m.peers, timeout=5)
        child = os.fork()
        if not child:
            sys.exit(0)
        os.waitpid(child, 0)
        say("child ended")
        time.sleep(60)  # the child has unmade the loop's epoll, which it shares: that is trio's, not ours
trio.run(main)
""".replace("NAME", repr(peer.name)).replace("PORT", str(peer.arguments.port))
    )
    peer.wait(lambda mesh: mesh.peers, timeout=5)

    assert program.says() == "child ended"
    with pytest.raises(gossamer.MeshTimeout):
        peer.wait(lambda mesh: not mesh.peers, timeout=0.2)


def test_what_parent_and_child_know_is_the_same_though_it_was_never_sent(script):
    program = script(
        FORK
        + """
mesh = join("parent")
mesh["x"] = 1   # alone: it is kept for a delta, in no batch
def work():
    known = mesh._ledger.state.known
    say(known.digest().hex(), len(known.tags))
ends(in_child(work))
ends(in_child(work))
work()
"""
    )

    first, done, second, _, parent = (program.says() for _ in range(5))

    assert done == "child done"
    assert first == second == parent
    assert first.endswith(" 1")
    assert not first.startswith("00000000")
    assert program.ends(within_s=5) == 0
