"""Unix sockets by a path of any length, which only this user reaches, for they lie in a directory of theirs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH_BYTES_MAX = 100
"""What every system takes as the path of a socket."""


def connected(path: Path, timeout_s: float) -> socket.socket:
    """Return a stream to whoever listens there.  Raises `OSError` if nobody does."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        with _short(path) as short:
            sock.connect(short)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen at `path`, where nobody else does; what a dead process left there is removed."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with _short(path) as short:
            sock.bind(short)
        os.chmod(path, 0o600)
        sock.listen(128)
        sock.setblocking(False)
        yield sock
    finally:
        sock.close()
        path.unlink(missing_ok=True)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name for `path` that is short enough for a socket: by way of its open directory if need be."""
    text = str(path)
    if len(os.fsencode(text)) <= PATH_BYTES_MAX or not os.path.isdir("/proc/self/fd"):
        yield text
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
