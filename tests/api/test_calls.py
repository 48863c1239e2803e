"""Calls between real programs: over sockets, in threads and in trio."""

from __future__ import annotations

import threading

import pytest
import trio

import gossamer


def test_one_script_runs_what_another_serves(join):
    ada, bob = join("ada"), join("bob")

    @bob.serve
    def add(x, y=1):
        return x + y

    assert (ada.call("add", 1, 2), ada.call("add", 1), ada.call("add", "a", y="b")) == (3, 2, "ab")
    assert bob.call("add", 5, 5) == 10, "it serves itself too"
    assert {peer.name for peer in ada.servers("add")} == {"bob"}
    assert (len(ada), dict(bob)) == (0, {}), "nobody sees it in the mapping"


def test_two_processes_call_each_other_both_ways(join, script):
    here = join("here")
    here.serve("double", lambda n: 2 * n)
    program = script(
        """
        mesh = join("there")
        mesh.serve("quadruple", lambda n: mesh.call("double", mesh.call("double", n)))
        say("serving")
        threading.Event().wait()
        """
    )
    assert program.says() == "serving"

    assert here.call("quadruple", 3, timeout=5) == 12, "a handler may itself call, even back to its caller"


def test_a_service_that_dies_while_it_works_is_lost_and_not_started_elsewhere(join, script, patient):
    here = join("here", options=patient)
    started = []
    here.serve("work", lambda: started.append("here"))
    program = script(
        """
        mesh = join("there")
        mesh.serve("work", lambda: (say("works"), time.sleep(60)))
        say("serving")
        threading.Event().wait()
        """
    )
    assert program.says() == "serving"
    here.wait(lambda mesh: len(mesh.servers("work")) == 2, timeout=5)
    raised = []

    def call():
        try:
            here.call("work", route=route_to(here, "there"), timeout=20)
        except gossamer.GossamerError as error:
            raised.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert program.says() == "works"
    program.kill()
    caller.join(15)

    assert [type(error) for error in raised] == [gossamer.PeerLost]
    assert started == []


def test_a_call_that_may_be_repeated_goes_elsewhere_when_its_service_dies(join, script, patient):
    here = join("here", options=patient)
    here.serve("work", lambda: "here")
    program = script(
        """
        mesh = join("there")
        mesh.serve("work", lambda: (say("works"), time.sleep(60)))
        say("serving")
        threading.Event().wait()
        """
    )
    assert program.says() == "serving"
    here.wait(lambda mesh: len(mesh.servers("work")) == 2, timeout=5)
    results = []
    route = route_to(here, "there")
    caller = threading.Thread(
        target=lambda: results.append(here.call("work", route=route, idempotent=True, timeout=20))
    )
    caller.start()
    assert program.says() == "works"
    program.kill()
    caller.join(15)

    assert results == ["here"]


def test_a_caller_that_finds_a_service_dead_before_it_was_asked_asks_another(join, script, patient, eventually):
    here = join("here", options=patient)
    here.serve("who", lambda: "here")
    program = script(
        'mesh = join("there"); mesh.serve("who", lambda: "there"); say("serving"); threading.Event().wait()'
    )
    assert program.says() == "serving"
    here.wait(lambda mesh: len(mesh.servers("who")) == 2, timeout=5)
    route = route_to(here, "there", "who")
    program.kill()
    eventually(lambda: not here.replica.exchanges.links, what="it notices that the stream was reset")

    assert here.call("who", route=route, timeout=10) == "here"


def test_what_a_service_raises_arrives_as_a_typed_error_and_never_as_code(join):
    ada, bob = join("ada"), join("bob")

    class Odd(Exception):
        pass

    def fail(kind):
        raise {"odd": Odd("with \ud800 inside"), "key": KeyError("k")}[kind]

    bob.serve("fail", fail)
    with pytest.raises(gossamer.RemoteError) as odd:
        ada.call("fail", "odd")
    with pytest.raises(gossamer.RemoteError, match="KeyError at bob: 'k'"):
        ada.call("fail", "key")
    with pytest.raises(gossamer.RemoteError, match=r"TypeError at bob: .*positional argument"):
        ada.call("fail")
    bob.serve("unsendable", lambda: object())
    with pytest.raises(gossamer.RemoteError, match="UnsendableValue at bob"):
        ada.call("unsendable")

    assert odd.value.type_name.endswith("Odd")
    assert odd.value.peer.name == "bob"
    assert isinstance(odd.value, RuntimeError)
    with pytest.raises(gossamer.UnsendableValue):
        ada.call("fail", object())


def test_a_service_runs_as_many_at_once_as_it_says_and_refuses_what_is_too_much(join, eventually):
    ada, bob = join("ada"), join("bob")
    running, most, gate = [], [], threading.Event()

    def slow(n):
        running.append(n)
        most.append(len(running))
        gate.wait(10)
        running.remove(n)
        return n

    bob.serve("slow", slow, at_once=2, waiting=3)
    results = []

    def call(n):
        try:
            results.append(ada.call("slow", n, timeout=10))
        except gossamer.ServiceBusy:
            results.append("busy")

    callers = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for caller in callers:
        caller.start()
    eventually(lambda: results.count("busy") == 3)
    gate.set()
    for caller in callers:
        caller.join(10)

    assert max(most) == 2
    assert len([r for r in results if r != "busy"]) == 5


