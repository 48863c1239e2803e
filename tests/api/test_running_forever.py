"""Programs that only listen: they stay until somebody closes the mesh, or presses Ctrl-C."""

from __future__ import annotations

import asyncio
import threading

import pytest
import trio

import gossamer


def test_a_script_that_runs_for_ever_hears_until_ctrl_c_and_ends_content(join, script, eventually):
    program = script("""
        mesh = join()
        mesh.events.on("ping", lambda n: say("heard", n))
        say("listening")
        mesh.run_forever()
        mesh["last words"] = "bye"
        mesh.settled(timeout=5)
        say("over")
    """)
    assert program.says() == "listening"
    here = join("here")
    here.wait(lambda mesh: mesh.peers, timeout=5)
    here.events.emit("ping", 1, timeout=5)
    assert program.says() == "heard 1"

    program.interrupt()

    assert program.says() == "over"
    assert program.ends(within_s=5) == 0
    assert (program.errors(), here["last words"]) == ("", "bye")


def test_running_for_ever_ends_when_another_thread_closes_the_mesh(join):
    mesh = join()
    ended = threading.Event()
    waiting = threading.Thread(target=lambda: (mesh.run_forever(), ended.set()))
    waiting.start()
    assert not ended.is_set()

    mesh.close()

    assert ended.wait(5)
    waiting.join()
    mesh.run_forever()  # of a closed mesh, there is nothing to wait for


def test_a_listener_that_would_run_for_ever_is_told(join, eventually):
    mesh, raised = join(), []

    @mesh.events.on("ping")
    def wait_here():
        try:
            mesh.run_forever()
        except gossamer.WrongThread as error:
            raised.append(error)

    mesh.events.emit("ping")

    eventually(lambda: raised)


async def test_in_trio_running_for_ever_is_cancelled_like_anything_else(open_mesh):
    async with open_mesh() as mesh:
        with trio.move_on_after(0.01) as scope:
            await mesh.run_forever()

        assert scope.cancelled_caught
    with pytest.raises(gossamer.MeshClosed):
        await mesh.run_forever()


def test_in_trio_ctrl_c_ends_the_waiting_and_is_no_error(script, mesh_name, mesh_port):
    program = script(f"""
        import trio
        async def main():
            async with gossamer.open_mesh({mesh_name!r}, port={mesh_port}, options=OPTIONS) as mesh:
                trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)
                await mesh.run_forever()
                say("over")
        trio.run(main)
    """)

    assert program.says() == "over"
    assert program.ends(within_s=5) == 0
    assert program.errors() == ""


def test_in_asyncio_running_for_ever_ends_with_the_mesh_or_by_being_cancelled(run, enter):
    async def main():
        async with enter() as mesh:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await mesh.run_forever()
            waiting = asyncio.create_task(mesh.run_forever())
            await asyncio.sleep(0)
            await mesh.close()
            await waiting

    run(main())


def test_in_asyncio_ctrl_c_says_goodbye_first(join, script, mesh_name, mesh_port):
    program = script(f"""
        import asyncio
        async def main():
            async with gossamer.aio.open_mesh({mesh_name!r}, port={mesh_port}, options=OPTIONS) as mesh:
                say("listening")
                try:
                    await mesh.run_forever()
                finally:
                    say("leaving")
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say("over")
    """)
    assert program.says() == "listening"

    program.interrupt()

    assert [program.says(), program.says()] == ["leaving", "over"]
    assert program.ends(within_s=5) == 0
    assert program.errors() == ""
