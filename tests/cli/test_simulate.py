"""`gossamer simulate`: runs that are resumed, replayed, shrunk and compared."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from gossamer.crdt.open_batch import OpenBatch
from gossamer.simulation.result import Result
from gossamer.simulation.runner import Job, Results, run_job, swarm_jobs, sweep

ROOT = Path(__file__).parents[2]

FAILING = '''
from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=2, variants={"": {}, "hard": {}})
def brittle(world: World) -> None:
    """Holds under even seeds alone."""
    world.start()
    world.measure("half", 0.5)
    expect(world.seed % 2 == 0, "the seed is even")
'''

ENDLESS = '''
import time
from gossamer.simulation.scenario import World, scenario


@scenario(nodes=1)
def endless(world: World) -> None:
    """Takes half a second of somebody's time."""
    time.sleep(0.5)
'''


@pytest.fixture
def folder(tmp_path):
    where = tmp_path / "a folder"
    where.mkdir()
    (where / "brittle.py").write_text(FAILING)
    return str(where)


def spawned(*argv, **more):
    return subprocess.Popen([sys.executable, "-m", "gossamer", "simulate", *argv], **more)


def test_list_names_every_scenario_with_its_story(gossamer):
    ran = gossamer("simulate", "list")
    lines = gossamer("simulate", "list", "--json").json_lines

    assert ran.code == 0
    assert "split-brain" in ran.out
    assert "Two halves write the same keys" in ran.out
    assert {"name", "story", "nodes", "variants", "worlds", "slow"} == set(lines[0])


def test_run_says_what_held_and_what_was_measured(gossamer):
    ran = gossamer("simulate", "run", "split-brain", "--seeds", "3", "--engine", "serial")

    assert ran.code == 0
    assert "agreement_s" in ran.out
    assert ran.out.splitlines()[-1] == "3 runs, 3 held, 0 wrong"


def test_run_prints_results_as_json_lines(gossamer):
    lines = gossamer("simulate", "run", "quiet", "swarm", "--seeds", "5..6", "--engine", "serial", "--json").json_lines

    assert [(line["scenario"], line["seed"], line["outcome"]) for line in lines] == [
        ("quiet", 5, "held"),
        ("quiet", 6, "held"),
        ("swarm", 5, "held"),
        ("swarm", 6, "held"),
    ]


def test_a_failing_seed_names_the_command_that_fails_the_same_way(gossamer, folder):
    ran = gossamer("simulate", "run", "brittle", "--folder", folder, "--seeds", "1..2", "--engine", "serial")
    command = ran.err.split("again: ")[1].strip()
    again = subprocess.run([sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False)

    assert (ran.code, again.returncode) == (1, 1)
    assert "1 held, 1 wrong" in ran.out
    assert "expected that the seed is even" in ran.err
    assert "expected that the seed is even" in again.stderr


def test_a_sweep_goes_on_where_it_stopped(gossamer, tmp_path):
    kept = str(tmp_path / "kept.jsonl")
    gossamer("simulate", "run", "split-brain", "--seeds", "2", "--engine", "serial", "--results", kept)
    ran = gossamer("simulate", "run", "split-brain", "--seeds", "4", "--engine", "serial", "--results", kept)

    assert "2 of 4 runs have results" in ran.err
    assert ran.out.splitlines()[-1] == "4 runs, 4 held, 0 wrong"
    assert len(Path(kept).read_text().splitlines()) == 4


def test_a_runner_that_was_killed_leaves_what_was_done_and_its_torn_line_is_made_again(gossamer, tmp_path, eventually):
    (tmp_path / "endless.py").write_text(ENDLESS)
    kept = tmp_path / "kept.jsonl"
    argv = ["run", "endless", "--folder", str(tmp_path), "--seeds", "200", "--jobs", "2", "--results", str(kept)]
    process = spawned(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    eventually(lambda: kept.exists() and len(kept.read_text().splitlines()) >= 2, within_s=60)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with kept.open("a") as file:
        file.write('{"scenario":"endless","se')
    done = len(Results(kept).read())

    ran = gossamer(
        "simulate", "run", "endless", "--folder", str(tmp_path), "--seeds", str(done + 1),
        "--engine", "serial", "--results", str(kept),
    )  # fmt: skip

    assert f"{done} of {done + 1} runs have results" in ran.err
    assert ran.out.splitlines()[-1] == f"{done + 1} runs, {done + 1} held, 0 wrong"


def runs(pid: str) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # empty of one that has ended and is not collected
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_runner_that_was_killed_alone(tmp_path, eventually):
    (tmp_path / "endless.py").write_text(ENDLESS)
    kept = tmp_path / "kept.jsonl"
    argv = ["run", "endless", "--folder", str(tmp_path), "--seeds", "500", "--jobs", "2", "--results", str(kept)]
    process = spawned(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    eventually(lambda: kept.exists() and kept.read_text(), within_s=60)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()

    assert len(children) >= 2
    eventually(lambda: not any(map(runs, children)), within_s=20)


def test_ctrl_c_keeps_what_is_done_and_ends_with_130(tmp_path, eventually):
    (tmp_path / "endless.py").write_text(ENDLESS)
    kept = tmp_path / "kept.jsonl"
    argv = ["run", "endless", "--folder", str(tmp_path), "--seeds", "500", "--jobs", "2", "--results", str(kept)]
    process = spawned(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    eventually(lambda: kept.exists() and kept.read_text(), within_s=60)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "what is done is kept" in errors
    assert "Traceback" not in errors
    assert Results(kept).read()


def test_results_of_several_machines_are_merged_by_putting_their_files_together(tmp_path):
    one, other = Results(tmp_path / "one"), Results(tmp_path / "other")
    jobs = list(swarm_jobs(range(6)))
    for job in jobs[:4]:
        one.add(run_job(job))
    for job in jobs[2:]:
        other.add(run_job(job))
    both = Results(tmp_path / "both")
    both.path.write_bytes(one.path.read_bytes() + other.path.read_bytes())

    assert sorted(result.seed for result in both.read()) == list(range(6))
    assert both.missing(jobs) == []


def die(job: Job) -> Result:
    if job.seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return run_job(job)


def test_a_worker_that_dies_is_found_and_named_and_the_sweep_goes_on():
    pools = [ProcessPoolExecutor(2, mp_context=get_context("fork"))]

    def anew():
        pools.append(ProcessPoolExecutor(2, mp_context=get_context("fork")))
        return pools[-1]

    results = list(sweep(swarm_jobs(range(10)), pools[0], 2, die, anew))
    for pool in pools:
        pool.shutdown()

    assert sorted(result.seed for result in results) == list(range(10))
    assert [result.seed for result in results if result.why.startswith("the worker died")] == [3]


def test_without_another_pool_a_sweep_ends_where_a_worker_died_and_those_runs_are_made_again_next_time(tmp_path):
    kept = Results(tmp_path / "kept")
    jobs = list(swarm_jobs(range(8)))
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        for result in sweep(jobs, pool, 1, die):
            kept.add(result)
    wrong = [result for result in kept.read() if result.outcome == "wrong"]

    assert wrong
    assert all(result.why.startswith("the worker died") for result in wrong)
    assert {job.seed for job in kept.missing(jobs)} >= {result.seed for result in wrong}


def test_a_worker_of_another_version_refuses():
    result = run_job(Job("swarm", "", 1, 0, version="another"))

    assert result.outcome == "skipped"
    assert result.version == "another"
    assert "install the same" in result.why


def test_replay_tells_what_a_life_was(gossamer):
    ran = gossamer("simulate", "replay", "12")

    assert ran.code == 0
    assert "journal" in ran.out


@pytest.mark.slow
def test_a_soak_finds_a_seeded_bug_shrinks_it_and_its_file_fails_the_same_way(gossamer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        OpenBatch, "_coalesced", lambda self, key, earlier, past: ()
    )  # a coalesced write loses its past
    soak = ["simulate", "soak", "--start", "0", "--schedules", "200", "--engine", "serial", "--shrink-seconds", "10"]
    ran = gossamer(*soak, "--json")
    [file] = tmp_path.glob("shrunk-*.json")
    replayed = gossamer("simulate", "replay", file.name)

    assert ran.code == 1
    assert ran.json["wrong_seeds"]
    assert f"again: gossamer simulate replay {file.name}" in ran.err
    assert replayed.code == 1
    assert len(json.loads(file.read_text())["steps"]) < 20


def test_a_soak_goes_on_where_it_stopped(gossamer, tmp_path):
    kept = str(tmp_path / "kept.jsonl")
    for _ in range(2):
        ran = gossamer("simulate", "soak", "--start", "5", "--schedules", "10", "--engine", "serial", "--results", kept)

    assert "10 are in" in ran.err
    assert sorted(result.seed for result in Results(Path(kept)).read()) == list(range(5, 25))


def test_compare_tells_what_changed_and_what_broke(gossamer, tmp_path):
    before, after = Results(tmp_path / "before"), Results(tmp_path / "after")
    for seed in range(12):
        for file, agreement_s in ((before, 1.0 + seed / 100), (after, 2.0 + seed / 100)):
            file.add(Result("story", "", seed, 3, "simulated", "1", "held", figures={"agreement_s": agreement_s}))
    after.add(Result("story", "", 0, 3, "simulated", "1", "wrong", "it broke"))
    ran = gossamer("simulate", "compare", str(before.path), str(after.path))

    assert ran.code == 1
    assert "higher" in ran.out
    assert "seed 0 held before: it broke" in ran.err
    assert gossamer("simulate", "compare", str(before.path), str(before.path)).code == 0


def test_a_report_is_written_beside_the_figures(gossamer, tmp_path):
    path = tmp_path / "report.html"
    ran = gossamer("simulate", "run", "split-brain", "--engine", "serial", "--report", str(path))

    assert ran.code == 0
    assert "split-brain" in path.read_text()


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "split-brain", "--variant", "none"],
        ["run", "split-brain", "--engine", "steam"],
        ["replay", "1", "lossy-multicast", "--variant", "all"],
        ["run", "split-brain", "--seeds", "0"],
        ["replay", "not-a-seed"],
        ["compare", "nothing.jsonl", "nothing.jsonl"],
        [],
    ],
)
def test_what_cannot_be_meant_ends_with_2(gossamer, argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert gossamer("simulate", *argv).code == 2


def test_in_a_checkout_the_module_is_the_same_command():
    ran = subprocess.run(
        [sys.executable, "-m", "simulations", "list"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "split-brain" in ran.stdout


@pytest.mark.slow
def test_a_dask_cluster_makes_the_runs(gossamer):
    distributed = pytest.importorskip("distributed", reason='needs the extra: pip install "gossamer[dask]"')
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        ran = gossamer("simulate", "run", "swarm", "--seeds", "3", "--engine", address)

    assert ran.out.splitlines()[-1] == "3 runs, 3 held, 0 wrong"
