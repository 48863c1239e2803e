"""`gossamer.open_mesh`: what belongs to a loop, is cancelled with it, and leaves nothing behind."""

from __future__ import annotations

import gc
import threading

import pytest
import trio

import gossamer


async def until(condition, within_s=5):
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.002)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("bare"), ExceptionGroup("theirs", [ValueError()]), KeyboardInterrupt(), SystemExit(3)]
)
async def test_what_the_block_raises_comes_out_as_it_was_raised(open_mesh, error):
    with pytest.raises(type(error)) as raised:
        async with open_mesh():
            raise error

    assert raised.value is error


async def test_what_the_block_raises_has_the_traceback_of_where_it_was_raised(open_mesh):
    def culprit():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        async with open_mesh():
            culprit()

    assert [entry.name for entry in raised.traceback][-1] == "culprit"


async def test_an_error_at_the_door_comes_out_bare_too(mesh_name, mesh_port):
    with pytest.raises(gossamer.ConfigurationError):
        async with gossamer.open_mesh(mesh_name, port=mesh_port, peers=["no:port"]):
            pass


async def test_a_value_may_be_returned_from_inside(open_mesh):
    async def inside():
        async with open_mesh() as mesh:
            mesh["x"] = 1
            return mesh["x"]

    assert await inside() == 1


async def test_a_cancelled_block_ends_soon_says_goodbye_and_its_last_write_arrives(open_mesh):
    async with open_mesh("stays") as stays:
        with trio.CancelScope() as scope:
            async with open_mesh("goes") as goes:
                await goes.wait(lambda mesh: mesh.peers, timeout=5)
                for number in range(1000):
                    goes["x"] = number
                scope.cancel()
                await trio.sleep_forever()
        left_at = trio.current_time()

        assert scope.cancelled_caught
        assert stays["x"] == 999
        await stays.wait(lambda mesh: not mesh.peers, timeout=1)
        assert trio.current_time() - left_at < 0.3


async def test_being_cancelled_while_opening_leaves_nothing(open_mesh):
    options = gossamer.Options(settle_s=60)
    with trio.move_on_after(0.05) as scope:
        async with open_mesh(options=options):
            pytest.fail("it opened")

    assert scope.cancelled_caught


async def test_a_timeout_around_the_mesh_is_raised_as_such(open_mesh):
    with pytest.raises(trio.TooSlowError):  # noqa: PT012
        with trio.fail_after(0.05):
            async with open_mesh(options=gossamer.Options(settle_s=0.01)):
                await trio.sleep_forever()


async def test_waiting_is_cancelled_like_anything_else(open_mesh):
    async with open_mesh() as mesh:
        for wait in (lambda: mesh.wait(lambda m: False), lambda: mesh.settled(peers=["nobody"])):
            with trio.move_on_after(0.02) as scope:
                await wait()
            assert scope.cancelled_caught
        assert mesh._watchers.waiters == ()
        mesh["still"] = "alive"
        await mesh.wait(lambda m: m["still"], timeout=1)


