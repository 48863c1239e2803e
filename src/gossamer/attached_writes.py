"""How an attached process writes: it asks the process that publishes, and goes on once that has published it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from .cache.link import Link
from .cache.requests import Verb
from .errors import ConfigurationError, MeshClosed
from .views.dict_like import DictLike
from .wire.keys import checked_key
from .wire.values import decode_value, encode_value

Row = tuple[bytes | None, float | None, bool]
"""What is to be written under a key: the encoded value or None, seconds to live or None, whether by force."""
Lifetime = float | None | Literal["keep"]
"""Seconds to live; None: for ever; "keep": as long as what is there would have."""


_ANYTHING: Any = object()


class CacheWrites(DictLike[Any]):
    """The writing half of a `Cache`."""

    name: str

    def __init__(self, link: Link) -> None:
        self._link = link
        self._batches: dict[int, dict[Any, Row]] = {}
        """Thread -> what it has collected in its batch."""
        self._closed = False

    def __setitem__(self, key: Any, value: Any) -> None:
        self._write(checked_key(key), (encode_value(value), None, False))

    def set(self, key: Any, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value`, as `cache[key] = value` does; with `ttl`, it ceases to be seen after so many seconds."""
        self._write(checked_key(key), (encode_value(value), _checked_ttl(ttl), force))

    def _write(self, key: Any, row: Row) -> None:
        batch = self._batch()
        if batch is not None:
            batch[key] = row
            return
        self._ask(Verb.WRITE, ((key, *row),))

    def __delitem__(self, key: Any) -> None:
        self._pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value, or `default`.  Of several processes, one gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        try:
            return self._pop(key)
        except KeyError:
            if default:
                return default[0]
            raise

    def _pop(self, key: Any) -> Any:
        found = self[key]
        checked = checked_key(key)
        if self._batch() is not None:
            self._write(checked, (None, None, False))
            return found
        done, data = self._ask(Verb.SWAP, checked, True, None, None)
        if not done:
            raise KeyError(key)
        return decode_value(data)

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) that was first seen last."""
        for key in reversed(self):
            with suppress(KeyError):  # another process was faster
                return key, self._pop(key)
        raise KeyError("popitem(): the mesh is empty")

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`; put `default` there if there is none.  Of several processes, one does."""
        with suppress(KeyError):
            return self[key]
        checked, data = checked_key(key), encode_value(default)
        if self._batch() is not None:
            self._write(checked, (data, None, False))
            return decode_value(data)
        done, seen = self._ask(Verb.SWAP, checked, None, data, None)
        return decode_value(data if done else seen)

    # -- all or nothing, by what is there ---------------------------------------------------------

    def insert(self, key: Any, value: Any, *, ttl: float | None = None) -> bool:
        """Put `value` if nothing is seen under `key`; return whether it was put.  Of several processes, one does.

        Processes of other hosts do not wait for each other: of two that insert at one time, both do, and the
        later write is kept.  So it is for `replace`, `touch` and `discard`.
        """
        return self._swap(key, None, encode_value(value), _checked_ttl(ttl))

    def replace(self, key: Any, old: Any, value: Any, *, ttl: Lifetime = "keep") -> bool:
        """Put `value` if what is seen under `key` equals `old`; return whether it was put: compare and set.

        Values are equal if they are the same when encoded, so 1, 1.0 and True differ.
        """
        return self._swap(key, encode_value(old), encode_value(value), True if ttl == "keep" else _checked_ttl(ttl))

    def touch(self, key: Any, ttl: float | None) -> bool:
        """Let what is seen under `key` live so many seconds from now, None: for ever.  Return whether there was any."""
        return self._swap(key, True, True, _checked_ttl(ttl))

    def discard(self, key: Any, old: Any = _ANYTHING) -> bool:
        """Remove `key`, if given only while what is seen equals `old`; return whether anything was removed."""
        if old is not _ANYTHING:
            return self._swap(key, encode_value(old), None, None)
        try:
            self._pop(key)
        except KeyError:
            return False
        return True

    def _swap(
        self, key: Any, expected: bytes | bool | None, value: bytes | bool | None, ttl: float | bool | None
    ) -> bool:
        if self._batch() is not None:
            raise ConfigurationError("insert, replace and touch decide at once, which a batch cannot; use them outside")
        done, _ = self._ask(Verb.SWAP, checked_key(key), expected, value, ttl)
        return bool(done)

    # -- several at once --------------------------------------------------------------------------

    def clear(self) -> None:
        """Delete every key, as one batch."""
        self._ask(Verb.CLEAR)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put all items, in one batch: no process sees some of them without the others."""
        with self.batch():
            super().update(other, **kwargs)

    def _batch(self) -> dict[Any, Row] | None:
        return self._batches.get(threading.get_ident())

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect this thread's writes, and make them at the end, atomically for every process and peer.

        Reads of keys inside see them.  A nested block joins the outer one.  An exception discards them all.
        """
        if self._batch() is not None:
            yield
            return
        batch: dict[Any, Row] = {}
        self._batches[threading.get_ident()] = batch
        try:
            yield
        finally:
            del self._batches[threading.get_ident()]
        if batch:
            self._ask(Verb.WRITE, tuple((key, *row) for key, row in batch.items()))

    def add(self, counter: str, by: int | float = 1) -> int | float:
        """Add to the counter of this name (`mesh.counter`); return what it is then.  No step of anybody is lost."""
        return self._ask(Verb.COUNT, counter, by)  # type: ignore[no-any-return]

    def emit(self, name: str, *args: Any, sender: str = "", **kwargs: Any) -> None:
        """Emit an event of the mesh: every handler of it is called, in every program."""
        self._ask(Verb.EMIT, name, args, kwargs, sender)

    def _ask(self, verb: Verb, *arguments: Any) -> Any:
        if self._closed:
            raise MeshClosed(f"this cache of {self.name!r} was closed; attach again")
        return self._link.ask(verb, *arguments)


def _checked_ttl(ttl: float | None) -> float | None:
    if ttl is not None and not 0 < ttl < 1e9:
        raise ConfigurationError(f"ttl is {ttl!r}; it must be a number of seconds above 0 and below 1e9")
    return ttl
