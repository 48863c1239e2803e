"""The replicated state as a dict.

A read is one lookup among the values that were read before; a key read for the first
time is decoded and remembered until it changes.  Nothing here waits for the network.
Iterating walks a snapshot, and what it gave can be read there even if somebody deletes it
meanwhile (see `pins`), so `dict(mesh)` and `for key in mesh: mesh[key]` never fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..crdt.writes import FORCE, Held, Replaced, Write, each, expiry_meta, winner
from ..errors import ConfigurationError, ValueTooLarge
from ..protocol.ledger import Ledger
from ..wire.keys import SpaceKey, checked_key
from ..wire.values import decode_value, encode_value
from .batches import Batch, Batches, Row
from .dict_like import DictLike
from .entries import Entry, entry_of, rivals
from .pins import Pins
from .scope import Scope

_ABSENT: Any = object()
_EXPIRING = 1 << 16
"""The `meta` of a write that expires is at least this."""
TTL_MAX_S = 1e9


class MeshMapping(DictLike[Any]):
    """All that a dict does, over the state of a ledger.  Thread-safe.

    What the shell adds is given: `wall_ms`, `wrote` (called after each write, outside
    the lock) and `writer_of` (origin -> peer).
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        wall_ms: Callable[[], int],
        wrote: Callable[[], None],
        writer_of: Callable[[bytes], Any],
    ) -> None:
        self._ledger = ledger
        self._live = ledger.state.live
        self._name = name
        self._wall_ms = wall_ms
        self._write = ledger.write
        self._wrote = wrote
        self._writer_of = writer_of
        self._read = ledger.decoded
        self._pins = Pins()
        self._batches = Batches()
        self._detour = 0
        """How many reasons there are that a read cannot go straight: open batches, or a fork."""
        self._reserved = 0
        self._value_bytes_max = ledger.options.value_bytes_max

    def _before_use(self) -> None:
        """The state is about to be used, and `_detour` says that there is something to see to first."""

    def count_reserved(self, replaced: Sequence[Replaced]) -> None:
        """Count the keys of reserved spaces, which `len` leaves out.  Called under the lock."""
        for key, before, after in replaced:
            if type(key) is SpaceKey:
                self._reserved += (before is None) - (after is None)

    # -- reading --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if self._detour:
            row = self._row(key)
            if row is not None:
                return _decoded(row, key)
        try:
            return self._read[key]
        except KeyError:
            return self._first_read(key)

    def _first_read(self, key: Any) -> Any:
        held: Held = self._live.get(key)
        write = winner(held, self._wall_ms())
        if write is None or type(key) is SpaceKey:
            write, held = self._pins.read(key), None
            if write is None:
                raise KeyError(key)
        assert write.value is not None
        value = decode_value(write.value)
        if held is not None and not any(w.meta >= _EXPIRING for w in each(held)):
            with self._ledger.lock:
                if self._live.get(key) is held:
                    self._read[key] = value
        return value

    def __contains__(self, key: object) -> bool:
        if self._detour:
            row = self._row(key)
            if row is not None:
                return row[0] is not None
        held: Held = self._live.get(key)
        return held is not None and winner(held, self._wall_ms()) is not None and type(key) is not SpaceKey

    def __len__(self) -> int:
        if self._detour:
            self._before_use()
            if self._batches.current() is not None:
                return len(self.visible())
        self._lapse()
        return len(self._live) - len(self._ledger.state.expiry.hidden) - self._reserved

    def __iter__(self) -> Iterator[Any]:
        return self._pins.walk(self.visible())

    def __reversed__(self) -> Iterator[Any]:
        return self._pins.walk(self.visible()[::-1])

    def iterate_to_read(self) -> Iterator[Any]:
        """Iterate for one who will then read each key, once, as `dict(mesh)` does."""
        return self._pins.walk(self.visible(), read_later=True)

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict of all that is visible at this moment.  O(n); no batch is torn by it."""
        return {key: self.decoded_of(key, write) for key, write in self.visible()}

    def visible(self) -> list[tuple[Any, Write]]:
        """Return every visible (key, write), as of one moment, in the order in which the keys were first seen here."""
        if self._detour:
            self._before_use()
        self._lapse()
        now_ms = self._wall_ms()
        with self._ledger.lock:
            rows = list(self._live.items())
        simple = not self._reserved and not self._ledger.state.expiry.hidden
        if not (simple and all(type(held) is Write and held[4] < _EXPIRING for _, held in rows)):
            rows = [(key, winner(held, now_ms)) for key, held in rows if type(key) is not SpaceKey]
            rows = [row for row in rows if row[1] is not None]
        batch = self._batches.current() if self._detour else None
        return rows if batch is None else _overlaid(rows, batch)

    def decoded_of(self, key: Any, write: Write) -> Any:
        """Return the value of a row of `visible`."""
        if not self._detour:
            value = self._read.get(key, _ABSENT)
            if value is not _ABSENT and self._live.get(key) is write:
                return value
        assert write.value is not None
        return decode_value(write.value)

    def _lapse(self) -> None:
        due_ms = self._ledger.state.expiry.next_ms()
        if due_ms is not None and due_ms <= (now_ms := self._wall_ms()):
            self._ledger.lapse(now_ms)

    # -- writing --------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        key = checked_key(key)
        data = encode_value(value)
        if len(data) > self._value_bytes_max:
            self._too_large(key, data)
        if self._detour and self._takes_detour(key, data, 0):
            return
        self._write(key, data, self._wall_ms())
        self._wrote()

    def set(self, key: Any, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value` under `key`, as `mesh[key] = value` does.

        With `ttl`, it ceases to be seen that many seconds from now, everywhere, by each
        peer's own clock.  With `force`, watchers are told even if the value is the same.
        """
        key = checked_key(key)
        data = self._encoded(key, value)
        now_ms, flags = self._wall_ms(), FORCE if force else 0
        if ttl is not None and not 0 < ttl < TTL_MAX_S:
            raise ConfigurationError(f"ttl is {ttl!r}; it must be a number of seconds above 0 and below 1e9")
        meta = expiry_meta(flags, now_ms + max(1, round(ttl * 1000))) if ttl is not None else flags
        if self._detour and self._takes_detour(key, data, meta):
            return
        self._write(key, data, now_ms, meta)
        self._wrote()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; if it is absent, put `default` there first.  Atomic among threads."""
        try:
            return self[key]
        except KeyError:
            key = checked_key(key)
        data = self._encoded(key, default)
        if not (self._detour and self._takes_detour(key, data, 0)):
            found = self._ledger.write_if(False, key, data, self._wall_ms())
            if found is not None:
                return self.decoded_of(key, found)
            self._wrote()
        return decode_value(data)

    def _encoded(self, key: Any, value: Any) -> bytes:
        data = encode_value(value)
        if len(data) > self._value_bytes_max:
            self._too_large(key, data)
        return data

    def _too_large(self, key: Any, data: bytes) -> None:
        raise ValueTooLarge(
            f"the value for {key!r} takes {len(data)} bytes encoded, more than value_bytes_max = "
            f"{self._value_bytes_max}, so nothing was stored; split it over several keys or raise the option"
        )

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
            found = winner(self._live.get(checked), self._wall_ms())
            data, _ = batch.get(checked) or (found and found.value, 0)
            if data is not None and batch.put(checked, (None, 0)):
                return data
        removed = self._ledger.write_if(True, checked, None, self._wall_ms())
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
        if rows:
            if self._detour:
                self._before_use()
            self._ledger.write_many(((key, data, meta) for key, (data, meta) in rows), self._wall_ms())
            self._wrote()

    def _row(self, key: Any) -> Row | None:
        """Return what the batch of this thread or task holds for `key`."""
        self._before_use()
        batch = self._batches.current()
        return None if batch is None else batch.get(key)

    def _takes_detour(self, key: Any, data: bytes | None, meta: int) -> bool:
        """Enter a write into the batch of this thread or task; return whether there was one."""
        self._before_use()
        batch = self._batches.current()
        return batch is not None and batch.put(key, (data, meta))

    # -- more than a dict -------------------------------------------------------------------------

    def entry(self, key: Any) -> Entry:
        """Return the visible write of `key`: value, writer, time.  Raise KeyError if there is none."""
        if self._detour:
            self._before_use()
        write = winner(self._live.get(key), self._wall_ms())
        if write is None or type(key) is SpaceKey:
            raise KeyError(key)
        return entry_of(key, write, self._writer_of)

    def conflicts(self, key: Any = _ABSENT) -> Any:
        """Return the writes made without knowledge of each other, the winner first.

        With `key`, a tuple of `Entry`, empty if there is no conflict; without, a dict of
        such tuples by key, O(n).  The next write of a key replaces them all.
        """
        if self._detour:
            self._before_use()
        now_ms = self._wall_ms()
        if key is not _ABSENT:
            return tuple(entry_of(key, w, self._writer_of) for w in rivals(self._live.get(key), now_ms))
        with self._ledger.lock:
            rows = [(k, held) for k, held in self._live.items() if type(held) is tuple and type(k) is not SpaceKey]
        return {
            k: tuple(entry_of(k, w, self._writer_of) for w in found)
            for k, held in rows
            if (found := rivals(held, now_ms))
        }

    def scope(self, prefix: str) -> Scope:
        """Return the keys under `prefix` + "/" as a mapping of its own: a live view, no copy."""
        return Scope(self, prefix)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {self.snapshot()!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a mesh cannot be pickled or copied deeply: pickle mesh.snapshot(), or its name and join again")


def _overlaid(rows: list[tuple[Any, Write]], batch: Batch) -> list[tuple[Any, Write]]:
    """Return rows of the state with those of a batch over them, in a dict's order."""
    merged = dict(rows)
    for key, (data, meta) in batch.rows():
        if data is None:
            merged.pop(key, None)
        else:
            merged[key] = Write(0, b"", 0, data, meta)
    return list(merged.items())


def _decoded(row: Row, key: Any) -> Any:
    if row[0] is None:
        raise KeyError(key)
    return decode_value(row[0])
