"""Events between real peers: processes, threads, both doors, fork and Ctrl-C."""

from __future__ import annotations

import os
import sys
import threading

import pytest
import trio

import gossamer


def test_an_event_reaches_another_process_and_its_answer_comes_back(join, script):
    other = script("""
        mesh = join("other")
        @mesh.events.on("question")
        def answer(n, event):
            mesh.events.emit("answer", n + 1, to=event.peer.name)
        mesh.events.wait_for("stop", send=lambda: say("ready"))
    """)
    mesh = join("here", options=gossamer.Options(settle_s=0.3))
    assert other.says() == "ready"
    mesh.wait(lambda mesh: mesh.peers, 5)

    event = mesh.events.wait_for("answer", 5, send=lambda: mesh.events.emit("question", 41))

    assert (event.args, event.kwargs["to"], event.peer.name) == ((42,), "here", "other")
    assert mesh.events.emit("stop", timeout=5)
    assert other.ends(5) == 0


def test_handlers_run_on_the_listener_thread_in_a_script(join):
    mesh = join()
    where = []
    mesh.events.on("e", lambda: where.append(threading.current_thread()))
    mesh.on("k", lambda change: where.append(threading.current_thread()))

    mesh["k"] = 1
    with mesh.events.stream("e") as stream:
        mesh.events.emit("e")
        stream.get(5)
    mesh.close()

    assert len(set(where)) == 1
    assert where[0] is not threading.main_thread()


def test_events_of_many_threads_keep_the_order_of_their_numbers(join, patient, eventually):
    a, b = join("a", options=patient), join("b", options=patient)
    a.wait(lambda mesh: mesh.peers, 5)
    heard = []
    b.events.on("n", lambda thread, n, event: heard.append((event.number, thread, n)))

    def emit(thread):
        for n in range(200):
            a.events.emit("n", thread, n)

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    eventually(lambda: len(heard) == 800)
    assert [number for number, _, _ in heard] == list(range(1, 801))
    for thread in range(4):
        assert [n for _, of, n in heard if of == thread] == list(range(200))


def test_waiting_from_a_handler_raises_instead_of_waiting_for_itself(join, eventually):
    mesh, raised = join(), []

    @mesh.events.on("e")
    def waits():
        for wait in (
            mesh.events.confirmed,
            lambda: mesh.events.wait_for("x"),
            lambda: mesh.events.emit("x", timeout=1),
        ):
            try:
                wait()
            except gossamer.WrongThread as error:
                raised.append(error)

    mesh.events.emit("e")

    eventually(lambda: len(raised) == 3)


async def test_a_trio_program_emits_listens_and_awaits_confirmation(open_mesh, patient):
    async with open_mesh("a", options=patient) as a, open_mesh("b", options=patient) as b:
        await a.wait(lambda mesh: mesh.peers, 5)
        await b.wait(lambda mesh: mesh.peers, 5)
        loop_thread, heard = threading.current_thread(), []
        b.events.on("e", lambda n: heard.append((n, threading.current_thread() is loop_thread)))
        a.events.on("e", lambda n: heard.append((n, threading.current_thread() is loop_thread)))

        async with b.events.stream("e", sender="a") as stream:
            a.events.emit("e", 1)
            event = await stream.get(5)
            assert await a.events.confirmed(5)

        assert (event.args, event.sender, event.local) == ((1,), "a", False)
        await a.wait(lambda mesh: len(heard) == 2 or None, 5)
        assert heard == [(1, True)] * 2
        with pytest.raises(TypeError, match="confirmed"):
            a.events.emit("e", timeout=1)
        with pytest.raises(gossamer.MeshTimeout):
            await a.events.wait_for("nothing", 0.05)


async def test_an_event_wakes_who_waits_for_it_in_trio(open_mesh):
    async with open_mesh("a") as mesh:
        event = await mesh.events.wait_for("e", 5, send=lambda: mesh.events.emit("e", 3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mesh.events.wait_for, "f", 5)
            await trio.testing.wait_all_tasks_blocked()
            mesh.events.emit("f")

        assert event.args == (3,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_keeps_the_handlers_and_emits_as_a_peer_of_its_own(script):
    parent = script("""
        mesh = join("parent")
        parent = os.getpid()
        mesh.events.on("from parent", lambda: say("parent" if os.getpid() == parent else "child"))
        pid = os.fork()
        if pid == 0:
            mesh.wait(lambda mesh: mesh.peers, 5)
            mesh.events.wait_for("done", 5, send=lambda: mesh.events.emit("from child", os.getpid()))
            mesh.close(); os._exit(0)
        event = mesh.events.wait_for("from child", 5)
        say(event.args[0] == pid, event.number, event.local)
        mesh.events.emit("from parent", timeout=5)
        mesh.events.emit("done", timeout=5)
        say(os.waitpid(pid, 0)[1])
    """)

    assert parent.says() == "True 1 False"
    assert {parent.says() for _ in range(3)} == {"parent", "child", "0"}  # handlers have threads of their own


def test_ctrl_c_ends_a_script_that_waits_for_an_event(script):
    waiting = script("""
        mesh = join()
        try:
            mesh.events.wait_for("never", send=lambda: say("waiting"))
        except KeyboardInterrupt:
            say("interrupted")
    """)
    assert waiting.says() == "waiting"

    waiting.interrupt()

    assert waiting.says() == "interrupted"
    assert waiting.ends(5) == 0
    assert waiting.errors() == ""


def test_a_mesh_closed_by_another_thread_ends_its_streams(join):
    mesh = join()
    stream = mesh.events.stream()
    threading.Timer(0.05, mesh.close).start()

    assert list(stream) == []


def test_an_event_of_two_megabytes_arrives_whole(join, patient):
    a, b = join("a", options=patient), join("b", options=patient)
    a.wait(lambda mesh: mesh.peers, 5)
    b.wait(lambda mesh: mesh.peers, 5)
    data = os.urandom(1000) * 2000

    event = b.events.wait_for("big", 10, send=lambda: a.events.emit("big", data))

    assert event.args == (data,)


def test_without_multicast_events_go_by_streams(join, patient, eventually):
    a = join("a", options=patient)
    b = join("b", options=patient)
    a.wait(lambda mesh: mesh.peers, 5)
    heard = []
    b.events.on("n", heard.append)
    a.replica.multicast = b.replica.multicast = False

    for n in range(100):
        a.events.emit("n", n)

    assert a.events.confirmed(10)
    eventually(lambda: heard == list(range(100)))


def test_who_looks_while_others_emit_never_sees_a_ring_in_between(join):
    mesh, looked, wrong = join(), threading.Event(), []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def look():
        emissions = mesh.replica.emissions
        while not looked.is_set():
            try:
                wrong.extend(head for head in emissions.head(0.0) if head.oldest != 1)
                emissions.latest()
            except Exception as error:
                wrong.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for n in range(2000):
            mesh.events.emit("n", n)
    finally:
        looked.set()
        thread.join()
        sys.setswitchinterval(before)

    assert wrong == []
    mesh["still"] = "open"


def test_closing_repeats_what_was_emitted_last_until_everybody_has_it(join, faults, patient, eventually):
    a, b = join("a", options=patient, wrap=faults), join("b", options=patient)
    a.wait(lambda mesh: mesh.peers, 5)
    b.wait(lambda mesh: mesh.peers, 5)
    heard = []
    b.events.on("n", heard.append)

    a.network.loss = 1.0
    for n in range(5):
        a.events.emit("n", n)
    a.network.loss = 0.4
    a.close(linger_s=5)

    eventually(lambda: heard == list(range(5)))
