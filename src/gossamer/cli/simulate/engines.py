"""Where the runs are made, and how they are shown while they are."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..output import Output
from ..verb import Exit, Stop

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ...simulation.result import Result


@contextmanager
def executor_for(arguments: Namespace, *, serial: bool) -> Iterator[tuple[Executor, int]]:
    """Give an executor and the number of its workers."""
    from concurrent.futures import ProcessPoolExecutor

    from ...simulation.executors import SerialExecutor, dask_executor

    engine, jobs = arguments.engine, arguments.jobs or os.cpu_count() or 1
    if serial or engine == "serial" or (engine == "processes" and jobs == 1):
        yield SerialExecutor(), 1
    elif engine == "processes":
        from multiprocessing import get_context

        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
        try:
            yield pool, jobs
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    elif engine.startswith("dask://"):
        with dask_executor(engine) as (executor, workers):
            yield executor, workers
    else:
        raise Stop(Exit.USAGE, f"{engine!r} is no engine: give processes, serial or dask://host:port")


def shown(results: Iterator[Result], total: int | None, output: Output) -> Iterator[Result]:
    """Pass results on, with a progress bar where people look."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        yield from results
        return
    if output.as_json or not sys.stderr.isatty() or shutil.get_terminal_size().columns < 40:
        yield from results
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("runs", total=total)
        for result in results:
            progress.advance(task)
            yield result
