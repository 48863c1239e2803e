"""Objects that merge, between real peers: through both doors, over fork and the end of programs."""

from __future__ import annotations

import os
import threading

import pytest
import trio

import gossamer

FORK = """
import warnings; warnings.simplefilter("ignore", DeprecationWarning)
def in_child(work):
    child = os.fork()
    if not child:
        work()
        sys.exit()
    return child
def ends(child):
    status = os.waitpid(child, 0)[1]
    assert status == 0, status
"""


def test_two_peers_of_four_threads_each_count_what_they_count(join):
    north, south = join("north"), join("south")

    def count(mesh):
        for _ in range(250):
            mesh.counter("n").add()
            mesh.shared_set("who").add(threading.get_ident())

    threads = [threading.Thread(target=count, args=(mesh,)) for mesh in (north, south) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for mesh in (north, south):
        assert mesh.wait(lambda mesh: mesh.counter("n").value == 2000, timeout=10)
        assert mesh.wait(lambda mesh: len(mesh.shared_set("who")) == len({t.ident for t in threads}), timeout=10)
    assert dict(north) == dict(south) == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_parent_and_children_lose_no_step_and_count_none_twice(join, script):
    peer = join("peer")
    program = script(
        FORK
        + """
mesh = join("parent")
counter = mesh.counter("n")
tags = mesh.shared_set("tags")
counter.add(3)
def work():
    assert counter.value >= 3
    for _ in range(100): counter.add()
    tags.add(os.getpid())
    mesh.settled(timeout=5, peers=["peer"])
children = []
for _ in range(3):
    counter.add()
    children.append(in_child(work))
    counter.add()
for child in children: ends(child)
mesh.wait(lambda m: counter.value == 309 and len(tags) == 3, timeout=5)
say(counter.value, tags == set(children), len(mesh))
"""
    )

    assert program.says() == "309 True 0"
    assert peer.wait(lambda mesh: mesh.counter("n").value == 309, timeout=5)
    assert program.ends(within_s=3) == 0
    assert program.errors() == ""


@pytest.mark.slow
def test_what_a_program_counted_outlives_it(join, script):
    peer = join("peer")
    for _ in range(3):
        program = script('mesh = join("passing"); mesh.counter("n").add(2); mesh.shared_set("s").add(os.getpid())')
        assert program.ends(within_s=10) == 0

    assert (peer.counter("n").value, len(peer.shared_set("s"))) == (6, 3)


async def test_objects_are_the_same_in_trio_and_their_listeners_run_in_the_loop(open_mesh):
    loop = threading.get_ident()
    async with open_mesh("north") as north, open_mesh("south") as south:
        told, told_elsewhere = [], []
        north.counter("n").on_change(lambda c, old, new: told.append((old, new, threading.get_ident())))
        north.value("v", 0).on_change(lambda new: told_elsewhere.append(new), value_only=True)
        south.counter("n").add(2)
        south.value("v").value = "x"
        south.shared_set("s").add(1)

        with trio.fail_after(5):
            await north.wait(lambda mesh: mesh.shared_set("s") == {1})
            await north.wait(lambda mesh: told and told_elsewhere)
            await trio.to_thread.run_sync(lambda: north.counter("n").add(3))
            await north.wait(lambda mesh: len(told) == 2)

    assert told == [(0, 2, loop), (2, 5, loop)]
    assert told_elsewhere == ["x"]


def test_a_listener_of_an_object_may_write_and_is_told_of_what_others_wrote(join):
    north, south = join("north"), join("south")
    north.counter("jobs").on_change(lambda c, old, new: north.counter("seen").add(new - old))

    for _ in range(100):
        south.counter("jobs").add()

    assert south.wait(lambda mesh: mesh.counter("seen").value == 100, timeout=10)


def test_a_listener_registered_before_the_first_on_is_called(join, eventually):
    mesh, told = join("alone"), []
    mesh.shared_set("s").on_change(told.append, value_only=True)
    mesh.shared_set("s").add(1)

    eventually(lambda: told == [{1}])


async def test_after_the_end_objects_are_read_and_refuse_to_change(open_mesh):
    async with open_mesh("north") as mesh:
        mesh.counter("n").add(2)
        mesh.shared_set("s").add(1)
        cell = mesh.value("v", 0)

    assert (mesh.counter("n").value, mesh.shared_set("s"), cell.value) == (2, {1}, 0)
    for change in (mesh.counter("n").add, mesh.shared_set("s").clear, lambda: cell.set(1), lambda: cell.change(abs)):
        with pytest.raises(gossamer.MeshClosed):
            change()
