"""Runs scenarios and swarm schedules by the thousand, on any executor, and keeps what came of them.

A job names one run (scenario, variant, nodes, seed, world) and can travel to another
process or machine; its result is a line of JSON, keyed, so that a sweep that was
interrupted goes on where it stopped and files of several machines are merged by `cat`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from .catalogue import find
from .oracle import Wrong
from .result import Result
from .scenario import NoSuchFault, Scenario
from .simulation import Simulation
from .swarm import play, schedule_of
from .version import version

SWARM = "swarm"
"""The name under which schedules of the swarm stand among scenarios."""
AHEAD = 2
"""Jobs handed to an executor beyond its workers, so that none waits for us."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run, still to be made."""

    scenario: str
    variant: str
    seed: int
    nodes: int
    world: str = "simulated"
    folder: str = ""
    """Where the scenario's file is; empty for those that come with Gossamer."""

    @property
    def key(self) -> tuple[str, str, int, int, str, str]:
        """That of its result."""
        return self.scenario, self.variant, self.seed, self.nodes, self.world, version()

    @property
    def replay(self) -> str:
        """The command that makes this run again."""
        words = ["gossamer simulate replay", str(self.seed)]
        if self.scenario != SWARM:
            words.append(self.scenario)
            words += [f"--variant '{self.variant}'"] if self.variant else []
            words += [f"--nodes {self.nodes}"]
        words += [f"--world {self.world}"] if self.world != "simulated" else []
        words += [f"--folder {self.folder}"] if self.folder else []
        return " ".join(words)


def jobs_of(
    one: Scenario,
    seeds: Iterable[int],
    *,
    variants: Iterable[str] | None = None,
    nodes: int | None = None,
    world: str = "simulated",
    folder: str = "",
) -> Iterator[Job]:
    """Yield the runs of a scenario: each seed in each of `variants` (by default the first)."""
    for variant in [next(iter(one.variants))] if variants is None else variants:
        for seed in seeds:
            yield Job(one.name, variant, seed, nodes or one.nodes, world, folder)


def swarm_jobs(seeds: Iterable[int]) -> Iterator[Job]:
    """Yield the lives of these seeds."""
    for seed in seeds:
        yield Job(SWARM, "", seed, 0)


def run_job(job: Job) -> Result:
    """Make one run; whatever goes wrong is its result.  In the process of whoever calls."""
    began = time.process_time()
    world: Simulation | None = None
    outcome, why = "held", ""
    try:
        if job.scenario == SWARM:
            return play(schedule_of(job.seed), version=version(), key_nodes=job.nodes)
        one = find(job.scenario, Path(job.folder) if job.folder else None)
        if job.world not in one.worlds:
            raise NoSuchFault(f"{one.name} can only be told in a {' or '.join(one.worlds)} world")
        if job.world == "real":
            return _play_really(job, one)
        world = Simulation(job.seed, size=job.nodes)
        one.play(world, **one.variants[job.variant])
    except NoSuchFault as error:
        outcome, why = "skipped", str(error)
    except Exception as error:
        outcome, why = "wrong", reason(error)
    return Result(
        job.scenario,
        job.variant,
        job.seed,
        job.nodes,
        job.world,
        version(),
        outcome,  # type: ignore[arg-type]  # one of the three above
        why,
        dict(world.figures) if world else {},
        world.journal.hash if world else "",
        world.journal.events if world else 0,
        world.now if world else 0.0,
        time.process_time() - began,
    )


def _play_really(job: Job, one: Scenario) -> Result:
    from .rig import Rig

    with Rig(job.seed, size=job.nodes) as world:
        one.play(world, **one.variants[job.variant])
        key = job.scenario, job.variant, job.seed, job.nodes, job.world, version()
        return Result(*key, "held", figures=dict(world.figures), events=len(world.log))


def reason(error: Exception) -> str:
    """Return in words why a run failed: what was promised, or where it crashed."""
    if isinstance(error, Wrong):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def sweep(
    jobs: Iterable[Job], executor: Executor, workers: int, run: Callable[[Job], Result] = run_job
) -> Iterator[Result]:
    """Make all runs on `executor`, some ahead, and yield each result as it comes.

    A worker that dies takes the runs that it had along: they are wrong, and say so; the
    executor is then broken, and the runs that were not begun are not made.
    """
    waiting: dict[Future[Result], Job] = {}
    remaining = iter(jobs)
    broken = False
    while True:
        while not broken and len(waiting) < workers + AHEAD:
            job = next(remaining, None)
            if job is None:
                break
            try:
                waiting[executor.submit(run, job)] = job
            except BrokenProcessPool as error:
                broken = True
                yield _died(job, error)
        if not waiting:
            return
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in [future for future in waiting if future in done]:  # in the order in which they were begun
            job = waiting.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool as error:
                broken = True
                yield _died(job, error)


def _died(job: Job, error: Exception) -> Result:
    why = f"the worker died before it had a result: {error}"
    return Result(job.scenario, job.variant, job.seed, job.nodes, job.world, version(), "wrong", why)


class Results:
    """A file of results, to which a sweep appends.  Reading passes over a torn last line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Result]:
        """Return all results, the latest of each key; a line that is none ends nothing."""
        found: dict[object, Result] = {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    result = Result.from_line(line)
                except (ValueError, TypeError):
                    continue  # torn by a crash while it was written: its run is made again
                found[result.key] = result
        return list(found.values())

    def add(self, result: Result) -> None:
        """Append one result; it is on its way to the disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell() and not _ends_line(self.path):
                file.write(b"\n")
            file.write(result.line().encode() + b"\n")

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the runs that have no result yet; those that were broken off count as none."""
        made = {result.key for result in self.read() if not result.why.startswith("the worker died")}
        return [job for job in jobs if job.key not in made]


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
