"""Calls of asyncio programs: served as tasks, awaited, cancelled, and exchanged with scripts."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

import gossamer
from gossamer.aio_requests import Requests
from gossamer.aio_waiting import Waiter
from gossamer.protocol.effects import ReplyOutcome, Requested
from gossamer.views.services import GRACE_S, Service
from gossamer.wire.values import decode_value, encode_value


def test_an_asyncio_program_and_a_script_call_each_other_both_ways(run, enter, script):
    async def program():
        async with enter("aio") as mesh:

            @mesh.serve
            async def quadruple(n):
                return await mesh.call("double", await mesh.call("double", n))

            there = script("""
                mesh = join("there")
                mesh.serve("double", lambda n: 2 * n)
                say(mesh.call("quadruple", 3, timeout=5))
                threading.Event().wait()
            """)
            said = await asyncio.to_thread(there.says)
            return said, await mesh.call("double", 21, timeout=5), {peer.name for peer in mesh.servers("double")}

    assert run(program()) == ("12", 42, {"there"})


def test_what_serves_is_plain_or_async_and_runs_in_the_loop_and_its_context(run, enter, join):
    script, asked_for = join("script"), ContextVar("asked_for", default="nothing")

    async def program():
        asked_for.set("this")
        async with enter() as mesh:
            loop, home = asyncio.get_running_loop(), threading.get_ident()

            @mesh.serve("plain")
            def plain():
                return threading.get_ident() == home, asyncio.get_running_loop() is loop, asked_for.get()

            @mesh.serve("async")
            async def awaited():
                await asyncio.sleep(0)
                return plain()

            return [await asyncio.to_thread(script.call, name, timeout=5) for name in ("plain", "async")]

    assert run(program()) == [(True, True, "this")] * 2


def test_what_a_service_raises_arrives_as_a_typed_error(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:

            async def late():
                raise TimeoutError("its own")

            async def gone():
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(1)

            bob.serve("fail", lambda: {}["k"])
            bob.serve("late", late)
            bob.serve("gone", gone)
            with pytest.raises(gossamer.RemoteError, match="KeyError at bob: 'k'"):
                await ada.call("fail", timeout=5)
            with pytest.raises(gossamer.RemoteError, match="TimeoutError at bob: its own"):
                await ada.call("late", timeout=5)
            with pytest.raises(gossamer.RemoteError, match="it was cancelled in the program that runs it"):
                await ada.call("gone", timeout=5)
            with pytest.raises(gossamer.NoService, match="nobody serves 'nothing'"):
                await ada.call("nothing", timeout=5)
            with pytest.raises(gossamer.UnsendableValue):
                await ada.call("fail", object())

    run(program())


@pytest.mark.parametrize("how", ["cancelled", "timeout", "asyncio.timeout", "closed"])
def test_a_service_is_cancelled_when_its_caller_gives_up(run, enter, how):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:
            cancelled, started = asyncio.Event(), asyncio.Event()

            @bob.serve
            async def sleep():
                started.set()
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    cancelled.set()
                    raise

            await ada.wait(lambda m: m.servers("sleep"), timeout=5)
            if how == "timeout":
                with pytest.raises(gossamer.MeshTimeout, match="told to stop"):
                    await ada.call("sleep", timeout=1)
            elif how == "asyncio.timeout":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await ada.call("sleep", timeout=None)
            else:
                task = asyncio.create_task(ada.call("sleep", timeout=None))
                await started.wait()
                if how == "cancelled":
                    task.cancel()
                else:
                    await ada.close()
                await asyncio.wait([task])
                assert task.cancelled() or isinstance(task.exception(), gossamer.MeshClosed)
            await started.wait()
            await cancelled.wait()

    run(program())


def test_what_runs_when_its_mesh_is_closed_is_cancelled_and_its_caller_told(run, enter):
    async def program():
        ended = []

        async def live(started):
            async with enter("bob") as bob:

                @bob.serve
                async def sleep():
                    started.set()
                    try:
                        await asyncio.sleep(1000)
                    finally:
                        ended.append(1)

                await started.wait()

        async with enter("ada") as ada:
            living = asyncio.create_task(live(asyncio.Event()))
            await ada.wait(lambda m: m.servers("sleep"), timeout=5)
            with pytest.raises(gossamer.GossamerError) as raised:
                await ada.call("sleep", timeout=10)
            await living
            assert not isinstance(raised.value, gossamer.MeshTimeout), raised.value
        return ended, [task for task in asyncio.all_tasks() if "request" in task.get_name()]

    assert run(program()) == ([1], [])


def test_a_service_runs_as_many_at_once_as_it_says_and_refuses_what_is_too_much(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:
            running, most, gate = set(), [], asyncio.Event()

            async def slow(n):
                running.add(n)
                most.append(len(running))
                await gate.wait()
                running.remove(n)
                return n

            bob.serve("slow", slow, at_once=2, waiting=3)
            await ada.wait(lambda m: m.servers("slow"), timeout=5)
            calls = [asyncio.create_task(ada.call("slow", n)) for n in range(8)]
            busy = [task for task in calls if task.done()]
            while len(busy) < 3:
                await asyncio.wait([task for task in calls if task not in busy], return_when=asyncio.FIRST_COMPLETED)
                busy = [task for task in calls if task.done()]
            gate.set()
            ended = await asyncio.gather(*calls, return_exceptions=True)
        return max(most), sum(isinstance(each, gossamer.ServiceBusy) for each in ended), len(ended)

    assert run(program()) == (2, 3, 8)


def test_all_who_serve_are_asked_and_the_silent_are_named(run, enter, join):
    script = join("script")
    script.serve("name", lambda: "script")

    async def program():
        async with enter("ada") as ada, enter("bob") as bob, enter("cyd") as cyd:
            bob.serve("name", lambda: 1 / 0)
            cyd.serve("name", asyncio.Event().wait)
            await ada.wait(lambda mesh: len(mesh.servers("name")) == 3, timeout=5)
            gathered = await ada.gather("name", timeout=1)
        return (
            {peer.name: reply for peer, reply in gathered.replies.items()},
            {peer.name: error.type_name for peer, error in gathered.errors.items()},
            {peer.name for peer in gathered.silent},
        )

    assert run(program()) == ({"script": "script"}, {"bob": "ZeroDivisionError"}, {"cyd"})


def test_a_service_may_close_its_own_mesh(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:

            @bob.serve
            async def stop():
                await bob.close()
                stopped.set_result("by itself")

            stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            with pytest.raises(gossamer.PeerLost):
                await ada.call("stop", timeout=10)
            assert await stopped == "by itself"
        with pytest.raises(gossamer.MeshClosed):
            await ada.call("stop")
        with pytest.raises(gossamer.MeshClosed):
            ada.serve("x", print)

    run(program())


def test_nothing_is_started_once_the_end_has_begun_nor_stopped_that_has_ended(run):
    async def program():
        started, finished = [], asyncio.Queue()
        requests = Requests(lambda request, outcome, payload: finished.put_nowait(outcome), 1000)
        service = Service("n", lambda: started.append(1), 1, 1)
        request = Requested(b"boot", 1, "n", encode_value(((), {})), float("inf"))
        requests.start(request, service)
        outcome = await finished.get()
        requests.stop(b"boot", 1)
        assert requests.cancel() == set()
        requests.start(request, service)
        assert requests.cancel() == set()
        return started, outcome, finished.empty()

    assert run(program()) == ([1], ReplyOutcome.RETURNED.value, True)


def test_a_service_whose_caller_is_out_of_reach_is_cancelled_when_nobody_can_wait_any_more(run):
    async def program():
        finished = asyncio.Queue()
        requests = Requests(lambda request, outcome, payload: finished.put_nowait(decode_value(payload)), 1000)
        service = Service("n", asyncio.Event().wait, 1, 1)
        requests.start(Requested(b"boot", 1, "n", encode_value(((), {})), -GRACE_S), service)
        return await finished.get()

    assert run(program()) == ("MeshTimeout", "nobody waited for it any more")


@pytest.mark.parametrize("turns", range(6))
def test_whoever_waits_is_cancelled_or_has_what_was_taken_for_it(run, turns):
    async def program():
        taken = []
        waiter = Waiter()
        task = asyncio.create_task(waiter.wait(lambda: bool(taken.append(1) or True), None))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return bool(taken) != task.cancelled()

    assert run(program())


def test_whoever_waits_looks_once_more_when_time_is_up(run):
    async def program():
        looks = []
        found = await Waiter().wait(lambda: bool(looks.append(1) or len(looks) == 2), 0.001)
        return found, await Waiter().wait(lambda: False, 0), await Waiter().wait(lambda: True, float("inf"))

    assert run(program()) == (True, False, True)
