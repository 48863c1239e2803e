"""The pytest plugin where peers are real: trio programs, on virtual time if the loop has it, and threads."""

from __future__ import annotations

from textwrap import dedent

import pytest

import gossamer.simulation.memory_net
import gossamer.simulation.simulated_net  # noqa: F401  # pytester forgets what a run imports; C extensions do not bear it


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run pytest over a file with these tests, and with these options."""

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=dedent(tests))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:benchmark", *options)

    return run


@pytest.fixture
def trio_mode(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ntrio_mode = true\n")


def test_a_trio_program_is_tested_under_partition_on_virtual_time(run, trio_mode):
    result = run("""
        import time
        import gossamer, pytest, trio

        async def publish(nickname, *, task_status=trio.TASK_STATUS_IGNORED):
            async with gossamer.open_mesh("test", nickname=nickname) as mesh:
                task_status.started(mesh)
                while True:
                    mesh["time", nickname] = mesh.get(("time", nickname), 0) + 1
                    await trio.sleep(1)

        async def test_it(mesh_factory, net, partition, converged, autojump_clock):
            began = time.monotonic()
            async with mesh_factory("reader") as reader, trio.open_nursery() as nursery:
                writer = await nursery.start(publish, "writer")
                await reader.wait(lambda mesh: ("time", "writer") in mesh, timeout=5)
                with partition(reader, writer):
                    before = reader["time", "writer"]
                    await net.run(60)
                    assert reader["time", "writer"] == before
                await reader.wait(lambda mesh: mesh["time", "writer"] > before + 50, timeout=30)
                await converged([reader, writer], within=5)
                nursery.cancel_scope.cancel()
            assert net.now > 60
            assert time.monotonic() - began < 20
    """)

    result.assert_outcomes(passed=1)


def test_loss_delay_and_disorder_reach_trio_programs_too(run, trio_mode):
    result = run("""
        import pytest, trio
        from gossamer.simulation import NoSuchFault

        @pytest.mark.parametrize("faults", [{"loss": 0.3}, {"disorder": 0.5}, {"doubling": 1.0}, {"multicast": False}])
        async def test_it(mesh_factory, net, converged, autojump_clock, faults):
            async with mesh_factory("a") as a, mesh_factory("b") as b:
                await a.wait(lambda mesh: mesh.peers, timeout=5)
                net.weather(**faults)
                for number in range(50):
                    a[number % 10] = number
                    await trio.sleep(0.01)
                await converged([a, b], within=30)
                assert dict(a) == dict(b)

        async def test_a_slow_net_is_slow(mesh_factory, net, converged, autojump_clock):
            async with mesh_factory("a") as a, mesh_factory("b") as b:
                net.weather(delay_s=(0.5, 0.6))
                a["key"] = 1
                assert 0.4 < await converged([a, b], within=5) < 0.7

        async def test_what_is_not_there_is_refused(net):
            with pytest.raises(NoSuchFault, match="networks in memory have no burst_loss: use the simulator"):
                net.weather(burst_loss=0.1)
    """)

    result.assert_outcomes(passed=6)


def test_a_failure_of_a_trio_test_says_what_keeps_peers_apart(run, trio_mode):
    result = run(
        """
        async def test_it(mesh_factory, partition, converged, autojump_clock):
            async with mesh_factory("north") as north, mesh_factory("south") as south:
                partition(north, south)
                north["valve/7"] = "open"
                await converged([north, south], within=5)
        """,
        "--gossamer-seed=3",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Wrong: north, south do not agree within 5 s:",
            "*'valve/7' is 'open' at north, nothing at south",
            "*south lacks the latest 1 of 1 writes by north",
            "repeat this with: pytest 'test_it.py::test_it' --gossamer-seed=3",
        ]
    )


def test_the_mesh_of_an_async_test_is_opened_by_itself(run, trio_mode):
    result = run("async def test_it(mesh): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*an async test opens its meshes itself: async with mesh_factory() as mesh"])


def test_a_program_with_threads_is_tested_in_real_time_and_in_memory(run):
    result = run("""
        import threading
        import gossamer, pytest

        def double(name, stop):
            with gossamer.join(name, nickname="doubler") as mesh:
                @mesh.on("question")
                def answer(change):
                    mesh["answer"] = change.new * 2
                mesh["ready"] = True
                stop.wait(20)

        @pytest.mark.gossamer(real_time=True)
        def test_it(mesh_factory, partition, converged, net):
            options = gossamer.Options(settle_s=0.05, linger_s=0.2)
            asker = mesh_factory("asker", options=options)
            stop = threading.Event()
            thread = threading.Thread(target=double, args=("test", stop))
            thread.start()
            asker.wait(lambda mesh: "ready" in mesh, timeout=10)

            with partition(asker, "doubler"):
                asker["question"] = 21
                with pytest.raises(gossamer.MeshTimeout):
                    asker.wait(lambda mesh: "answer" in mesh, timeout=0.2)
            asker.wait(lambda mesh: mesh.get("answer") == 42, timeout=10)
            converged(net.meshes, within=10)
            stop.set()
            thread.join()
    """)

    result.assert_outcomes(passed=1)


def test_a_thread_is_told_that_virtual_time_passes_elsewhere(run):
    result = run("""
        import threading
        import gossamer

        def test_it(mesh):
            told = []

            def wait():
                try:
                    mesh.wait(lambda mesh: "x" in mesh)
                except gossamer.WrongThread as error:
                    told.append(str(error))

            thread = threading.Thread(target=wait)
            thread.start()
            thread.join()
            assert "@pytest.mark.gossamer(real_time=True)" in told[0]
    """)

    result.assert_outcomes(passed=1)
