"""The host key: 32 random bytes in a file that only this user of this host can read.

A mesh without a secret is sealed by it, and so is a mesh of this host and this user.

1. Whoever asks first makes it; whoever asks at the same time gets the same.
2. The file is whole or absent: it is written aside, synced, and only then linked to its name.
3. A file that anybody else could have read or written is refused, not repaired: it may be known already.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gossamer.errors import SecretError

KEY_BYTES = 32
FILE_NAME = "host.key"

# What a system lacks is left out: Windows has none of these but O_BINARY, and its profile directories are private.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ |= getattr(os, "O_NONBLOCK", 0)  # a pipe in the file's place must not make us wait
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def host_key(directory: Path | None = None) -> bytes:
    """Return this user's key on this host, made now if there is none yet.

    It is kept in `directory`, by default `state_directory(os.environ)`.  Raises `SecretError` where
    the file is not private, not whole, or cannot be made.
    """
    directory = directory or state_directory(os.environ)
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_directory(directory)
        if (key := _read(path)) is None:
            _create(path)
            key = _read(path)
    except OSError as error:
        raise SecretError(
            f"The host key {path} can be neither read nor made ({error.strerror or error}).  Set GOSSAMER_STATE_DIR to "
            "a directory of your own, on a local disk that can be written, or pass secret=..."
        ) from error
    if key is None:
        raise SecretError(f"The host key {path} vanished as soon as it was made.  Find out what clears {directory}.")
    return key


def state_directory(environment: Mapping[str, str]) -> Path:
    """Return where this user's state is kept: the first of these that there is.

    GOSSAMER_STATE_DIR; XDG_STATE_HOME/gossamer; the system's place for such things in the home
    directory, if that is this user's (under sudo it may not be); else, as for some services,
    a directory of this user under the temporary one.
    """
    if chosen := environment.get("GOSSAMER_STATE_DIR"):
        return Path(chosen).absolute()
    if os.path.isabs(state_home := environment.get("XDG_STATE_HOME", "")):  # relative ones are invalid, says XDG
        return Path(state_home, "gossamer")
    if sys.platform == "win32":
        home, below = environment.get("LOCALAPPDATA", ""), "gossamer"
    elif sys.platform == "darwin":
        home, below = environment.get("HOME", ""), "Library/Application Support/gossamer"
    else:
        home, below = environment.get("HOME", ""), ".local/state/gossamer"
    if os.path.isdir(home) and not _is_of_another(os.stat(home)):
        return Path(home, below)
    if sys.platform == "win32":
        return Path(tempfile.gettempdir(), "gossamer")
    return Path(tempfile.gettempdir(), f"gossamer-{os.geteuid()}")


def _is_of_another(status: os.stat_result) -> bool:
    """Return whether a file or directory belongs to another user; Windows tells by other means, and keeps them out."""
    return sys.platform != "win32" and status.st_uid != os.geteuid()


def _is_open_to_others(status: os.stat_result, mode_bits: int) -> bool:
    return sys.platform != "win32" and bool(status.st_mode & mode_bits)


def _check_directory(directory: Path) -> None:
    """Refuse a directory in which others could put a key of their own."""
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise SecretError(f"{directory} is a link, not a directory.  Set GOSSAMER_STATE_DIR to the directory itself.")
    if _is_of_another(status):
        raise SecretError(
            f"{directory} belongs to user {status.st_uid}, who could give you a key of their own.  Remove it, or set "
            "GOSSAMER_STATE_DIR to a directory of yours."
        )
    if _is_open_to_others(status, 0o022):
        raise SecretError(
            f"Others can write to {directory}, and could give you a key of their own.  Run: chmod 700 {directory}"
        )


def _read(path: Path) -> bytes | None:
    """Return the key in the file, None if there is no file; refuse one that is not private or not whole."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        _check_file(path, os.fstat(descriptor))
        key = os.read(descriptor, KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != KEY_BYTES:
        raise SecretError(
            f"The host key {path} is damaged: it is not {KEY_BYTES} bytes.  Delete it; a new one is made."
        )
    return key


def _check_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"The host key {path} is no ordinary file.  Delete it; a new one is made.")
    if _is_of_another(status):
        raise SecretError(f"The host key {path} belongs to user {status.st_uid}.  Delete it; a new one is made.")
    if _is_open_to_others(status, 0o077):
        raise SecretError(
            f"The host key {path} could be read by others (mode {stat.S_IMODE(status.st_mode):04o}), so it is no "
            "secret.  Delete it; a new one is made."
        )


def _create(path: Path) -> None:
    """Make the key, unless another process makes it first."""
    aside = path.with_name(f"{FILE_NAME}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(aside, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)  # fails where the name is taken, which a rename would not
        except FileExistsError:
            return
    finally:
        os.unlink(aside)
