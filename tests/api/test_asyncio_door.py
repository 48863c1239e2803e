"""The asyncio door: what it shares with the others, and asyncio's manners."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

import gossamer

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def leaves_no_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert {t.name for t in set(threading.enumerate()) - before if t.name.startswith("gossamer")} == set()


def test_what_one_asyncio_program_writes_another_reads(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob, bob.changes("robot/*") as changes:
            ada["robot/7/pose"] = (1, 2)
            change = await anext(changes)
            await ada.settled(timeout=5)
            return change.key, change.old, change.new, change.peer.name, dict(bob)

    assert run(program()) == ("robot/7/pose", None, (1, 2), "ada", {"robot/7/pose": (1, 2)})


def test_an_asyncio_program_and_a_script_share_a_mesh(run, enter, join):
    script = join("script")

    async def program():
        async with enter("aio") as mesh:
            script["from"] = "script"
            await mesh.wait(lambda m: m.get("from") == "script", timeout=5)
            mesh["from"] = "asyncio"
            await asyncio.to_thread(lambda: script.wait(lambda m: m["from"] == "asyncio", timeout=5))

    run(program())


def test_listeners_run_in_the_loop_that_opened_the_mesh_in_order_and_in_its_context(run, enter):
    asked_for = ContextVar("asked_for", default="nothing")

    async def program():
        asked_for.set("this")
        heard = []
        async with enter() as mesh:
            home = threading.get_ident()

            @mesh.on("n/*")
            def hear(change):
                heard.append((change.new, threading.get_ident() == home, asked_for.get()))
                asyncio.get_running_loop()

            def write():
                for n in range(100):
                    mesh[f"n/{n}"] = n

            await asyncio.get_running_loop().run_in_executor(None, write)  # which knows nothing of our context
            await mesh.wait(lambda m: len(heard) == 100)
        return heard

    assert run(program()) == [(n, True, "this") for n in range(100)]


def test_a_listener_that_raises_harms_no_other(run, enter):
    async def program():
        heard = asyncio.Event()
        async with enter() as mesh:
            mesh.on("x", lambda change: 1 / 0)
            mesh.on("x", lambda change: heard.set())
            mesh["x"] = 1
            await heard.wait()
            return mesh.statistics()["listener errors"]

    assert run(program()) == 1


def test_peers_that_come_and_go_are_told_in_the_loop(run, enter):
    async def program():
        told = []
        async with enter("ada") as ada:
            ada.on_join(lambda peer: told.append(("+", peer.name, asyncio.get_running_loop() is loop)))
            ada.on_leave(lambda peer: told.append(("-", peer.name, asyncio.get_running_loop() is loop)))
            loop = asyncio.get_running_loop()
            async with enter("bob"):
                await ada.wait(lambda m: told)
            await ada.wait(lambda m: len(told) == 2)
        return told

    assert run(program()) == [("+", "bob", True), ("-", "bob", True)]


def test_what_was_written_last_is_told_before_the_block_ends(run, enter):
    async def program():
        heard = []
        async with enter() as mesh:
            mesh.on("*", lambda change: heard.append(change.new))
            mesh["last"] = "word"
        return heard

    assert run(program()) == ["word"]


def test_waiting_in_vain_raises_a_timeout_that_says_for_what(run, enter):
    async def program():
        async with enter() as mesh:
            with pytest.raises(gossamer.MeshTimeout, match="alone: no other peer"):
                await mesh.wait(lambda m: False, timeout=0)
            with pytest.raises(gossamer.MeshTimeout, match="confirmation by nobody"):
                await mesh.settled(peers=["nobody"], timeout=0)

    run(program())


def test_a_timeout_of_asyncio_ends_a_wait_and_the_mesh_lives_on(run, enter):
    async def program():
        async with enter() as mesh:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0):
                    await mesh.wait(lambda m: False, timeout=60)
            mesh["x"] = 1
            return type(caught.value), await mesh.wait(lambda m: m["x"]), mesh._watchers.waiters

    assert run(program())[:2] == (TimeoutError, 1)


def test_an_error_of_the_predicate_is_the_callers(run, enter):
    def predicate(mesh):
        raise TimeoutError("mine")

    async def program():
        async with enter() as mesh:
            with pytest.raises(TimeoutError, match="mine") as caught:
                await mesh.wait(predicate, timeout=60)
            return type(caught.value)

    assert run(program()) is TimeoutError


def test_the_changes_of_one_batch_are_taken_together(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob, bob.changes() as changes:
            with ada.batch():
                ada.update(a=1, b=2)
            taken = [(change.key, change.new) for change in await changes.take()]
            changes.close()
            return taken, await changes.take()

    assert run(program()) == ([("a", 1), ("b", 2)], [])


def test_cancelling_ends_a_wait_a_stream_and_the_block(run, enter):
    async def program():
        inside = asyncio.Event()

        async def live():
            async with enter() as mesh, asyncio.TaskGroup() as group, mesh.changes() as changes:
                group.create_task(mesh.wait(lambda m: False))
                inside.set()
                await anext(changes)

        task = asyncio.create_task(live())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(program())


def test_cancelling_while_it_joins_leaves_nothing_behind(run, enter, options):
    async def program():
        async def live():
            async with enter(options=gossamer.Options(settle_s=60, join_timeout_s=120)):
                raise AssertionError("it cannot have joined")

        task = asyncio.create_task(live())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(program())


def test_cancelled_while_it_closes_it_says_goodbye_all_the_same(run, enter, join, eventually):
    other = join("other")
    before = set(threading.enumerate())

    async def program():
        closing = asyncio.Event()

        async def live():
            async with enter("goes") as mesh:
                mesh["last"] = "word"
                asyncio.get_running_loop().call_soon(closing.set)

        task = asyncio.create_task(live())
        await closing.wait()
        task.cancel()
        await asyncio.wait([task])

    run(program())
    eventually(lambda: {row.presence for row in other.status().peers} == {"left"})
    assert other["last"] == "word"
    eventually(lambda: not any(t.name.startswith("gossamer") for t in set(threading.enumerate()) - before))


def test_what_the_block_raises_comes_out_as_it_is(run, enter):
    async def program():
        async with enter():
            raise LookupError("of the program")

    with pytest.raises(LookupError, match="of the program"):
        run(program())


def test_closing_ends_streams_and_waits_twice_does_nothing_and_what_was_held_is_still_read(run, enter):
    async def program():
        async with enter() as mesh:
            mesh["x"] = 1
            changes, waiting = mesh.changes(), asyncio.create_task(mesh.wait(lambda m: False))
            await asyncio.sleep(0)
            await asyncio.gather(mesh.close(), mesh.close())
            with pytest.raises(gossamer.MeshClosed):
                await waiting
            with pytest.raises(gossamer.MeshClosed):
                mesh["x"] = 2
            return [change async for change in changes], mesh["x"]

    assert run(program()) == ([], 1)


def test_a_stream_that_is_closed_ends(run, enter):
    async def program():
        async with enter() as mesh:
            changes = mesh.changes()
            asyncio.get_running_loop().call_soon(changes.close)
            return [change async for change in changes], changes.conflated

    assert run(program()) == ([], 0)


def test_errors_of_settings_are_raised_before_anything_runs():
    with pytest.raises(gossamer.ConfigurationError):
        gossamer.aio.open_mesh("lab", peers=["a:b:c"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_told_that_its_loop_is_gone(run, enter):
    async def program():
        async with enter() as mesh:
            child = os.fork()
            if child == 0:
                try:
                    mesh["x"] = 1
                except gossamer.ForkedMesh:
                    os._exit(0)
                finally:
                    os._exit(1)
            mesh["x"] = 2
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), mesh["x"]  # noqa: ASYNC222

    assert run(program()) == (0, 2)


def test_ctrl_c_says_goodbye_and_leaves_nothing_on_stderr(script, join, eventually):
    other = join("other")
    program = script(
        """
        import asyncio
        async def main():
            async with gossamer.aio.open_mesh(NAME, port=PORT, options=OPTIONS, nickname="script") as mesh:
                mesh["here"] = True
                await mesh.settled()
                say("ready")
                await mesh.wait(lambda m: False)
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say("interrupted")
        """.replace("NAME", repr(other.name)).replace("PORT", str(other.arguments.port))
    )
    assert program.says() == "ready"
    program.interrupt()

    assert program.says() == "interrupted"
    assert (program.ends(5), program.errors()) == (0, "")
    eventually(lambda: not other.peers)
    assert {row.presence for row in other.status().peers} == {"left"}


def test_a_program_that_drops_its_loop_still_says_goodbye(script, join, eventually):
    other = join("other")
    program = script(
        """
        import asyncio
        loop = asyncio.new_event_loop()
        door = gossamer.aio.open_mesh(NAME, port=PORT, options=OPTIONS, nickname="script")
        mesh = loop.run_until_complete(door.__aenter__())
        mesh["last"] = "word"
        say("done")
        """.replace("NAME", repr(other.name)).replace("PORT", str(other.arguments.port))
    )
    assert program.says() == "done"

    assert program.ends(5) == 0
    assert other.wait(lambda m: m.get("last"), timeout=5) == "word"
    eventually(lambda: {row.presence for row in other.status().peers} == {"left"})


@pytest.mark.gossamer(real_time=True)
def test_it_takes_part_in_a_net_in_memory_with_threads(run, net):
    script = net.open("script")

    async def program():
        async with gossamer.aio.open_mesh(script.name, nickname="aio") as mesh:
            mesh["x"] = 1
            await asyncio.to_thread(lambda: script.wait(lambda m: m.get("x"), timeout=5))

    run(program())
