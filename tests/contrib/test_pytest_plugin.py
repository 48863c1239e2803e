"""The pytest plugin, in runs of pytest of its own: what each fixture does, and what a failing test shows."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

import gossamer.simulation.memory_net
import gossamer.simulation.simulated_net  # noqa: F401  # pytester forgets what a run imports; C extensions do not bear it


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run pytest over a file with these tests, and with these options."""

    def run(tests: str, *options: str, subprocess: bool = False) -> pytest.RunResult:
        pytester.makepyfile(test_it=dedent(tests))
        method = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return method("-p", "no:cacheprovider", "-p", "no:benchmark", *options)

    return run


VALVES = """
    def operate(mesh, value):
        mesh["valve/7"] = value

    def test_two_operators_who_cannot_hear_each_other(mesh_factory, partition, converged):
        north, south = mesh_factory("north"), mesh_factory("south")

        with partition(north, south):
            operate(north, "open")
            operate(south, "shut")
            assert (north["valve/7"], south["valve/7"]) == ("open", "shut")

        converged([north, south], within=10)
        assert north["valve/7"] == south["valve/7"]
        assert len(north.conflicts("valve/7")) == 2
"""


def test_a_program_is_tested_under_partition_in_ten_lines(run):
    run(VALVES).assert_outcomes(passed=1)


def test_a_lone_mesh_is_a_dict_that_waits_in_virtual_time(run):
    result = run("""
        import time
        import gossamer, pytest

        def test_it(mesh, net):
            began = time.monotonic()
            mesh["a"] = 1
            mesh.set("b", 2, ttl=60)
            with pytest.raises(gossamer.MeshTimeout, match="alone: no other peer"):
                mesh.wait(lambda mesh: "c" in mesh, timeout=50)
            assert dict(mesh) == {"a": 1, "b": 2}
            net.run(20)
            assert dict(mesh) == {"a": 1}
            assert time.monotonic() - began < 20
            assert isinstance(mesh, gossamer.BlockingMesh)
    """)

    result.assert_outcomes(passed=1)


def test_listeners_run_when_the_step_that_changed_something_has_ended(run):
    result = run("""
        import gossamer, pytest

        def test_it(mesh_factory):
            a, b = mesh_factory("a"), mesh_factory("b")
            heard, refused, own = [], [], []
            a.on("question/*", own.append)

            @b.on("question/*")
            def answer(change):
                heard.append((change.new, change.peer.name, dict(b)["question/1"]))
                b["answer/1"] = change.new * 2
                try:
                    b.wait(lambda mesh: True)
                except gossamer.WrongThread:
                    refused.append("wait")

            a["question/1"] = 21
            assert own == heard == []
            assert a.wait(lambda mesh: mesh.get("answer/1"), timeout=5) == 42
            assert heard == [(21, "a", 21)]
            assert [change.new for change in own] == [21]
            assert refused == ["wait"]

            with a.changes("answer/*") as changes:
                b["answer/2"] = 1
                assert next(changes).key == "answer/2"
            a.settled(timeout=5)
    """)

    result.assert_outcomes(passed=1)


def test_the_weather_decides_what_arrives_and_when(run):
    result = run("""
        import pytest

        @pytest.mark.parametrize("faults", [{"loss": 0.5}, {"disorder": 0.5}, {"doubling": 1.0}])
        def test_faults_are_made_good(mesh_factory, net, converged, faults):
            a, b = mesh_factory("a"), mesh_factory("b")
            net.weather(**faults)
            for number in range(100):
                a[number % 10] = number
                net.run(0.01)
            converged([a, b], within=30)
            assert dict(a) == dict(b)

        def test_a_slow_net_is_slow(mesh_factory, net, converged):
            a, b = mesh_factory("a"), mesh_factory("b")
            net.weather(delay_s=(0.5, 0.6))
            a["key"] = 1
            assert 0.4 < converged([a, b], within=5) < 0.7

        def test_a_fault_out_of_range_is_refused(net):
            with pytest.raises(ValueError, match="loss=7 is no share"):
                net.weather(loss=7)
    """)

    result.assert_outcomes(passed=5)


def test_peers_die_leave_and_come_back(run):
    result = run("""
        import gossamer, pytest

        def test_it(mesh_factory, net, converged):
            a, b, c = map(mesh_factory, "abc")
            seen = []
            a.on_leave(lambda peer: seen.append(peer.name))
            b["from b"] = 1
            b.settled(timeout=5)
            b.close()
            a.wait(lambda mesh: len(mesh.peers) == 1, timeout=5)
            net.kill(c)
            a.wait(lambda mesh: not mesh.peers, timeout=30)
            assert seen == ["b", "c"]
            assert dict(b) == {"from b": 1}
            with pytest.raises(gossamer.MeshClosed):
                c["x"] = 1
            again = mesh_factory("b")
            assert dict(again) == {"from b": 1}
            converged([a, again])
    """)

    result.assert_outcomes(passed=1)


