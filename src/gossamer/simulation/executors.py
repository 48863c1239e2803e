"""Where runs are made, beside the standard library's pools: here, one by one, or on a lab's machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import ConfigurationError

T = TypeVar("T")


class SerialExecutor(Executor):
    """Calls each function at once, in this process: for debuggers, and where seeded bugs are patched in."""

    ahead = 0
    """It makes no sense to be ahead of what is made at once: a result would wait for the next run."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call `fn` now; its result or error is the future's."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """Give an executor on the dask scheduler at `dask://host:port`, and the number of its workers' threads.

    Raises ConfigurationError if `distributed` is not installed (the extra `dask`), or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError('a dask engine needs the extra: pip install "gossamer[dask]"') from error
    try:
        client = Client(f"tcp://{urlsplit(address).netloc}", timeout=10)
    except OSError as error:
        raise ConfigurationError(f"no dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor(), max(1, sum(client.nthreads().values()))
