"""A dict that tells listeners of its changes: `netmem.bindable_variable.BindableDict`.

It is of one process; `NetworkMemory` makes a memory of it that is shared.

1. Who changes it, calls the listeners, in its own thread, before the call returns; not under a lock.
2. One listener that raises is logged, and harms neither the others nor who changed the dict.
3. Deletes, `pop`, `clear`, `setdefault` and `|=` are changes like any other: in netmem nobody heard of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from .changed import Changed, after
from .values import ABSENT, same, told

LOGGER = "gossamer.compat.netmem"
DELETES_REMEMBERED_MAX = 10_000
"""Deletes of which the time is kept, so that an older message does not undo them."""

Listener = Callable[[Any, Any, Any, Any], Any]
Listeners = Sequence[tuple[Listener, Any]]
"""Each with the key that it wants, None for all.  Replaced whole, so that it may be walked while it changes."""


class BindableDict(dict[Any, Any]):
    """A dict with listeners.  What it is made with tells nobody.

    `with` it to change several keys and tell of all changes afterwards, each by itself.  Blocks nest: the outermost
    tells.  An exception in the block undoes nothing, and what was changed is told.  A block is of one thread, or one
    task.  Thread-safe, but that iterating fails if another thread adds keys meanwhile, as in a dict.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log = logging.getLogger(f"{LOGGER}.{type(self).__name__}")
        self._lock = threading.RLock()
        self._listeners: Listeners = ()
        self._written: dict[Any, float] = {}
        self._deleted: dict[Any, float] = {}

    # -- changing ---------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set(key, value)

    def set(self, key: Any, new_val: Any, force_notify: bool = False, timestamp: float | None = None) -> None:
        """Put `new_val` under `key`; tell listeners if it is another value, or if `force_notify`.

        With `timestamp`, seconds since 1970, nothing happens if the key was changed later than that.
        """
        with self._lock:
            if timestamp is not None and self._is_late(key, new_val, timestamp):
                return
            old = super().get(key, ABSENT)
            if not force_notify and same(old, new_val) and not self._is_unheard(key, new_val):
                super().__setitem__(key, new_val)  # equal, but perhaps another object
                if timestamp is not None:
                    self._restamp(key, new_val, timestamp)
                return
            changes = self._make([Changed(key, old, new_val, timestamp or self._now(key))])
        self._tell(changes)

    def mark_as_changed(self, key: Any, timestamp: float | None = None) -> None:
        """Tell that the value of `key` has changed in place; `old_val` is None, for what it was is not known."""
        with self._lock:
            value = super().get(key, ABSENT)
            changes = self._make([Changed(key, ABSENT, value, timestamp or self._now(key))])
        self._tell(changes)

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a key and return its value; if it is absent, return `default` or raise KeyError."""
        with self._lock:
            value = super().get(key, ABSENT)
            if value is ABSENT:
                return super().pop(key, *default)
            changes = self._make([Changed(key, value, ABSENT, self._now(key))])
        self._tell(changes)
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the (key, value) that was added last."""
        with self._lock:
            if not super().__len__():
                raise KeyError("popitem(): dictionary is empty")
            key = next(super().__reversed__())
            value = super().__getitem__(key)
            changes = self._make([Changed(key, value, ABSENT, self._now(key))])
        self._tell(changes)
        return key, value

    def clear(self) -> None:
        """Remove all keys; one message tells of all."""
        with self:
            for key in [*super().keys()]:
                self.pop(key, None)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; if it is absent, put `default` there first."""
        with self._lock:
            value = super().get(key, ABSENT)
            if value is not ABSENT:
                return value
            changes = self._make([Changed(key, ABSENT, default, self._now(key))])
        self._tell(changes)
        return default

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change several keys as dict's update does, in one message.  If one cannot be sent, nothing is stored."""
        rows = dict(*args, **kwargs)
        with self:
            for key, value in rows.items():
                self._check(key, value)
            for key, value in rows.items():
                self.set(key, value)

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def copy(self) -> dict[Any, Any]:
        """Return a plain dict of what is here."""
        return dict(self.items())

    # -- with -------------------------------------------------------------------------------------

    def __enter__(self) -> Any:
        block = self._block()
        if block is None:
            block = _Block(self)
            _blocks.set((*_blocks.get(), block))
        block.depth += 1
        return self

    def __exit__(self, *error: object) -> None:
        block = self._block()
        assert block is not None
        block.depth -= 1
        if block.depth:
            return
        _blocks.set(tuple(other for other in _blocks.get() if other is not block))
        with self._lock:
            changes = self._make(block.changes)
        self._tell(changes)

    def _block(self) -> _Block | None:
        return next((block for block in _blocks.get() if block.memory is self), None)

    # -- listening --------------------------------------------------------------------------------

    def add_listener(self, listener: Listener, key: Any = None) -> None:
        """Call `listener(dict, key, old_val, new_val)` on each change, of `key` alone if it is not None.

        Where there was, or is, no value, it is None.  Who listens to all keys is called before who listens to one.
        """
        self._listeners = (*self._listeners, (listener, key))

    def remove_listener(self, listener: Listener, key: Any = None) -> None:
        """Undo one `add_listener` of the same; do nothing if there was none."""
        listeners = list(self._listeners)
        if (listener, key) in listeners:
            listeners.remove((listener, key))
        self._listeners = tuple(listeners)

    def remove_all_listeners(self) -> None:
        """Call nobody any more."""
        self._listeners = ()

    def tk_var(self, key: Any, root: Any = None) -> Any:
        """Return a tkinter variable bound to `key` both ways; it starts with what is there, and shows it as text.

        Call it in Tk's thread.  It lives as long as the widget `root`, by default the first window.  What is typed is a
        str.
        """
        from .tk_variable import bound_variable

        return bound_variable(self, key, root)

    # -- what a change goes through ---------------------------------------------------------------

    def _make(self, changes: list[Changed]) -> list[Changed]:
        """Store changes, or enter them into the block that is open; return those to tell of.  Under the lock."""
        block = self._block()
        if block is None:
            if changes:
                self._publish(changes)
        else:
            for change in changes:
                self._check(change.key, change.new)
            block.changes += changes
        for key, change in {change.key: change for change in changes}.items():
            self._store(key, change)
        if block is not None:
            return []
        self._record(changes)
        return changes

    def _store(self, key: Any, change: Changed) -> None:
        self._written.pop(key, None)
        self._deleted.pop(key, None)
        if change.new is not ABSENT:
            self._written[key] = change.timestamp
            super().__setitem__(key, change.new)
            return
        self._deleted[key] = change.timestamp
        super().pop(key, None)
        if len(self._deleted) > DELETES_REMEMBERED_MAX:
            del self._deleted[next(iter(self._deleted))]

    def _restamp(self, key: Any, value: Any, timestamp: float) -> None:
        """Keep that what a key holds, or that it holds nothing, was written again later.  Under the lock."""
        self._store(key, Changed(key, value, value, timestamp))

    def _moment(self, key: Any) -> float | None:
        """Return when a key was changed last, None if that is not known."""
        return self._written.get(key) or self._deleted.get(key)

    def _now(self, key: Any) -> float:
        return after(self._moment(key))

    def _is_late(self, key: Any, new: Any, timestamp: float) -> bool:
        """Whether a key was changed after `timestamp`; of two values of one moment, all memories choose the same."""
        held = self._moment(key)
        return held is not None and (held, repr(told(super().get(key, ABSENT)))) >= (timestamp, repr(told(new)))

    def _tell(self, changes: Iterable[Changed]) -> None:
        """Call the listeners."""
        self._tell_those(self._listeners, changes)

    def _tell_those(self, listeners: Listeners, changes: Iterable[Changed]) -> None:
        """Call these listeners, if they still want it: who listens to all keys first."""
        for change in changes:
            for wanted in (None, *([change.key] if change.key is not None else [])):
                for listener, key in listeners:
                    if (key is None) == (wanted is None) and key == wanted and (listener, key) in self._listeners:
                        self._call(listener, change)

    def _call(self, listener: Listener, change: Changed) -> None:
        try:
            listener(self, change.key, told(change.old), told(change.new))
        except Exception:
            self.log.exception("a listener raised, %r; the others were called all the same", listener)

    # -- what a memory does besides ---------------------------------------------------------------

    def _check(self, key: Any, value: Any) -> None:
        """Raise if this cannot be published."""

    def _is_unheard(self, key: Any, value: Any) -> bool:
        """Whether somebody else holds something other than this value, which is ours already."""
        return False

    def _publish(self, changes: list[Changed]) -> None:
        """Let others know, before anything is stored; raise if they cannot.  Under the lock."""

    def _record(self, changes: list[Changed]) -> None:
        """These were stored, and are to be told in this order.  Under the lock."""

    # -- showing ----------------------------------------------------------------------------------

    def __str__(self) -> str:
        return repr(self.copy())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.copy()!r})"

    def __reduce_ex__(self, protocol: object) -> Any:
        return dict, (self.copy(),)


@dataclass(slots=True, eq=False)
class _Block:
    """The changes that a `with` block of one thread or task has made."""

    memory: BindableDict
    changes: list[Changed] = field(default_factory=list)
    depth: int = 0


_blocks: ContextVar[tuple[_Block, ...]] = ContextVar("blocks", default=())
