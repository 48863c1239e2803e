"""A snapshot of a database in a file: written whole or not at all, and locked for one program.

No durable replica: what it gives back counts as written when it is given back.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ...errors import ConfigurationError, GossamerError, UnsendableValue

logger = logging.getLogger("gossamer.compat.share")

_PLAIN = (type(None), bool, int, float, str)


class DatabaseError(GossamerError, RuntimeError):
    """A database, or its store, that is not there, is there already, or is another program's."""


class Store:
    """Values by name, in the file NAME.database.json of a directory: kept in memory, written by `flush` and `close`.

    Values are what JSON can hold: None, bool, int, float, str, lists of these, dicts from str to these.
    """

    def __init__(self, directory: str | os.PathLike[str] = ".") -> None:
        self._directory = Path(directory)
        self._path: Path | None = None
        self._values: dict[str, Any] = {}
        self._revision = 0
        self._lock_file: IO[bytes] | None = None

    # -- lifecycle --------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Return whether there is a store of this name."""
        return self._path_of(name).exists()

    def create(self, name: str) -> None:
        """Make an empty store.  Raises DatabaseError if there is one."""
        if self.exists(name):
            raise DatabaseError(f"there is a store {name!r} in {self._directory} already: open it, or remove it first")
        self._path, self._values, self._revision = self._path_of(name), {}, 0
        self.flush()

    def open(self, name: str) -> None:
        """Load a store.  Raises DatabaseError if there is none, or its file is damaged."""
        path = self._path_of(name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            values, revision = dict(content["values"]), int(content["revision"])
        except FileNotFoundError:
            raise DatabaseError(f"there is no store {name!r} in {self._directory}: create it first") from None
        except (ValueError, TypeError, KeyError) as error:
            raise DatabaseError(f"{path} is no store of a database: {error}") from error
        self._path, self._values, self._revision = path, values, revision

    def close(self) -> None:
        """Write it, and let go of it and of its lock.  Again does nothing."""
        if self._path is not None:
            self.flush()
        self._path = None
        self.unlock()

    def remove(self, name: str) -> None:
        """Delete the store of this name, open or not."""
        path = self._path_of(name)
        path.unlink(missing_ok=True)
        if self._path == path:
            self._path = None

    def flush(self) -> None:
        """Write it now: the file holds the old content or the new, whatever happens meanwhile."""
        path = self._opened()
        content = json.dumps({"revision": self._revision, "values": self._values}, ensure_ascii=False, allow_nan=False)
        handle, temporary = tempfile.mkstemp(prefix=path.name, dir=self._directory)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def revision(self) -> int:
        """Return a number that grows with every write."""
        return self._revision

    # -- one program at a time ----------------------------------------------------------------------

    def lock(self) -> None:
        """Keep other programs from locking it.  Raises DatabaseError if one has: it ends when that program does."""
        path = self._opened().with_suffix(".lock")
        if self._lock_file is None:
            file = open(path, "ab")  # noqa: SIM115
            try:
                _lock(file)
            except OSError:
                file.close()
                raise DatabaseError(f"another program has locked {path}: close the database there first") from None
            self._lock_file = file

    def unlock(self) -> None:
        """Let others lock it.  Again does nothing."""
        if self._lock_file is not None:
            self._lock_file.close()
        self._lock_file = None

    # -- values -----------------------------------------------------------------------------------

    def set(self, key: str, value: Any) -> None:
        """Put a value; it is in the file after the next `flush` or `close`."""
        self._opened()
        check_storable(key, value)
        self._values[key] = value
        self._revision += 1

    def delete(self, key: str) -> None:
        """Delete a key.  Raises KeyError if it is absent."""
        self._opened()
        del self._values[key]
        self._revision += 1

    def take(self, name: str) -> None:
        """Open the store of this name, or a new one, and lock it."""
        if not self.exists(name):
            self.create(name)
        self.open(name)
        self.lock()

    def keep(self, values: Mapping[str, Any], revision: int) -> None:
        """Put other values in the place of all, and write them; what it cannot hold is left out, and logged."""
        kept = {}
        for key, value in values.items():
            try:
                check_storable(key, value)
                kept[key] = value
            except UnsendableValue as error:
                logger.error("the store leaves out what others wrote: %s", error)
        self._values, self._revision = kept, revision
        self.flush()

    def check(self, key: str) -> bool:
        """Return whether a key is there."""
        return key in self._values

    def get(self, key: str) -> Any:
        """Return the value of a key.  Raises KeyError if it is absent."""
        return self._values[key]

    def list(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(tuple(self._values))

    def _opened(self) -> Path:
        if self._path is None:
            raise DatabaseError("no store is open: create or open one first")
        return self._path

    def _path_of(self, name: str) -> Path:
        return self._directory / f"{checked_name(name)}.database.json"


def checked_name(name: str) -> str:
    """Return the name of a database; raise ConfigurationError for what cannot be one."""
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable() or set(name) & set("/\\:\0"):
        raise ConfigurationError(f"a database's name has 1 to 100 characters, none of them / \\ or :, not {name!r}")
    return name


def check_storable(key: str, value: Any) -> None:
    """Raise UnsendableValue for what JSON would not give back as it was."""
    if isinstance(value, list):
        for item in value:
            check_storable(key, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if type(name) is not str:
                raise UnsendableValue(f"a store keeps JSON, whose dicts have names that are str; {key!r} has {name!r}")
            check_storable(key, item)
    elif type(value) not in _PLAIN or value in (float("inf"), float("-inf")) or value != value:
        raise UnsendableValue(
            f"a store keeps JSON, which cannot give back the {type(value).__name__} in {key!r} as it was; "
            "use a database without a store, or write it as a text"
        )


def _lock(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
