"""The memory behind a name: a mesh that all processes of the host are one peer of, and how full it is.

Beside the items the mesh holds one more, which no dict shows: how many bytes they may count, as
whoever made the memory said, and how many they do.  It is written in one batch with what changes
it, by one writer of the host at a time, so it is right whoever is killed when.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import gossamer

from ...contrib.host_arguments import NAMES
from ...contrib.sealed_pickle import PickleSeal
from ...errors import ConfigurationError, UnsendableValue
from .entries import Entries
from .templates import MEMORY_NAME
from .turns import Turn

HEAD: Final = (None, "shared_memory_dict")
"""The key of (size, used), both in bytes."""
TIMEOUT_S: Final = 10.0
"""How long a write waits for a process that has just taken over: longer than a server takes to start its workers."""

_configured: dict[str, Any] = {}
_blocks: dict[str, Block] = {}
_lock = threading.Lock()


def configure(**arguments: Any) -> None:
    """Choose how this program takes part in memories that it opens from now on; without arguments, as by default.

    They are those of `gossamer.host`: secret, peers, interfaces, port, insecure_lan, options, nickname, timeout;
    what is not given is taken from GOSSAMER_* and gossamer.toml, as everywhere.  Raises ConfigurationError.
    """
    unknown = sorted(set(arguments) - NAMES)
    if unknown:
        raise ConfigurationError(f"configure() does not know {', '.join(unknown)}; it takes {', '.join(sorted(NAMES))}")
    _configured.clear()
    _configured.update(arguments)


def block_of(name: str) -> Block:
    """Return the memory `name`, the same object in all of this process.  Nothing is opened before it is used."""
    full = MEMORY_NAME.format(name=name)
    with _lock:
        if full not in _blocks:
            _blocks[full] = Block(full)
        return _blocks[full]


class Block:
    """One memory, as this process has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._opening = threading.Lock()
        self._hosted: gossamer.Hosted | None = None
        self._turn: Turn | None = None
        self._seal: PickleSeal | None = None

    @property
    def cache(self) -> gossamer.Hosted:
        """The mesh.  The first use takes part in it, for as long as this process lives, or until `unlink`."""
        hosted = self._hosted
        return self._opened() if hosted is None else hosted

    def _opened(self) -> gossamer.Hosted:
        with self._opening:
            if self._hosted is None:
                hosted = gossamer.host(self.name, **({"timeout": TIMEOUT_S} | _configured))
                if self._turn is None:  # beside the files that those who share this mesh meet at
                    self._turn = Turn(Path(hosted._socket_path).with_suffix(".turn"))
                self._seal = None
                self._hosted = hosted
            return self._hosted

    def seal(self) -> PickleSeal:
        """Return what pickles in this memory are sealed with."""
        if self._seal is None:
            self._seal = PickleSeal(self.cache.derived_key("gossamer.compat.shared_memory_dict"))
        return self._seal

    @property
    def size(self) -> int | None:
        """How many bytes the items may count, None if nobody has made this memory."""
        head = self.cache.get(HEAD)
        return None if head is None else head[0]

    def make(self, size: int, fixed_bytes: int = 0, *, anew: bool = False) -> None:
        """Make the memory if it is not there.

        Raises `FileExistsError` if it is and must not be, and ValueError for a size that is not above 0.
        """
        with self._at_turn() as cache:
            if HEAD not in cache:
                if not size > 0:
                    raise ValueError("'size' must be a positive number different from zero")
                cache[HEAD] = (int(size), fixed_bytes)
            elif anew:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), f"/{self.name}")

    def unlink(self) -> None:
        """Remove all that is in it, for every process, and take part no more.  Raises `FileNotFoundError`."""
        with self._at_turn() as cache:
            if HEAD not in cache:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"/{self.name}")
            cache.clear()
        self.leave()

    def leave(self) -> None:
        """Take part no more; the next use does again."""
        with self._opening:
            hosted, self._hosted = self._hosted, None
        if hosted is not None:
            hosted.close()

    # -- writing ----------------------------------------------------------------------------------

    @contextmanager
    def _at_turn(self) -> Iterator[gossamer.Hosted]:
        cache = self.cache
        assert self._turn is not None
        with self._turn.taken():
            yield cache

    @contextmanager
    def writing(self, entries: Entries, size: int) -> Iterator[Writing]:
        """Write at our turn, all or nothing.  Raises ValueError, and changes nothing, if it would not fit."""
        with self._at_turn() as cache:
            before = cache.get(HEAD) or (size, entries.fixed_bytes)  # unlinked meanwhile: begin anew
            with cache.batch():
                writing = Writing(cache, entries)
                yield writing
                used = self._used(cache, entries, before, writing.grown_bytes)
                cache[HEAD] = (before[0], used)

    def _used(self, cache: gossamer.Hosted, entries: Entries, before: tuple[int, int], grown: int) -> int:
        size, used = before[0], before[1] or entries.fixed_bytes  # 0: whoever made it knew of no serializer
        if grown > 0 and used + grown > size:  # count: what was not written by these classes was not counted
            used = entries.fixed_bytes + sum(entries.cost(*item) for item in cache.read().items() if item[0] != HEAD)
            if used + grown > size:
                raise ValueError(
                    f"exceeds available storage: {used + grown} bytes, and {self.name!r} was made with size={size}"
                )
        return used + grown

    def clear(self, entries: Entries, size: int) -> None:
        """Remove all items, for every process."""
        with self._at_turn() as cache:
            head = (cache.get(HEAD) or (size,))[0], entries.fixed_bytes
            cache.clear()
            cache[HEAD] = head

    def move_to_end(self, key: Any) -> None:
        """Let `key` come last.  For a moment it is not there.  Raises KeyError."""
        with self._at_turn() as cache:
            cache[key] = cache.pop(key)

    def forked(self) -> None:
        """In the child, no thread of the parent holds anything."""
        self._opening = threading.Lock()
        if self._turn is not None:
            self._turn.forget_threads()


class Writing:
    """What is written in one turn."""

    def __init__(self, cache: gossamer.Hosted, entries: Entries) -> None:
        self._cache = cache
        self._entries = entries
        self.grown_bytes = 0

    def put(self, key: Any, value: Any) -> None:
        """Store what `Entries.item` returned.  Raises `InvalidKey`, `SerializationError`."""
        if key == HEAD:
            raise gossamer.InvalidKey(f"the key {HEAD!r} is kept for the memory's size; take another")
        replaced = self._cache.get(key, _ABSENT)
        try:
            self._cache[key] = value
        except UnsendableValue as error:
            self._cache[key] = self._entries.instead(key, value, error)
        self.grown_bytes += self._entries.cost(key, self._cache[key])  # as everybody will read it
        if replaced is not _ABSENT:
            self.grown_bytes -= self._entries.cost(key, replaced)

    def remove(self, key: Any) -> Any:
        """Remove `key`; return what was stored.  Raises KeyError."""
        if key == HEAD:
            raise KeyError(key)
        stored = self._cache.pop(key)
        self.grown_bytes -= self._entries.cost(key, stored)
        return stored


_ABSENT: Final = object()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for block in _blocks.values():
        block.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
