"""The functions that a program registered, called one after the other; what one raises is logged and harms no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..crdt.writes import Key
from ..wire.keys import SpaceKey
from .changes import Change, Pattern, Raw
from .watchers import Watchers

logger = logging.getLogger("gossamer.changes")

ANY_KEY: Any = object()


@dataclass(frozen=True, slots=True)
class _Listener:
    fn: Callable[..., Any]
    call: Callable[[Change], Any]
    pattern: Pattern
    key: Any
    """The one key that is meant, as in netmem, or ANY_KEY that matches the pattern."""

    def wants(self, key: Key) -> bool:
        return self.pattern.matches(key) if self.key is ANY_KEY else bool(self.key == key)


class Listeners:
    """Who is to be called on a change, in the order of registration."""

    def __init__(self, watchers: Watchers) -> None:
        self._watchers = watchers
        self._listeners: list[_Listener] = []
        self._on_conflict: list[Callable[[Any, tuple[Any, ...]], Any]] = []
        self.errors = 0

    # -- registration: each step is one, so that threads need no lock --------------------------------

    def add(
        self,
        fn: Callable[..., Any],
        pattern: str = "*",
        call: Callable[[Change], Any] | None = None,
        key: Any = ANY_KEY,
    ) -> None:
        """Call `fn` (or `call` in its name) with each change of a key that matches `pattern`, or of `key`."""
        if not callable(fn):
            raise TypeError(f"a listener must be callable, not {type(fn).__name__}")
        self._listeners.append(_Listener(fn, call or fn, Pattern(pattern), key))

    def add_conflict(self, fn: Callable[[Any, tuple[Any, ...]], Any]) -> None:
        """Call `fn(key, values)`, the winner's value first, when concurrent writes meet."""
        if not callable(fn):
            raise TypeError(f"a listener must be callable, not {type(fn).__name__}")
        self._on_conflict.append(fn)

    def remove(self, fn: Callable[..., Any]) -> bool:
        """Call `fn` no more, for whatever it was registered.  Return whether it was."""
        found = [listener for listener in self._listeners if listener.fn == fn]
        for listener in found:
            self._listeners.remove(listener)
        conflicts = self._on_conflict.count(fn)
        for _ in range(conflicts):
            self._on_conflict.remove(fn)
        return bool(found or conflicts)

    def remove_one(self, fn: Callable[..., Any], key: Any) -> None:
        """Undo one `add` of `fn` for `key`; do nothing if there was none."""
        for listener in self._listeners:
            if listener.fn == fn and (listener.key is key or listener.key == key):
                self._listeners.remove(listener)
                return

    # -- delivery -------------------------------------------------------------------------------

    def wanted(self, key: Key) -> bool:
        """Whether anyone listens for `key`."""
        return bool(self._on_conflict) or any(listener.wants(key) for listener in tuple(self._listeners))

    def deliver(self, raw: Raw) -> None:
        """Call everyone who listens for this change; log what they raise."""
        if type(raw.key) is SpaceKey:  # an object has changed: its listeners look for themselves
            change: Change | None = Change(raw.key, None, None, "set", None, raw.local, 0, ())
        else:
            change = self._watchers.change(raw)
        if change is not None:
            for listener in tuple(self._listeners):
                if listener.wants(change.key):
                    self.call(listener.call, change)
        if raw.is_conflict:
            for fn in tuple(self._on_conflict):
                self.call(fn, raw.key, raw.rivals())

    def call(self, fn: Callable[..., Any], *args: Any) -> None:
        """Call `fn`; log what it raises."""
        try:
            fn(*args)
        except Exception:
            self.errors += 1
            logger.exception("a listener raised, %r; the others were called all the same", fn)
