"""`mesh.events` in asyncio programs, and what they exchange with scripts."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar

import pytest

import gossamer


def test_an_asyncio_program_and_a_script_exchange_events(run, enter, join):
    script = join("script")
    script.events.on("ask", lambda n: script.events.emit("answer", n + 1))

    async def program():
        async with enter("aio") as mesh:
            await mesh.wait(lambda m: m.peers, timeout=5)
            event = await mesh.events.wait_for("answer", 5, send=lambda: mesh.events.emit("ask", 41))
            return event.args, event.peer.name, await mesh.events.confirmed(5)

    assert run(program()) == ((42,), "script", True)


def test_handlers_are_called_in_the_loop_in_order_and_in_its_context_after_the_state(run, enter):
    asked_for = ContextVar("asked_for", default="nothing")

    async def program():
        asked_for.set("this")
        heard = []
        async with enter("ada") as ada, enter("bob") as bob:
            loop = asyncio.get_running_loop()

            @bob.events.on("n")
            def hear(n, sender):
                heard.append((n, sender, bob["n"] >= n, asyncio.get_running_loop() is loop, asked_for.get()))

            await ada.wait(lambda m: m.peers, timeout=5)

            def emit():
                for n in range(100):
                    ada["n"] = n
                    ada.events.emit("n", n)

            await asyncio.to_thread(emit)
            assert await ada.events.confirmed(5)
            await bob.wait(lambda m: len(heard) == 100, timeout=5)
        return heard

    assert run(program()) == [(n, "ada", True, True, "this") for n in range(100)]


def test_a_stream_is_iterated_until_it_or_its_mesh_is_closed(run, enter):
    async def program():
        got = []
        async with enter() as mesh:
            async with mesh.events.stream("n/*", sender="me") as stream:
                mesh.events.emit("n/1", 1, sender="me")
                mesh.events.emit("n/2", 2, sender="you")
                mesh.events.emit("other", 3, sender="me")
                mesh.events.emit("n/4", 4, sender="me")
                async for event in stream:
                    got.append(event.args[0])
                    if event.args == (4,):
                        break
            assert [event async for event in stream] == [], "it was closed"
            last = mesh.events.stream()
            asyncio.get_running_loop().call_soon(lambda: closing.append(asyncio.create_task(mesh.close())))
            closing: list[asyncio.Task[None]] = []
            assert [event async for event in last] == []
            await closing[0]
        return got

    assert run(program()) == [1, 4]


def test_waiting_for_an_event_in_vain_raises_and_cancelling_it_loses_none(run, enter):
    async def program():
        async with enter() as mesh:
            with pytest.raises(gossamer.MeshTimeout, match=r"within 0\.01 s"):
                await mesh.events.wait_for("never", 0.01)
            async with mesh.events.stream("n") as stream:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await anext(stream)
                mesh.events.emit("n", 7)
                task = asyncio.create_task(anext(stream))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                return (await stream.get(5)).args

    assert run(program()) == (7,)


def test_emit_with_a_timeout_says_what_to_do_instead_and_nothing_is_confirmed_of_nothing(run, enter):
    async def program():
        async with enter() as mesh:
            assert await mesh.events.confirmed(0)
            with pytest.raises(TypeError, match="confirmed"):
                mesh.events.emit("n", timeout=1)
            with pytest.raises(TypeError, match="async"):
                mesh.events.on("n", asyncio.sleep)

    run(program())


def test_a_handler_that_raises_or_emits_harms_no_other(run, enter):
    async def program():
        heard = []
        async with enter() as mesh:
            mesh.events.on("n", lambda n: 1 / 0)
            mesh.events.on("n", lambda n: n < 10 and mesh.events.emit("n", n + 1))
            mesh.events.on("n", heard.append)
            mesh.events.emit("n", 0)
            await mesh.wait(lambda m: m.statistics()["event errors"] == 11, timeout=5)
        return heard

    assert run(program()) == list(range(11))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_in_a_forked_child_each_refuses_and_says_why(run, enter):
    async def program():
        async with enter() as mesh:
            child = os.fork()
            if not child:
                status = 1
                try:
                    refused = [
                        lambda: mesh.events.emit("n"),
                        lambda: mesh.events.on("n", print),
                        lambda: mesh.serve("n", print),
                        lambda: mesh.channel("n"),
                    ]
                    for refuse in refused:
                        with pytest.raises(gossamer.ForkedMesh, match="asyncio"):
                            refuse()
                    status = 0
                finally:
                    os._exit(status)
            _, status = await asyncio.to_thread(os.waitpid, child, 0)
            return os.waitstatus_to_exitcode(status)

    assert run(program()) == 0


def test_events_come_from_any_thread(run, enter):
    async def program():
        heard = []
        async with enter() as mesh:
            mesh.events.on("n", heard.append)
            threads = [threading.Thread(target=mesh.events.emit, args=("n", n)) for n in range(20)]
            for thread in threads:
                thread.start()
            await mesh.wait(lambda m: len(heard) == 20, timeout=5)
            for thread in threads:
                thread.join()
        return sorted(heard)

    assert run(program()) == list(range(20))
