"""Who of a host publishes, and who would next: locks that the kernel gives back, however their holder ends.

A POSIX lock is a process's own: neither a forked child nor a program started from here
keeps it when this one dies.  But the process may take it twice, and loses it when it closes
any descriptor of the file; so a process opens each file once, and what it holds is written
down here.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Final

from .files import NO_FOLLOW

PUBLISHING: Final = 0
"""The byte of the file that whoever publishes has locked."""
FOLLOWING: Final = 1
"""The byte that those who would publish next have locked, all of them."""


BARRED_S: Final = 0.001
"""While whoever publishes is ending as the last, who comes looks again so often."""


class _LockFile:
    """The file, while this process holds anything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
        self.publishing = False
        self.followers = 0
        self.is_barred = False
        """Whether this process is ending as the last one, so that nobody may follow it."""

    def lock(self, how: int, byte: int) -> bool:
        """Lock or unlock a byte; return whether that was possible."""
        try:
            fcntl.lockf(self.fd, how, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def is_current(self) -> bool:
        """Return whether this is the file that others open: the last one who ends removes it."""
        try:
            return os.path.samestat(os.fstat(self.fd), os.stat(self.path, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def close_if_unused(self) -> None:
        """Let go of the file, and of all locks in it, unless this process holds one."""
        if not self.publishing and not self.followers:
            del _files[self.path]
            os.close(self.fd)


_files: dict[Path, _LockFile] = {}
_guard = threading.Lock()


def _opened(path: Path) -> _LockFile:
    file = _files.get(path)
    if file is None:
        file = _files[path] = _LockFile(path)
    return file


def _forget_in_child() -> None:
    """A forked child has none of the locks."""
    global _guard
    _guard = threading.Lock()
    while _files:
        os.close(_files.popitem()[1].fd)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class HostLock:
    """The lock of whoever publishes, held until `close`.  Thread-safe."""

    def __init__(self, file: _LockFile) -> None:
        self._file = file
        self._pid = os.getpid()

    @classmethod
    def taken(cls, path: Path) -> HostLock | None:
        """Take the lock at `path`; return None if another holds it, in this process or in another."""
        while True:
            with _guard:
                file = _opened(path)
                if file.publishing or not file.lock(fcntl.LOCK_EX | fcntl.LOCK_NB, PUBLISHING):
                    file.close_if_unused()
                    return None
                if file.is_current():
                    file.publishing = True
                    return cls(file)
                file.close_if_unused()

    @staticmethod
    def is_free(path: Path) -> bool:
        """Return whether nobody, neither another process nor this one, holds the lock at `path` just now."""
        lock = HostLock.taken(path)
        if lock is None:
            return False
        lock.close()
        return True

    def is_last(self) -> bool:
        """Return whether nobody would publish next; if so, nobody can say so any more until this is closed."""
        with _guard:
            file = self._file
            file.is_barred = not file.followers and file.lock(fcntl.LOCK_EX | fcntl.LOCK_NB, FOLLOWING)
            return file.is_barred

    def close(self) -> None:
        """Give it back; after `is_last`, remove its file.  In a forked child, which has not got it, do nothing."""
        if self._pid != os.getpid():
            return
        with _guard:
            file = self._file
            if file.is_barred:
                file.path.unlink(missing_ok=True)
            file.lock(fcntl.LOCK_UN, PUBLISHING)
            file.publishing = file.is_barred = False
            file.close_if_unused()


class Following:
    """Says that this process would publish next, until `close`.  Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._pid = os.getpid()
        self._is_open = True
        while not (file := self._registered(path)):
            time.sleep(BARRED_S)
        self._file = file

    @staticmethod
    def _registered(path: Path) -> _LockFile | None:
        with _guard:
            file = _opened(path)
            if file.is_barred:
                return None
            if file.lock(fcntl.LOCK_SH | fcntl.LOCK_NB, FOLLOWING) and file.is_current():
                file.followers += 1
                return file
            file.close_if_unused()
            return None

    def close(self) -> None:
        """Say so no more.  Again, or in a forked child, do nothing."""
        if self._pid != os.getpid() or not self._is_open:
            return
        self._is_open = False
        with _guard:
            self._file.followers -= 1
            if not self._file.followers:
                self._file.lock(fcntl.LOCK_UN, FOLLOWING)
            self._file.close_if_unused()
