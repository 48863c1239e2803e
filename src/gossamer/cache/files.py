"""Files that processes of one user map: made whole under a name, never cut short, refused if others could write them.

Shared memory has no owner's check of its own, so the files lie in a directory that only the
user can enter, and whoever opens one looks at whose it is.  Space is reserved before it is
touched: on a full disk a write to a mapping is no error that Python could catch, but SIGBUS.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import ConfigurationError

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def make_private(directory: Path) -> None:
    """Make `directory` if need be.  Raises `ConfigurationError` unless only this user can enter it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(directory)
    private = os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
    if not stat.S_ISDIR(found.st_mode) or not private:
        raise ConfigurationError(
            f"{directory} is not a directory that only this user can enter, so nothing is shared there; "
            "remove it, or let GOSSAMER_RUNTIME_DIR name another with mode 0700"
        )


def create(path: Path, size_bytes: int) -> int:
    """Make a file of this size that nobody else can read, and return it open.  No space is reserved yet."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW, 0o600)
    try:
        os.ftruncate(fd, size_bytes)
    except BaseException:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return fd


def reserve(fd: int, start: int, size_bytes: int) -> None:
    """Make sure that these bytes can be written.  Raises `OSError` (ENOSPC) if there is no room for them."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, start, size_bytes)
    else:  # macOS: to write it is to reserve it
        os.pwrite(fd, bytes(size_bytes), start)


def open_private(path: Path, flags: int) -> tuple[int, int]:
    """Open a file of ours; return it and its size.  Raises `FileNotFoundError`, or `PermissionError`: not ours."""
    fd = os.open(path, flags | NO_FOLLOW)
    found = os.fstat(fd)
    ours = os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
    if not stat.S_ISREG(found.st_mode) or not ours:
        os.close(fd)
        raise PermissionError(f"{path} is not a file that only this user can write")
    return fd, found.st_size
