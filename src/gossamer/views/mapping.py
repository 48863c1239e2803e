"""The replicated state as a dict.

A read is one lookup among the values that were read before; a key read for the first
time is decoded and remembered until it changes.  Nothing here waits for the network.
Iterating walks a snapshot, and the key it last gave stays readable in that thread, so
`dict(mesh)` and `for key in mesh: mesh[key]` never fail because a remote write arrives.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    Sequence,
    ValuesView,
)
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import get_ident
from typing import Any

from ..crdt.writes import FORCE, Held, Key, Replaced, Write, each, expiry_meta, winner
from ..errors import ConfigurationError, ValueTooLarge
from ..protocol.ledger import Ledger
from ..wire.keys import SpaceKey, checked_key
from ..wire.values import decode_value, encode_value

_ABSENT: Any = object()
Row = tuple[bytes | None, int]
"""What a batch holds for a key: the encoded value, or None to delete it, and its flags."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One live write: its value, and who wrote it when."""

    key: Key
    value: Any
    writer: Any
    """The `Peer` that wrote it; one of an unknown peer has only a short hex name."""
    written_at_s: float
    """Seconds since 1970, by the hybrid clock of the writer."""
    expires_at_s: float | None
    sequence: int


class MeshMapping(MutableMapping[Any, Any]):
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
        self._yielded: dict[int, tuple[Any, Write]] = {}
        self._detour = 0
        """How many reasons there are that a read cannot go straight: open batches, or a fork."""
        self._reserved = 0
        self._batch: ContextVar[dict[Any, Row] | None] = ContextVar("batch", default=None)
        self._value_bytes_max = ledger.options.value_bytes_max

    def _before_use(self) -> None:
        """The state is about to be used, and `_detour` says that there is something to see to first."""

    # -- what changed: called under the lock ------------------------------------------------------

    def count_reserved(self, replaced: Sequence[Replaced]) -> None:
        """Count the keys of reserved spaces, which `len` leaves out."""
        for key, before, after in replaced:
            if type(key) is SpaceKey:
                self._reserved += (before is None) - (after is None)

    # -- reading --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if self._detour:
            self._before_use()
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
            pinned = self._yielded.get(get_ident())
            if pinned is None or pinned[0] != key:
                raise KeyError(key)
            write, held = pinned[1], None
        assert write.value is not None
        value = decode_value(write.value)
        if held is not None and not any(w.meta >> 16 for w in each(held)):
            with self._ledger.lock:
                if self._live.get(key) is held:
                    self._read[key] = value
        return value

    def __contains__(self, key: object) -> bool:
        if self._detour:
            self._before_use()
            row = self._row(key)
            if row is not None:
                return row[0] is not None
        held: Held = self._live.get(key)
        return held is not None and winner(held, self._wall_ms()) is not None and type(key) is not SpaceKey

    def __len__(self) -> int:
        if self._detour:
            self._before_use()
            if self._batch.get() is not None:
                return len(self.snapshot())
        self._lapse()
        return len(self._live) - len(self._ledger.state.expiry.hidden) - self._reserved

    def __iter__(self) -> Iterator[Any]:
        return self._walk(self._visible())

    def __reversed__(self) -> Iterator[Any]:
        return self._walk(self._visible()[::-1])

    def _walk(self, rows: list[tuple[Any, Write]]) -> Iterator[Any]:
        thread, yielded = get_ident(), self._yielded
        try:
            for row in rows:
                yielded[thread] = row
                yield row[0]
        finally:
            yielded.pop(thread, None)

    def keys(self) -> KeysView[Any]:
        """Return a view of the keys; iterating it walks a snapshot."""
        return KeysView(self)

    def values(self) -> ValuesView[Any]:
        """Return a view of the values; iterating it walks a snapshot."""
        return _SnapshotValues(self)

    def items(self) -> ItemsView[Any, Any]:
        """Return a view of the items; iterating it walks a snapshot."""
        return _SnapshotItems(self)

    def snapshot(self) -> dict[Any, Any]:
        """Return a plain dict of all that is visible at this moment.  O(n); no batch is torn by it."""
        return {key: self._decoded_of(key, write) for key, write in self._visible()}

    def copy(self) -> dict[Any, Any]:
        """Return `snapshot()`: a plain dict, as dict's own copy is."""
        return self.snapshot()

    def _visible(self) -> list[tuple[Any, Write]]:
        """Every visible (key, write), as of one moment, in the order in which the keys were first seen here."""
        if self._detour:
            self._before_use()
        self._lapse()
        now_ms = self._wall_ms()
        with self._ledger.lock:
            rows = list(self._live.items())
        simple = not self._reserved and not self._ledger.state.expiry.hidden
        if not (simple and all(type(held) is Write and held[4] < 65536 for _, held in rows)):
            rows = [(key, winner(held, now_ms)) for key, held in rows if type(key) is not SpaceKey]
            rows = [row for row in rows if row[1] is not None]
        batch = self._batch.get() if self._detour else None
        if batch:
            merged = dict(rows)
            for key, (data, meta) in batch.items():
                if data is None:
                    merged.pop(key, None)
                else:
                    merged[key] = Write(0, b"", 0, data, meta)
            rows = list(merged.items())
        return rows

    def _decoded_of(self, key: Any, write: Write) -> Any:
        if write.sequence and not self._detour:
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
        data = encode_value(value)
        if len(data) > self._value_bytes_max:
            self._too_large(key, data)
        now_ms, flags = self._wall_ms(), FORCE if force else 0
        if ttl is not None and not 0 < ttl < 1e9:
            raise ConfigurationError(f"ttl is {ttl!r}; it must be a number of seconds above 0 and below 1e9")
        meta = expiry_meta(flags, now_ms + max(1, round(ttl * 1000))) if ttl is not None else flags
        if self._detour and self._takes_detour(key, data, meta):
            return
        self._write(key, data, now_ms, meta)
        self._wrote()

    def _takes_detour(self, key: Any, data: bytes | None, meta: int) -> bool:
        """Enter a write into the batch of this thread or task, if there is one."""
        self._before_use()
        batch = self._batch.get()
        if batch is None:
            return False
        batch[key] = data, meta
        return True

    def _too_large(self, key: Any, data: bytes) -> None:
        raise ValueTooLarge(
            f"the value for {key!r} takes {len(data)} bytes encoded, more than value_bytes_max = "
            f"{self._value_bytes_max}, so nothing was stored; split it over several keys or raise the option"
        )

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        key = checked_key(key)
        self._yielded.pop(get_ident(), None)
        if self._detour and self._takes_detour(key, None, 0):
            return
        self._write(key, None, self._wall_ms())
        self._wrote()

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value, or `default` if it is absent."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        try:
            value = self[key]
            del self[key]
        except KeyError:
            if default:
                return default[0]
            raise
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) whose key was first seen here last."""
        rows = self._visible()
        if not rows:
            raise KeyError("popitem(): the mesh is empty")
        key, write = rows[-1]
        value = self._decoded_of(key, write)
        del self[key]
        return key, value

    def clear(self) -> None:
        """Delete every key that is visible here, as one batch."""
        with self.batch():
            for key in list(self):
                del self[key]

    def update(self, other: Any = (), /, **kwargs: Any) -> None:  # type: ignore[override]
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

    # -- batches --------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect the writes of this thread or task, and make them at the end, atomically for everyone.

        Reads inside see them.  A nested block joins the outer one.  An exception discards
        them all.  A peer, a snapshot, a listener shows all of a batch or none.
        """
        if self._batch.get() is not None:
            yield
            return
        rows: dict[Any, Row] = {}
        token = self._batch.set(rows)
        with self._ledger.lock:
            self._detour += 1
        try:
            yield
        finally:
            self._batch.reset(token)
            with self._ledger.lock:
                self._detour -= 1
        if rows:
            self._ledger.write_many(((key, data, meta) for key, (data, meta) in rows.items()), self._wall_ms())
            self._wrote()

    def _row(self, key: Any) -> Row | None:
        batch = self._batch.get()
        return None if batch is None else batch.get(key)

    # -- more than a dict -------------------------------------------------------------------------

    def entry(self, key: Any) -> Entry:
        """Return the visible write of `key`: value, writer, time.  Raise KeyError if there is none."""
        write = winner(self._live.get(key), self._wall_ms())
        if write is None:
            raise KeyError(key)
        return self._entry(key, write)

    def conflicts(self, key: Any = _ABSENT) -> Any:
        """Return the writes made without knowledge of each other, the winner first.

        With `key`, a tuple of `Entry`, empty if there is no conflict; without, a dict of
        such tuples by key, O(n).  The next write of a key replaces them all.
        """
        if key is not _ABSENT:
            return self._conflict(key, self._live.get(key))
        with self._ledger.lock:
            rows = [(k, held) for k, held in self._live.items() if type(held) is tuple and type(k) is not SpaceKey]
        found = {k: self._conflict(k, held) for k, held in rows}
        return {k: entries for k, entries in found.items() if entries}

    def _conflict(self, key: Any, held: Held) -> tuple[Entry, ...]:
        now_ms = self._wall_ms()
        seen = [w for w in each(held) if winner(w, now_ms) is not None]
        return tuple(self._entry(key, w) for w in seen) if len(seen) > 1 else ()

    def _entry(self, key: Any, write: Write) -> Entry:
        assert write.value is not None
        expires = write.expires_ms
        return Entry(
            key,
            decode_value(write.value),
            self._writer_of(write.origin),
            (write.stamp >> 16) / 1000,
            expires / 1000 if expires else None,
            write.sequence,
        )

    def scope(self, prefix: str) -> Scope:
        """Return the keys under `prefix` + "/" as a mapping of its own: a live view, no copy."""
        return Scope(self, prefix)

    # -- as a dict looks --------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Mapping):
            return self.snapshot() == dict(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> dict[Any, Any]:
        return self.snapshot() | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return dict(other) | self.snapshot() if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> MeshMapping:  # type: ignore[misc]
        self.update(other)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {self.snapshot()!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a mesh cannot be pickled or copied deeply: pickle mesh.snapshot(), or its name and join again")


class Scope(MutableMapping[str, Any]):
    """The keys of a mesh under a prefix, without it.  Every operation is the mesh's own."""

    def __init__(self, mesh: MeshMapping, prefix: str) -> None:
        if not isinstance(prefix, str) or not prefix.strip("/"):
            raise ConfigurationError(f"a scope needs a prefix that is a non-empty str, not {prefix!r}")
        self._mesh = mesh
        self._prefix = prefix.rstrip("/") + "/"

    def _full(self, key: Any) -> str:
        if not isinstance(key, str):
            raise KeyError(key)
        return self._prefix + key

    def __getitem__(self, key: Any) -> Any:
        full = self._full(key)
        try:
            return self._mesh[full]
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str):
            from ..errors import InvalidKey

            raise InvalidKey(f"a key inside a scope is a str, not {type(key).__name__}; use the mesh itself for others")
        self._mesh[self._prefix + key] = value

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        del self._mesh[self._full(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._prefix + key in self._mesh

    def __iter__(self) -> Iterator[str]:
        size = len(self._prefix)
        return (key[size:] for key in self._mesh if type(key) is str and key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def snapshot(self) -> dict[str, Any]:
        """Return a plain dict of what is visible under the prefix at this moment.  O(keys of the mesh)."""
        size = len(self._prefix)
        whole = self._mesh._visible()
        return {
            key[size:]: self._mesh._decoded_of(key, write)
            for key, write in whole
            if type(key) is str and key.startswith(self._prefix)
        }

    def values(self) -> ValuesView[Any]:
        """Return a view of the values; iterating it walks a snapshot."""
        return _SnapshotValues(self)

    def items(self) -> ItemsView[str, Any]:
        """Return a view of the items; iterating it walks a snapshot."""
        return _SnapshotItems(self)

    def set(self, key: str, value: Any, *, ttl: float | None = None, force: bool = False) -> None:
        """Put `value` under `key`, as the mesh's own `set` does."""
        self._mesh.set(self._full(key), value, ttl=ttl, force=force)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:  # type: ignore[override]
        """Put several keys, as one batch."""
        with self._mesh.batch():
            super().update(other, **kwargs)

    def clear(self) -> None:
        """Delete every key under the prefix, as one batch."""
        with self._mesh.batch():
            for key in list(self):
                del self[key]

    def scope(self, prefix: str) -> Scope:
        """Return a scope within this one."""
        return Scope(self._mesh, self._prefix + prefix)

    def __eq__(self, other: object) -> bool:
        return self.snapshot() == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Scope({self._prefix!r}, {self.snapshot()!r})"


class _SnapshotValues(ValuesView[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping.snapshot().values())  # type: ignore[attr-defined]

    def __contains__(self, value: object) -> bool:
        return value in self._mapping.snapshot().values()  # type: ignore[attr-defined]

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._mapping.snapshot().values())  # type: ignore[attr-defined]


class _SnapshotItems(ItemsView[Any, Any]):
    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._mapping.snapshot().items())  # type: ignore[attr-defined]

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        return reversed(self._mapping.snapshot().items())  # type: ignore[attr-defined]


def _decoded(row: Row, key: Any) -> Any:
    if row[0] is None:
        raise KeyError(key)
    return decode_value(row[0])
