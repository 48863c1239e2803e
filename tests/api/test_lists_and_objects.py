"""Shared lists and objects between real peers: through both doors, over fork, from listeners and after the end."""

from __future__ import annotations

import os
import threading

import pytest
import trio

import gossamer

FORK = """
import warnings; warnings.simplefilter("ignore", DeprecationWarning)
def ends(child):
    status = os.waitpid(child, 0)[1]
    assert status == 0, status
"""


def test_two_peers_of_two_threads_each_append_and_all_agree(join):
    north, south = join("north"), join("south")

    def append(mesh, name):
        for number in range(100):
            mesh.shared_list("log").append((name, number))
            mesh.object("seen", dict)[name] = number

    writers = zip((north, south) * 2, "abcd", strict=True)
    threads = [threading.Thread(target=append, args=writer) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for mesh in (north, south):
        assert mesh.wait(lambda mesh: len(mesh.shared_list("log")) == 400, timeout=10)
        assert mesh.wait(lambda mesh: mesh.objects["seen"] == dict.fromkeys("abcd", 99), timeout=10)
    assert north.wait(lambda _: north.shared_list("log") == south.shared_list("log"), timeout=10)
    for name in "abcd":
        assert [number for who, number in north.shared_list("log") if who == name] == list(range(100))
    assert dict(north) == dict(south) == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_parent_and_children_append_to_one_list_and_lose_nothing(join, script):
    peer = join("peer")
    program = script(
        FORK
        + """
mesh = join("parent")
log = mesh.shared_list("log")
jobs = mesh.object("jobs", set)
log.append("parent")
jobs.add(0)
def work():
    assert log[0] == "parent" and 0 in jobs
    for _ in range(50): log.append(os.getpid())
    jobs.add(os.getpid())
    mesh.settled(timeout=5, peers=["peer"])
children = []
for _ in range(2):
    with mesh.batch():
        log.append("before")
        child = os.fork()
        log.append("parent" if child else "child")
    if not child:
        work()
        sys.exit()
    children.append(child)
for child in children: ends(child)
mesh.wait(lambda m: len(log) >= 109 and len(jobs) == 3, timeout=5)
mesh.settled(timeout=5)
say(len(jobs), [log.count(child) for child in children], [log.count(x) for x in ("before", "parent", "child")])
"""
    )

    assert program.says() == "3 [50, 50] [4, 3, 2]"
    assert peer.wait(lambda mesh: len(mesh.shared_list("log")) == 109, timeout=5)
    assert program.ends(within_s=3) == 0
    assert program.errors() == ""


def test_r10_r14_an_object_outlives_the_programs_that_made_it(join, script):
    peer = join("peer")
    for number in range(3):
        program = script(f'mesh = join("passing"); it = mesh.object("it", list); it.append({number})')
        assert program.ends(within_s=10) == 0

    assert peer.objects["it"] == [0, 1, 2]


async def test_they_are_the_same_in_trio_and_their_listeners_run_in_the_loop(open_mesh):
    loop = threading.get_ident()
    async with open_mesh("north") as north, open_mesh("south") as south:
        told = []
        north.shared_list("log").on_change(lambda _, old, new: told.append((old, new, threading.get_ident())))
        south.shared_list("log").append(1)
        south.object("it", lambda: {"a": 1})["b"] = 2

        with trio.fail_after(5):
            await north.wait(lambda mesh: "it" in mesh.objects and mesh.objects["it"] == {"a": 1, "b": 2})
            await north.wait(lambda mesh: told)

    assert told == [([], [1], loop)]


def test_a_listener_of_a_list_may_append_to_another(join):
    north, south = join("north"), join("south")
    jobs, done = north.shared_list("jobs"), north.shared_list("done")
    jobs.on_change(lambda _, old, new: done.extend(new[len(old) :]))

    for number in range(100):
        south.shared_list("jobs").append(number)

    assert south.wait(lambda mesh: mesh.shared_list("done") == list(range(100)), timeout=10)


async def test_after_the_end_they_are_read_and_refuse_to_change(open_mesh):
    async with open_mesh("north") as mesh:
        shared, it = mesh.shared_list("log"), mesh.object("it", lambda: {"a": 1})
        shared.append(1)

    assert (shared, it, mesh.objects["it"]["a"]) == ([1], {"a": 1}, 1)
    for change in (lambda: shared.append(2), shared.clear, lambda: it.update(b=1), lambda: mesh.object("new", list)):
        with pytest.raises(gossamer.MeshClosed):
            change()
    assert shared == [1]


@pytest.mark.slow
def test_a_large_list_comes_whole_to_one_who_joins(join):
    north = join("north")
    north.shared_list("log").extend(range(50_000))

    south = join("south")

    assert south.wait(lambda mesh: len(mesh.shared_list("log")) == 50_000, timeout=20)
    assert south.shared_list("log") == list(range(50_000))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_what_is_within_a_dict_survives_forks_and_merges_with_what_others_do_there(join, script):
    peer = join("peer")
    peer.object("it", lambda: {"list": [], "n": 0})
    program = script(
        FORK
        + """
mesh = join("parent")
it = mesh.object("it", lambda: {"list": [], "n": 0})
within = it["list"]
children = []
for _ in range(2):
    child = os.fork()
    within.append(os.getpid())
    it.add("n", 10)
    if not child:
        mesh.settled(timeout=5, peers=["peer"])
        sys.exit()
    children.append(child)
for child in children: ends(child)
mesh.wait(lambda m: it["n"] == 41 and len(within) == 5, timeout=10)
say(set(within) == {os.getpid(), *children, "peer"})
"""
    )
    peer.objects["it"]["list"].append("peer")
    peer.objects["it"].add("n")

    assert program.says() == "True"
    assert peer.wait(lambda mesh: mesh.objects["it"]["n"] == 41 and len(mesh.objects["it"]["list"]) == 5, timeout=5)
    assert program.ends(within_s=5) == 0
    assert program.errors() == ""


async def test_what_is_within_a_dict_is_the_same_in_trio(open_mesh):
    loop, told = threading.get_ident(), []
    async with open_mesh("north") as north, open_mesh("south") as south:
        it = north.object("it", lambda: {"list": [1]})
        it.on_change(lambda who, _, new: told.append((who is it, new, threading.get_ident())))
        with trio.fail_after(5):
            await south.wait(lambda mesh: "it" in mesh.objects)
            south.objects["it"]["list"].append(2)
            await north.wait(lambda _: told and it["list"] == [1, 2])

    assert told == [(True, {"list": [1, 2]}, loop)]


def test_what_is_within_a_dict_is_the_same_in_asyncio(run, enter):
    async def main():
        async with enter("north") as north, enter("south") as south:
            north.object("it", lambda: {"list": [1]})["list"].append(2)
            await south.wait(lambda mesh: "it" in mesh.objects and len(mesh.objects["it"]["list"]) == 2, 5)
            return gossamer.plain(south.objects["it"]["list"])

    assert run(main()) == [1, 2]
