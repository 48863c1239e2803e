"""How two programs of one user on one host find each other without any multicast: a file for each.

The file names the program's ports.  It lies in a directory that only the user can enter,
and is no more than a hint: whoever reads it still has to prove membership on the stream.

1. A file is written whole or not at all, and removed by whoever wrote it; if that died,
   by the next reader.
2. A directory that another user owns or can enter is not used, neither to write nor to read.
3. A full or read-only disk costs the hint, nothing else: one line in the log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gossamer.net.transport import Address

logger = logging.getLogger("gossamer.net")

FILE_BYTES_MAX = 1024
FILES_MAX = 4096
BOOT_BYTES = 12


@dataclass(frozen=True, slots=True)
class Hint:
    """Where a program of this user on this host may be reached."""

    boot: bytes
    pid: int
    tag: bytes
    address: str
    stream_port: int
    unicast_port: int
    pid_namespace: int = 0
    """In which namespace `pid` counts: that of a container with our directory says nothing here."""

    @property
    def stream_address(self) -> Address:
        """Where it accepts streams."""
        return self.address, self.stream_port

    @property
    def unicast_address(self) -> Address:
        """Where datagrams reach it alone."""
        return self.address, self.unicast_port


class Announcement:
    """A hint on disk, for as long as this is open.  Made by `announce`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._pid = os.getpid()

    @property
    def path(self) -> Path | None:
        """The file, None if none could be written."""
        return self._path

    def close(self) -> None:
        """Remove the file.  Again, or in a forked child, does nothing."""
        if self._path is not None and self._pid == os.getpid():
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None


def announce(*, boot: bytes, tag: bytes, address: str, stream_port: int, unicast_port: int) -> Announcement:
    """Write down where this process is reached; never raises for what a disk may do."""
    hint = Hint(boot, os.getpid(), tag, address, stream_port, unicast_port, _pid_namespace())
    complaints = []
    for directory in _directories():
        try:
            _make_private(directory)
            return Announcement(_write_whole(directory / f"{boot.hex()}.json", _encoded(hint)))
        except OSError as error:
            complaints.append(f"{directory}: {error.strerror or error}")
    logger.warning(
        "other programs of this host find this one by multicast only, for no file could be written (%s); "
        "GOSSAMER_RUNTIME_DIR may name a directory of yours with mode 0700",
        "; ".join(complaints),
    )
    return Announcement(None)


def neighbours(tag: bytes, *, own_boot: bytes) -> list[Hint]:
    """Return the other live programs of this user and host in the mesh of this tag.

    Reads at most `FILES_MAX` small files.  What is garbage, foreign or cut short is passed
    over; files of dead processes are removed.
    """
    return [
        hint
        for directory in _directories()
        for path in _files(directory)
        if (hint := _read(path)) is not None and hint.tag == tag and hint.boot != own_boot and _is_alive(hint, path)
    ]


def _directories() -> list[Path]:
    """Return where hints may be, best first: a login session has a place for such files, a cron job has none."""
    named = os.environ.get("GOSSAMER_RUNTIME_DIR")
    if named:
        return [Path(named)]
    session = os.environ.get("XDG_RUNTIME_DIR")
    common = Path(tempfile.gettempdir(), f"gossamer-{_user()}")
    return [Path(session, "gossamer"), common] if session and os.path.isabs(session) else [common]


def _user() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else os.environ.get("USERNAME", "user")


def _make_private(directory: Path) -> None:
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    if not _is_private(directory):
        raise PermissionError("it exists, and is not a directory that only this user can enter")


def _is_private(directory: Path) -> bool:
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        return False
    return os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)


def _encoded(hint: Hint) -> bytes:
    fields = {
        "pid": hint.pid,
        "tag": hint.tag.hex(),
        "address": hint.address,
        "stream_port": hint.stream_port,
        "unicast_port": hint.unicast_port,
        "pid_namespace": hint.pid_namespace,
    }
    return json.dumps(fields).encode()


def _write_whole(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return path


def _files(directory: Path) -> Iterator[Path]:
    try:
        if _is_private(directory):
            with os.scandir(directory) as entries:
                yield from [Path(entry.path) for entry in islice(entries, FILES_MAX) if entry.name.endswith(".json")]
    except OSError:
        return  # it is not there, so nobody is


def _read(path: Path) -> Hint | None:
    """Return what the file says, None if it is not one of ours or says nothing sensible."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or (os.name != "nt" and found.st_uid != os.geteuid()):
                return None
            content = file.read(FILE_BYTES_MAX + 1)
        return _decoded(path.stem, content) if len(content) <= FILE_BYTES_MAX else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _decoded(name: str, content: bytes) -> Hint | None:
    fields = json.loads(content)
    boot, tag = bytes.fromhex(name), bytes.fromhex(fields["tag"])
    pid, namespace = _number(fields["pid"], 1 << 31), _number(fields["pid_namespace"], 1 << 64)
    stream_port, unicast_port = _number(fields["stream_port"], 65536), _number(fields["unicast_port"], 65536)
    address = socket.inet_ntoa(socket.inet_pton(socket.AF_INET, fields["address"]))
    if len(boot) != BOOT_BYTES or not pid or not stream_port:
        return None
    return Hint(boot, pid, tag, address, stream_port, unicast_port, namespace)


def _number(field: object, end: int) -> int:
    if type(field) is not int or not 0 <= field < end:
        raise ValueError(f"{field!r} is no number from 0 to {end - 1}")
    return field


def _is_alive(hint: Hint, path: Path) -> bool:
    """Return whether the writer lives, as far as can be told; remove the file of one that does not."""
    if os.name == "nt" or hint.pid_namespace != _pid_namespace():
        return True  # on Windows, to ask after a process this way is to end it
    try:
        os.kill(hint.pid, 0)
    except ProcessLookupError:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    except OSError:
        return False  # the number belongs to another user's process by now
    return True


def _pid_namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
