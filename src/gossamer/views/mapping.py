"""The replicated state as a dict that can be written: `reading` and what changes it.

A write is made here and now, whatever the network does: encoded outside the lock, applied
under it, and only then does anybody look for whom to send it to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

from ..crdt.writes import FORCE, expiry_meta
from ..errors import ConfigurationError, ValueTooLarge
from ..protocol.ledger import Ledger
from ..wire.keys import PLAIN_KEY_CHARACTERS_MAX, SpaceKey, checked_key
from ..wire.values import decode_value, encode_value
from .batches import Batch
from .reading import ReadableState
from .scope import Scope
from .space import Space
from .spaces import Spaces

TTL_MAX_S = 1e9


class MeshMapping(ReadableState):
    """All that a dict does, over the state of a ledger.  Thread-safe.

    What the shell adds is given: `wall_ms`, `seen_ms`, `wrote` (called after each write,
    outside the lock) and `writer_of` (origin -> peer).
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        wall_ms: Callable[[], int],
        seen_ms: Callable[[], int],
        wrote: Callable[[], None],
        writer_of: Callable[[bytes], Any],
    ) -> None:
        super().__init__(ledger, name, seen_ms, writer_of)
        self._wall_ms = wall_ms
        self._write = ledger.write
        self._wrote = wrote
        self._value_bytes_max = ledger.options.value_bytes_max
        self._spaces = Spaces(self)

    # -- writing --------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(key) is not str or len(key) > PLAIN_KEY_CHARACTERS_MAX or not key.isascii():
            key = checked_key(key)
        data = encode_value(value)
        if len(data) > self._value_bytes_max:
            raise too_large(key, data, self._value_bytes_max)
        if self._detour and self._takes_detour(key, data, 0):
            return
        if self._write(key, data, self._wall_ms()):
            self._wrote()

    def set(self, key: Any, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value` under `key`, as `mesh[key] = value` does.

        With `ttl`, it ceases to be seen that many seconds from now, everywhere, by each
        peer's own clock.  With `force`, watchers are told even if the value is the same.
        """
        key = checked_key(key)
        data = self._encoded(key, value)
        flags = FORCE if force else 0
        if ttl is not None and not 0 < ttl < TTL_MAX_S:
            raise ConfigurationError(f"ttl is {ttl!r}; it must be a number of seconds above 0 and below 1e9")
        meta = expiry_meta(flags, self._seen_ms() + max(1, round(ttl * 1000))) if ttl is not None else flags
        if self._detour and self._takes_detour(key, data, meta):
            return
        if self._write(key, data, self._wall_ms(), meta):
            self._wrote()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; if it is absent, put `default` there first.  Atomic among threads."""
        try:
            return self[key]
        except KeyError:
            key = checked_key(key)
        data = self._encoded(key, default)
        if not (self._detour and self._takes_detour(key, data, 0)):
            found = self._ledger.write_if(
                key, lambda seen: (data, 0) if seen is None else None, self._wall_ms(), self._seen_ms()
            )
            if found is not None:
                return self.decoded_of(key, found)
            self._wrote()
        return decode_value(data)

    def _encoded(self, key: Any, value: Any) -> bytes:
        data = encode_value(value)
        if len(data) > self._value_bytes_max:
            raise too_large(key, data, self._value_bytes_max)
        return data

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Put several keys as dict's update does, as one batch: all or nothing, everywhere."""
        with self.batch():
            if isinstance(other, Mapping) or hasattr(other, "keys"):
                for key in other.keys():  # noqa: SIM118  # what dict.update asks of its argument
                    self[key] = other[key]
            else:
                for key, value in other:
                    self[key] = value
            for key, value in kwargs.items():
                self[key] = value

    def write_reserved(self, rows: Mapping[SpaceKey, bytes | None]) -> None:
        """Put or delete rows of reserved spaces, at once and atomically: `batch` collects only what is the user's."""
        if self._detour:
            self._before_use()
        self._ledger.write_many([(key, value, 0) for key, value in rows.items()], self._wall_ms())
        self._wrote()

    # -- removing -------------------------------------------------------------------------------

    def __delitem__(self, key: Any) -> None:
        self._remove(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value, or `default` if it is absent.  One of several threads gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        try:
            return decode_value(self._remove(key))
        except KeyError:
            if default:
                return default[0]
            raise

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) whose key was first seen here last."""
        for key, _ in reversed(self.visible()):
            try:
                return key, decode_value(self._remove(key))
            except KeyError:
                continue  # somebody else was faster
        raise KeyError("popitem(): the mesh is empty")

    def clear(self) -> None:
        """Delete every key that is visible here, as one batch."""
        with self.batch():
            for key, _ in self.visible():
                self.pop(key, None)

    def _remove(self, key: Any) -> bytes:
        """Delete `key` and return its encoded value; raise KeyError if it is absent."""
        if key not in self:
            raise KeyError(key)
        checked = checked_key(key)
        self._pins.forget(key)
        batch = self._batches.current() if self._detour else None
        if batch is not None:
            found = self._seen(checked, self._live.get(checked))
            data, _ = batch.get(checked) or (found and found.value, 0)
            if data is not None and batch.put(checked, (None, 0)):
                return data
        removed = self._ledger.write_if(
            checked, lambda seen: None if seen is None else (None, 0), self._wall_ms(), self._seen_ms()
        )
        if removed is None or removed.value is None:
            raise KeyError(key)
        self._wrote()
        return removed.value

    # -- batches --------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect the writes of this thread or task, and make them at the end, atomically for everyone.

        Reads inside see them.  A nested block joins the outer one.  An exception discards
        them all.  A peer, a snapshot, a listener shows all of a batch or none.
        """
        if self._batches.current() is not None:
            yield
            return
        batch = Batch(self._ledger)
        token = self._batches.enter(batch)
        with self._ledger.lock:
            self._detour += 1
        try:
            yield
            rows = batch.take()
        finally:
            batch.take()
            self._batches.leave(token)
            with self._ledger.lock:
                self._detour -= 1
        if rows or batch.drafts is not None:
            if self._detour:
                self._before_use()
            items: Iterator[Any] = ((key, data, meta) for key, (data, meta) in rows)
            if batch.drafts is not None:
                items = chain(items, batch.drafts.decided())
            self._ledger.write_many(items, self._wall_ms())
            self._wrote()

    def _takes_detour(self, key: Any, data: bytes | None, meta: int) -> bool:
        """Enter a write into the batch of this thread or task; return whether there was one."""
        self._before_use()
        batch = self._batches.current()
        return batch is not None and batch.put(key, (data, meta))

    def _space(self, number: int) -> Space:
        """Return the ground of all objects of one kind (see `spaces`), which stand on keys hidden from the mapping."""
        return self._spaces.space(number)

    def scope(self, prefix: str) -> Scope:
        """Return the keys under `prefix` + "/" as a mapping of its own: a live view, no copy."""
        return Scope(self, prefix)


def too_large(key: Any, data: bytes, value_bytes_max: int) -> ValueTooLarge:
    """Return what to raise for a value that is."""
    return ValueTooLarge(
        f"the value for {key!r} takes {len(data)} bytes encoded, more than value_bytes_max = "
        f"{value_bytes_max}, so nothing was stored; split it over several keys or raise the option"
    )