def test_a_call_that_lasts_too_long_is_told_to_the_caller_and_its_result_is_dropped(join, eventually):
    ada, bob = join("ada"), join("bob")
    gate, ended = threading.Event(), []

    @bob.serve
    def slow():
        gate.wait(10)
        ended.append(1)

    with pytest.raises(gossamer.MeshTimeout, match="may have done its work"):
        ada.call("slow", timeout=0.1)
    gate.set()
    eventually(lambda: ended)

    assert ada.call("slow", timeout=5) is None, "and the next call gets its own"


def test_a_listener_may_call(join):
    ada, bob = join("ada"), join("bob")
    bob.serve("double", lambda n: 2 * n)
    ada.call("double", 1)

    @ada.on("n")
    def listen(change):
        ada["doubled"] = ada.call("double", change.new)

    bob["n"] = 21
    assert bob.wait(lambda mesh: mesh.get("doubled"), timeout=5) == 42


def test_calls_end_when_their_mesh_is_closed(join, eventually):
    ada, bob = join("ada"), join("bob")
    gate, raised = threading.Event(), []
    started = threading.Event()
    bob.serve("slow", lambda: (started.set(), gate.wait(10)))

    def call():
        try:
            ada.call("slow", timeout=None)
        except gossamer.GossamerError as error:
            raised.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    started.wait(5)
    ada.close()
    caller.join(5)
    gate.set()

    assert [type(error) for error in raised] == [gossamer.MeshClosed]
    with pytest.raises(gossamer.MeshClosed):
        ada.call("slow")
    with pytest.raises(gossamer.MeshClosed):
        ada.serve("x", print)


def test_two_megabytes_go_there_and_back(join):
    ada, bob = join("ada"), join("bob")
    bob.serve("echo", lambda data: data)
    data = bytes(range(256)) * 8192

    assert ada.call("echo", data) == data


def test_a_script_refuses_to_serve_what_it_cannot_run(join):
    ada = join("ada")

    async def handler():
        pass

    with pytest.raises(gossamer.ConfigurationError, match="async"):
        ada.serve("x", handler)
    ada.serve("x", print)
    with pytest.raises(ValueError, match="already"):
        ada.serve("x", print)
    ada.unserve(print)
    with pytest.raises(ValueError, match="not served"):
        ada.unserve("x")


async def test_trio_programs_serve_async_functions_and_cancelling_a_call_cancels_them(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        cancelled, started = trio.Event(), trio.Event()

        @bob.serve("sleep")
        async def sleep(seconds):
            started.set()
            try:
                await trio.sleep(seconds)
            except trio.Cancelled:
                cancelled.set()
                raise
            return "slept"

        with trio.fail_after(10):
            assert await ada.call("sleep", 0.001) == "slept"
            started = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ada.call, "sleep", 1000)
                await started.wait()
                nursery.cancel_scope.cancel()
            await cancelled.wait()

        cancelled = trio.Event()
        with trio.fail_after(10), pytest.raises(gossamer.MeshTimeout):
            await ada.call("sleep", 1000, timeout=0.2)
        with trio.fail_after(10):
            await cancelled.wait()


async def test_all_who_serve_are_asked_and_the_silent_are_named(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob, open_mesh("cyd") as cyd:
        ada.serve("name", lambda: "ada")
        bob.serve("name", lambda: 1 / 0)
        cyd.serve("name", trio.sleep_forever)
        await ada.wait(lambda mesh: len(mesh.servers("name")) == 3, timeout=5)

        gathered = await ada.gather("name", timeout=1)

        assert {peer.name: reply for peer, reply in gathered.replies.items()} == {"ada": "ada"}
        assert {peer.name: error.type_name for peer, error in gathered.errors.items()} == {"bob": "ZeroDivisionError"}
        assert {peer.name for peer in gathered.silent} == {"cyd"}


def test_a_forked_child_serves_and_calls_as_a_peer_of_its_own(join, script):
    here = join("here")
    here.serve("greet", lambda who: f"hello {who}")
    program = script(
        """
        import warnings; warnings.simplefilter("ignore", DeprecationWarning)
        mesh = join("parent")
        mesh.serve("pid", os.getpid)
        parent = os.getpid()
        child = os.fork()
        if not child:
            assert mesh.call("greet", "child", timeout=5) == "hello child"
            mesh.wait(lambda m: len(m.gather("pid", timeout=5).replies) == 2, timeout=5)
            replies = mesh.gather("pid", timeout=5).replies
            assert set(replies.values()) == {parent, os.getpid()}, replies
            say("child done")
            sys.exit()
        status = os.waitpid(child, 0)[1]
        assert status == 0, status
        say(mesh.call("greet", "parent", timeout=5))
        """
    )

    assert program.says(20) == "child done"
    assert program.says() == "hello parent"
    assert program.ends(5) == 0, program.errors()


def route_to(mesh, name, service="work"):
    """Return a route by which calls go to the peer of that name."""
    calling = mesh._calling
    for route in range(1000):
        ticket = calling.ticket(service, (), {}, lambda: None, timeout=1, route=route)
        if mesh.peer_of(calling._boots_for(ticket)[0]).name == name:
            return route
    raise AssertionError(f"no route leads to {name}")
