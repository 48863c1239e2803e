"""Runs scenarios and swarm schedules by the thousand, on any executor, and keeps what came of them.

A job names one run (scenario, variant, nodes, seed, world) and can travel to another
process or machine; its result is a line of JSON, keyed, so that a sweep that was
interrupted goes on where it stopped and files of several machines are merged by `cat`.
"""

from __future__ import annotations

import shlex
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GossamerError
from .catalogue import find
from .oracle import Wrong
from .player import play
from .result import Outcome, Result
from .scenario import NoSuchFault, Scenario
from .simulation import Simulation
from .swarm import schedule_of
from .version import version

SWARM = "swarm"
"""The name under which schedules of the swarm stand among scenarios."""
DIED = "the worker died before it had a result"
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
    version: str = field(default_factory=version)
    """Which Gossamer is to make it: a worker of another refuses."""

    @property
    def key(self) -> tuple[str, str, int, int, str, str]:
        """That of its result."""
        return self.scenario, self.variant, self.seed, self.nodes, self.world, self.version

    @property
    def replay(self) -> str:
        """The command that makes this run again."""
        words = ["gossamer", "simulate", "replay", str(self.seed)]
        if self.scenario != SWARM:
            words += [self.scenario, *(["--variant", self.variant] if self.variant else []), "--nodes", str(self.nodes)]
        words += ["--world", self.world] if self.world != "simulated" else []
        words += ["--folder", self.folder] if self.folder else []
        return shlex.join(words)

    def result(self, outcome: Outcome, why: str = "", **more: Any) -> Result:
        """Return a result of this run."""
        return Result(*self.key, outcome, why, **more)


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


def run_job(job: Job, world: Simulation | None = None) -> Result:
    """Make one run, in `world` if that is given; whatever goes wrong is its result.  In the process of the caller."""
    began = time.process_time()
    if job.version != version():
        return job.result("skipped", f"this worker is of version {version()}, not {job.version}: install the same")
    if job.scenario == SWARM:
        try:
            return play(schedule_of(job.seed), version=job.version)
        except Exception as error:
            return job.result("wrong", reason(error), cpu_s=time.process_time() - began)
    try:
        one = find(job.scenario, Path(job.folder) if job.folder else None)
        if job.world not in one.worlds:
            return job.result("skipped", f"{one.name} can only be told in a {' or '.join(one.worlds)} world")
        if job.world == "real":
            return _play_really(job, one)
    except (GossamerError, OSError) as error:
        return job.result("wrong", reason(error))
    world = Simulation(job.seed, size=job.nodes) if world is None else world
    outcome, why = _told(one, job, world)
    return job.result(
        outcome,
        why,
        figures=dict(world.figures),
        journal=world.journal.hash,
        events=world.journal.events,
        simulated_s=world.now,
        cpu_s=time.process_time() - began,
    )


def _play_really(job: Job, one: Scenario) -> Result:
    from .rig import Rig, available

    if available():
        return job.result("skipped", available())
    with Rig(job.seed, size=job.nodes) as world:
        outcome, why = _told(one, job, world)
        return job.result(outcome, why, figures=dict(world.figures), events=len(world.said))


def _told(one: Scenario, job: Job, world: Any) -> tuple[Outcome, str]:
    """Tell a story to a world; return how it ended."""
    try:
        one.play(world, **one.variants[job.variant])
    except NoSuchFault as error:
        return "skipped", str(error)
    except Exception as error:
        return "wrong", reason(error)
    return "held", ""


def reason(error: Exception) -> str:
    """Return in words why a run failed: what was promised, or where it crashed."""
    if isinstance(error, Wrong):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def sweep(
    jobs: Iterable[Job],
    executor: Executor,
    workers: int,
    run: Callable[[Job], Result] = run_job,
    anew: Callable[[], Executor] | None = None,
) -> Iterator[Result]:
    """Make all runs on `executor`, some ahead, and yield each result as it comes.

    A worker that dies breaks a pool.  With `anew`, which gives another, the runs that were
    under way are made again one at a time, so that the one that kills is found and named, and
    the sweep goes on.  Without, it ends there.
    """
    waiting: dict[Future[Result], Job] = {}
    suspects: deque[Job] = deque()
    remaining = iter(jobs)
    ahead = getattr(executor, "ahead", AHEAD)
    alone = False
    while True:
        while len(waiting) < (1 if suspects or alone else workers + ahead):
            alone = bool(suspects)
            job = suspects.popleft() if suspects else next(remaining, None)
            if job is None:
                break
            waiting[executor.submit(run, job)] = job
        if not waiting:
            return
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        under_way: list[Job] = []
        for future in [future for future in waiting if future in done]:  # in the order in which they were begun
            job = waiting.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                under_way.append(job)
            except Exception as error:  # of the executor: what a run raises is its result
                yield job.result("wrong", f"{DIED}: {type(error).__name__}: {error}")
        if not under_way:
            continue
        under_way += waiting.values()
        waiting.clear()
        alone = False
        if len(under_way) == 1 or anew is None:
            yield from (job.result("wrong", DIED) for job in under_way)
        else:
            suspects.extend(under_way)
        if anew is None:
            return
        executor = anew()


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
                if not (result.why.startswith(DIED) and result.key in found):  # what is known is not forgotten for it
                    found[result.key] = result
        return list(found.values())

    def add(self, result: Result) -> None:
        """Append one result.  A process that dies loses none; a computer, the last few, whose runs are made again."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell() and not _ends_line(self.path):
                file.write(b"\n")
            file.write(result.line().encode() + b"\n")

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the runs that have no result yet; those that were broken off count as none."""
        made = {result.key for result in self.read() if not result.why.startswith(DIED)}
        return [job for job in jobs if job.key not in made]


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
