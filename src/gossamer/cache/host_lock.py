"""Who of a host publishes: whoever holds a lock that the kernel gives back, however its holder ends.

A POSIX lock is a process's own: neither a forked child nor a program started from here
keeps it when this one dies.  But the process may take it twice, and loses it when it closes
any descriptor of the file; so what it holds is written down here.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from .files import NO_FOLLOW

_held: set[Path] = set()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held.clear)


class HostLock:
    """The lock, held until `close`."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._pid = os.getpid()

    @classmethod
    def taken(cls, path: Path) -> HostLock | None:
        """Take the lock at `path`; return None if another holds it, in this process or in another."""
        if path in _held:
            return None
        fd = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(fd)
            return None
        _held.add(path)
        return cls(path, fd)

    @staticmethod
    def is_free(path: Path) -> bool:
        """Return whether nobody, neither another process nor this one, holds the lock at `path` just now."""
        lock = HostLock.taken(path)
        if lock is None:
            return False
        lock.close()
        return True

    def close(self) -> None:
        """Give it back.  In a forked child, which has not got it, it stays where it is."""
        if self._pid == os.getpid():
            _held.discard(self._path)
        os.close(self._fd)