def test_what_the_program_joins_itself_lands_on_the_net_of_the_test(run):
    result = run("""
        import gossamer

        def publish(value):
            with gossamer.join("lab", nickname="publisher") as mesh:
                mesh["value"] = value
                mesh.settled(timeout=5)

        def test_it(mesh_factory, net):
            reader = mesh_factory("reader", name="lab")
            publish(7)
            assert reader["value"] == 7
            assert net.now < 5
    """)

    result.assert_outcomes(passed=1)


def test_a_failure_names_keys_values_whose_writes_are_missing_and_the_state_of_the_net(run):
    result = run("""
        def test_it(mesh_factory, partition, converged):
            north, south = mesh_factory("north"), mesh_factory("south")
            partition(north, south)
            north["valve/7"] = "open"
            south["valve/7"] = "shut"
            converged([north, south], within=5)
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *Wrong: north, south do not agree within 5 s:",
            "E *'valve/7' is 'open' at north, 'shut' at south",
            "E *south lacks the latest 1 of 1 writes by north",
            "E *the net: * splits: north | south",
            "*- gossamer -*",
            "repeat this with: pytest 'test_it.py::test_it' --gossamer-seed=0",
            "*0.300 s  north has joined",
            "*0.600 s  south has joined",
            "*0.600 s  splits: north | south",
            "*s  the end",
            "at north: 1 key; *",
        ]
    )


DICE = """
    def test_it(mesh_factory, net, converged):
        a, b = mesh_factory("a"), mesh_factory("b")
        net.weather(loss=0.5)
        for number in range(50):
            a[number] = number
            net.run(0.01)
        print("took", converged([a, b], within=60), net.simulation.journal.hash)
"""


def took(result: pytest.RunResult) -> str:
    result.assert_outcomes(passed=1)
    [found] = re.findall(r"took .*", result.stdout.str())
    return found


def test_the_same_seed_is_the_same_run_and_another_is_another(run):
    one, other = took(run(DICE, "-s", "--gossamer-seed=1")), took(run(DICE, "-s", "--gossamer-seed=2"))

    assert took(run(DICE, "-s", "--gossamer-seed=1", subprocess=True)) == one
    assert other != one


@pytest.mark.slow
def test_a_random_seed_is_shown_and_repeats_the_run_in_workers_of_xdist_too(run):
    failing = DICE + "        assert not net.simulation.journal.hash\n"
    result = run(failing, "--gossamer-seed=random", "-n", "2", subprocess=True)
    [again] = re.findall(r"repeat this with: pytest 'test_it.py::test_it' (--gossamer-seed=\d+)", result.stdout.str())

    repeated = run(failing, again)

    shown = re.compile(r"took .*")
    assert shown.findall(repeated.stdout.str()) == shown.findall(result.stdout.str()) != []


def test_a_test_may_run_over_many_seeds(run):
    result = run("""
        import pytest

        @pytest.mark.parametrize("gossamer_seed", range(20))
        def test_it(net, gossamer_seed):
            assert net.seed == gossamer_seed
    """)

    result.assert_outcomes(passed=20)


def test_a_seed_that_is_none_is_a_usage_error_for_those_alone_who_use_it(run):
    result = run("def test_it(): pass\ndef test_net(net): pass", "--gossamer-seed=x")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*--gossamer-seed=x is no number; give one, or 'random'"])


def test_nothing_of_gossamer_is_imported_while_no_fixture_is_used(run):
    result = run(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.partition(".")[0] == "gossamer"}
            assert ours == {"gossamer", "gossamer.contrib", "gossamer.contrib.pytest_plugin"}
            assert not {"trio", "zeroconf", "cbor2", "cryptography"} & set(sys.modules)
        """,
        "-p",
        "no:trio",
        subprocess=True,
    )

    result.assert_outcomes(passed=1)


def test_a_second_mesh_of_another_name_is_refused_rather_than_never_met(run):
    result = run("""
        import gossamer, pytest

        def test_it(mesh):
            with pytest.raises(gossamer.ConfigurationError, match="the simulated net carries one mesh"):
                gossamer.join("other")
            with pytest.raises(gossamer.ConfigurationError, match="a peer 'peer-1' is open already"):
                gossamer.join("test", nickname="peer-1")
    """)

    result.assert_outcomes(passed=1)


def test_outside_of_such_tests_doors_open_on_this_machine(run):
    result = run("""
        from gossamer.surroundings import Surroundings, current_surroundings

        def test_in(net):
            assert current_surroundings() == net.surroundings

        def test_out():
            assert current_surroundings() == Surroundings()
    """)

    result.assert_outcomes(passed=2)
