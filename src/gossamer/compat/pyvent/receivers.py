"""Who is connected to what, as PyDispatcher has it: a callback is called once a signal, with the arguments it takes.

Senders are compared by equality, where PyDispatcher compares identities that do not survive the way through a
network: "till" hears "till" and what lies below it, such as "till.3", and "till.*" is a shell pattern.
"""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ...errors import GossamerError

logger = logging.getLogger("gossamer.compat.pyvent")

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class _Parameter:
    """A value that stands for itself alone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ANY = _Parameter("Any")
"""Every sender, or every signal."""
ANONYMOUS = _Parameter("Anonymous")
"""Nobody in particular: a sender that travels as an empty text."""


class NotConnected(GossamerError, KeyError):
    """A callback was to be disconnected from what it is not connected to.  Nothing was changed."""

    def __str__(self) -> str:  # KeyError's own shows a repr
        return Exception.__str__(self)


class Receivers:
    """The callbacks of one node.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receivers: tuple[Receiver, ...] = ()

    def add(self, callback: Callable[..., Any], signal: Any, sender: Any, weak: bool) -> None:
        """Connect a callback; again connects it once."""
        added = Receiver(callback, signal, sender, weak)
        with self._lock:
            self._receivers = (*(other for other in self._kept() if not other.is_for(callback, signal, sender)), added)

    def remove(self, callback: Callable[..., Any], signal: Any, sender: Any) -> None:
        """Disconnect a callback: `ANY` stands for whatever it was connected to.  Raise NotConnected if it was not."""
        with self._lock:
            kept = tuple(other for other in self._kept() if not other.is_within(callback, signal, sender))
            found = len(kept) < len(self._receivers)
            self._receivers = kept
        if not found:
            raise NotConnected(f"{callback!r} is not connected to the signal {signal!r} of the sender {sender!r}")

    def signals(self) -> list[Any]:
        """Return what anybody is connected to, each once."""
        return list(dict.fromkeys(receiver.signal for receiver in self._receivers))

    def heard(self, signal: Any, sender: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Call whoever is connected to this, each once and in the order in which they were connected."""
        called: list[Any] = []
        for receiver in self._receivers:
            callback = receiver.callback()
            if callback is None or not receiver.hears(signal, sender) or callback in called:
                continue
            called.append(callback)
            receiver.call(callback, signal, sender, args, kwargs)

    def forget_threads(self) -> None:
        """In a forked child: whoever held the lock is not there."""
        self._lock = threading.Lock()

    def _kept(self) -> Iterator[Receiver]:
        """Yield those whose callback is still there."""
        return (receiver for receiver in self._receivers if receiver.callback() is not None)


class Receiver:
    """One connection of a callback."""

    def __init__(self, callback: Callable[..., Any], signal: Any, sender: Any, weak: bool) -> None:
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {type(callback).__name__}")
        if inspect.iscoroutinefunction(callback):
            raise TypeError(f"{callback!r} is async, and callbacks are called, not awaited")
        self.callback: Callable[[], Callable[..., Any] | None] = _weakly(callback) if weak else lambda: callback
        """Returns the callback; None once nobody else has it."""
        self.signal, self.sender = signal, sender
        self._has_failed = False
        try:
            self._signature: inspect.Signature | None = inspect.signature(callback)
        except (TypeError, ValueError):  # some builtins have none: they are given what was sent, and nothing more
            self._signature = None

    def hears(self, signal: Any, sender: Any) -> bool:
        """Whether a signal of a sender is meant for it."""
        return (self.signal is ANY or self.signal == signal) and is_meant(self.sender, sender)

    def is_for(self, callback: Callable[..., Any], signal: Any, sender: Any) -> bool:
        """Whether it is this very connection."""
        return self.callback() == callback and self.signal == signal and self.sender == sender

    def is_within(self, callback: Callable[..., Any], signal: Any, sender: Any) -> bool:
        """Whether it is one of these connections."""
        return self.callback() == callback and signal in (ANY, self.signal) and sender in (ANY, self.sender)

    def call(
        self, callback: Callable[..., Any], signal: Any, sender: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Call it; what it raises, or that it lacks an argument, is logged, once loudly."""
        try:
            if self._signature is None:
                callback(*args, **kwargs)
            else:
                bound = fitted(self._signature, args, {"signal": signal, "sender": sender, **kwargs})
                callback(*bound.args, **bound.kwargs)
        except Exception as error:
            level = logging.DEBUG if self._has_failed else logging.ERROR
            self._has_failed = True
            logger.log(
                level,
                "the callback %r of the signal %r failed: %s; the others were called all the same, and further "
                "failures of this one are logged at level DEBUG",
                callback,
                signal,
                error,
                exc_info=error,
            )


def is_meant(wanted: Any, sender: Any) -> bool:
    """Return whether a receiver that wants this sender hears that one."""
    if wanted is ANY or wanted == sender:
        return True
    if type(wanted) is not str or type(sender) is not str:
        return False
    return fnmatchcase(sender, wanted) or (wanted != "" and sender.startswith(f"{wanted}."))


def fitted(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
    """Return these arguments without those that a function does not name.  Raises TypeError if one is missing."""
    parameters = signature.parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        named = {parameter.name for parameter in parameters if parameter.kind in _NAMED}
        kwargs = {name: value for name, value in kwargs.items() if name in named}
    return signature.bind(*args, **kwargs)


def _weakly(callback: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
    return weakref.WeakMethod(callback) if inspect.ismethod(callback) else weakref.ref(callback)
