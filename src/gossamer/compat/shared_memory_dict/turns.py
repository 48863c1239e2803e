"""Writers of one host take turns: a lock that works between unrelated processes, and that no dead one keeps.

The turn covers a look and one write, well below a millisecond.  Readers take none.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...errors import MeshTimeout

PATIENCE_S: Final = 20.0
"""Above all that a write may take; whoever holds the turn for longer has been stopped."""
LOOK_AGAIN_S: Final = 50e-6, 1e-3
"""Between two tries, at first and at most."""


class Turn:
    """One writer at a time, of all threads and processes that use the file at `path`.

    A POSIX lock belongs to a process, so a forked child never has its parent's; it is lost when any
    descriptor of the file is closed, so a process makes one `Turn` for a path and keeps it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._threads = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it.  Raises `MeshTimeout` if another had it for `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        if not self._threads.acquire(timeout=PATIENCE_S):
            raise MeshTimeout(f"another thread has been writing for {PATIENCE_S:g} s, or this one is already")
        try:
            fd = self._await_others(deadline)
            try:
                yield
            finally:
                fcntl.lockf(fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _await_others(self, deadline: float) -> int:
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        pause_s, most_s = LOOK_AGAIN_S
        while True:
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                if time.monotonic() >= deadline:
                    raise MeshTimeout(
                        f"another process has been writing for {PATIENCE_S:g} s: it was stopped in the midst of it; "
                        "let it go on, or end it"
                    ) from None
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, most_s)
            else:
                return self._fd

    def forget_threads(self) -> None:
        """In a forked child: whichever thread of the parent had the turn is not here."""
        self._threads = threading.Lock()
