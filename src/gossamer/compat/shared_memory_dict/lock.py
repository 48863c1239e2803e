"""The lock that the older library put around its writes, for programs that import it.

Ours need none.  As ever it is between this process and its forked children, now whatever
SHARED_MEMORY_USE_LOCK says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from multiprocessing import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_lock = Lock()


def lock(func: Callable[P, T]) -> Callable[P, T]:
    """Let one process at a time call `func`.  Of a generator function, it does not cover what the generator does."""

    @wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with _lock:
            return func(*args, **kwargs)

    return wrapper


__all__ = ["Lock", "lock"]
