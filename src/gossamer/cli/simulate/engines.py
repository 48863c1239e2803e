"""Where the runs are made, and how they are shown while they are."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING

from ..output import Output
from ..verb import Exit, Stop

if TYPE_CHECKING:
    from ...simulation.result import Result
    from ...simulation.runner import Job


def results_of(jobs: Iterable[Job], arguments: Namespace, *, serial: bool = False) -> Iterator[Result]:
    """Make these runs on the engine that was asked for, and yield their results as they come."""
    from ...simulation.executors import SerialExecutor, dask_executor
    from ...simulation.runner import sweep

    engine, workers = arguments.engine, arguments.jobs or os.cpu_count() or 1
    if serial or engine == "serial" or (engine == "processes" and workers == 1):
        yield from sweep(jobs, SerialExecutor(), 1)
    elif engine == "processes":
        pools = [_pool(workers)]

        def anew() -> Executor:
            pools[-1].shutdown(wait=True)
            pools.append(_pool(workers))
            return pools[-1]

        try:
            yield from sweep(jobs, pools[0], workers, anew=anew)
        finally:
            pools[-1].shutdown(wait=True, cancel_futures=True)
    elif engine.startswith("dask://"):
        with dask_executor(engine) as (executor, threads):
            yield from sweep(jobs, executor, threads)
    else:
        raise Stop(Exit.USAGE, f"{engine!r} is no engine: give processes, serial or dask://host:port")


class _Worker(SpawnProcess):
    """A process that ends without a word at Ctrl-C, which a terminal tells to all, also while it is starting.

    It ends with its parent too, whatever that dies of: else it would wait for work for ever.
    """

    def start(self) -> None:
        if sys.platform == "win32":
            super().start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is started inherits it
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().run()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _Workers(SpawnContext):
    Process = _Worker


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=_Workers())


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