async def test_wait_and_settled_work_as_in_a_script(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        await ada.wait(lambda mesh: mesh.peers, timeout=5)
        ada["x"] = [1]
        await ada.settled(timeout=5)
        assert bob["x"] == [1]
        await bob.settled("x", peers=["ada", ada.me], timeout=5)
        assert await bob.wait(lambda mesh: mesh["x"], timeout=0) == [1]
        with pytest.raises(gossamer.MeshTimeout, match=r"waited 0.01 s for the predicate .*bob|ada"):
            await bob.wait(lambda mesh: False, timeout=0.01)
        with pytest.raises(gossamer.MeshTimeout, match="confirmation by nobody"):
            await bob.settled(peers=["nobody"], timeout=0.01)
        with pytest.raises(ZeroDivisionError):
            await bob.wait(lambda mesh: 1 / 0)


async def test_a_stream_of_changes_is_live_when_the_call_returns(open_mesh):
    async with open_mesh() as mesh:
        changes = mesh.changes("a*")
        mesh["a"] = 1
        mesh["b"] = 2
        mesh["ab"] = 3
        async with changes:
            assert [(await changes.__anext__()).new for _ in range(2)] == [1, 3]


async def test_a_stream_of_changes_that_is_cancelled_loses_nothing(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob, bob.changes() as changes:
        seen = []
        with trio.fail_after(10):
            for number in range(100):
                ada[number % 10] = number
                with trio.move_on_after(0.001):
                    while True:
                        seen.append((await changes.__anext__()).new)
            while not seen or seen[-1] != 99:
                seen.append((await changes.__anext__()).new)

    assert seen == sorted(seen)
    assert set(range(90, 100)) <= set(seen)


async def test_a_stream_of_changes_ends_with_the_mesh_and_when_it_is_closed(open_mesh):
    ended = []

    async def read(name, changes):
        async for change in changes:
            ended.append((name, change.new))
        ended.append((name, "end"))

    async with trio.open_nursery() as nursery, open_mesh() as mesh:
        closed, kept = mesh.changes(), mesh.changes()
        nursery.start_soon(read, "closed", closed)
        nursery.start_soon(read, "kept", kept)
        mesh["x"] = 1
        await until(lambda: len(ended) == 2)
        closed.close()
        await until(lambda: len(ended) == 3)

    assert ended[2:] == [("closed", "end"), ("kept", "end")]


async def test_a_stream_left_behind_costs_the_mesh_nothing(open_mesh):
    async with open_mesh() as mesh:
        async with mesh.changes():
            pass

        assert mesh._watchers.feeds == ()
        assert mesh._ledger.watched is False


async def test_listeners_run_in_the_loop_and_in_order(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        seen, threads = [], set()

        @bob.on("*")
        def listen(change):
            threads.add(threading.current_thread())
            seen.append(change.new)

        for number in range(200):
            ada["x"] = number
            await trio.lowlevel.checkpoint()
        await until(lambda: seen and seen[-1] == 199)

        assert seen == sorted(seen)
        assert threads == {threading.current_thread()}


async def test_a_listener_may_write(open_mesh):
    async with open_mesh() as mesh:
        mesh.on("in", lambda change: mesh.__setitem__("out", change.new * 2))
        mesh["in"] = 21
        await mesh.wait(lambda m: m.get("out") == 42, timeout=2)


async def test_who_joins_and_leaves_is_told_in_the_loop(open_mesh):
    async with open_mesh("ada") as ada:
        told = []
        ada.on_join(lambda peer: told.append(("joined", peer.name)))
        ada.on_leave(lambda peer: told.append(("left", peer.name)))
        async with open_mesh("bob"):
            await until(lambda: told)
        await until(lambda: len(told) == 2)

    assert told == [("joined", "bob"), ("left", "bob")]


async def test_other_threads_may_write_and_read(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:

        def work(start):
            for number in range(start, start + 500):
                ada[number] = number
                assert ada[number] == number

        async with trio.open_nursery() as nursery:
            for start in range(0, 2000, 500):
                nursery.start_soon(trio.to_thread.run_sync, work, start)
        await bob.wait(lambda mesh: len(mesh) == 2000, timeout=10)

        assert bob == ada


async def test_a_closed_mesh_is_read_but_not_written(open_mesh):
    async with open_mesh() as mesh:
        mesh["x"] = 1

    assert mesh == {"x": 1}
    with pytest.raises(gossamer.MeshClosed):
        mesh["x"] = 2
    with pytest.raises(gossamer.MeshClosed):
        await mesh.settled()
    with pytest.raises(gossamer.MeshClosed):
        await mesh.wait(lambda m: False)
    assert [change async for change in mesh.changes()] == []


async def test_many_meshes_come_and_go_and_no_socket_stays(open_mesh):
    import os

    def open_files():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    async with open_mesh():
        pass
    before = open_files()
    for _ in range(5):
        async with open_mesh("a"), open_mesh("b"):
            pass

    assert open_files() <= before


async def test_an_error_of_our_own_ends_the_block_and_comes_out_bare(open_mesh):
    with pytest.raises(RuntimeError, match="a bug"):  # noqa: PT012
        async with open_mesh() as mesh:

            def break_down(*args):
                raise RuntimeError("a bug")

            mesh.replica.tick = break_down
            mesh.driver.perform()
            await trio.sleep_forever()


async def test_the_changes_of_one_batch_are_taken_together(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob, bob.changes() as changes:
        with ada.batch():
            ada.update(a=1, b=2)
        with trio.fail_after(5):
            taken = [(change.key, change.new) for change in await changes.take()]
            changes.close()
            ended = await changes.take()

    assert (taken, ended) == ([("a", 1), ("b", 2)], [])
