"""Functions that are called with events: which arguments each takes, and who is called for what."""

from __future__ import annotations

import inspect
import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from ..protocol.emissions import RawEvent
from .changes import Pattern
from .events import Event, is_meant

logger = logging.getLogger("gossamer.events")

NAMES_MAX = 1024
"""Names of which we remember whom they concern."""
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_IN_ORDER = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Handler:
    """One registration of a function."""

    __slots__ = (
        "_complained",
        "_counts",
        "_signature",
        "fn",
        "heard_until",
        "is_weak",
        "once",
        "pattern",
        "replay",
        "replayed_until",
        "sender",
    )

    def __init__(self, fn: Callable[..., Any], pattern: str, sender: Any, once: bool, weak: bool = False) -> None:
        if not callable(fn):
            raise TypeError(f"a handler must be callable, not {type(fn).__name__}")
        if inspect.iscoroutinefunction(fn):
            raise TypeError(f"{fn!r} is async, and handlers are called, not awaited: iterate events.stream() instead")
        self.fn: Callable[[], Callable[..., Any] | None] = weakly(fn) if weak else lambda: fn
        """Returns the function; None once it is gone."""
        self.pattern, self.sender, self.once, self.is_weak = Pattern(pattern), sender, once, weak
        self.heard_until: Mapping[bytes, int] = {}
        """The events, of each boot, that a replay brings to this handler if anything does."""
        self.replay = False
        self.replayed_until: dict[bytes, int] = {}
        self._complained = False
        try:
            self._signature: inspect.Signature | None = inspect.signature(fn)
        except (TypeError, ValueError):  # some builtins have none: they are given everything
            self._signature = None
        self._counts = range(0) if self._signature is None else positional_counts(self._signature)

    @property
    def is_gone(self) -> bool:
        """Whether its function was held weakly, and nobody else has it any more."""
        return self.is_weak and self.fn() is None

    def wants(self, raw: RawEvent, sender: Any) -> bool:
        """Whether it is to be called with an event of a name that matches, which it then has had: never twice."""
        if raw.replayed:
            return self._wants_replayed(raw, sender)
        if self.heard_until and raw.number <= self.heard_until.get(raw.boot, 0):
            return False
        return self.sender is None or is_meant(self.sender, sender)

    def _wants_replayed(self, raw: RawEvent, sender: Any) -> bool:
        until = self.heard_until.get(raw.boot, raw.number)
        if not (self.replay and self.replayed_until.get(raw.boot, 0) < raw.number <= until):
            return False
        if not is_meant(self.sender, sender):
            return False
        self.replayed_until[raw.boot] = raw.number
        return True

    def takes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether the function takes these arguments just as they come; else `call` it with the event."""
        return self._signature is None or (not kwargs and len(args) in self._counts)

    def call_plainly(self, name: str, sender: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Call the function with arguments that it takes as they come; as `call` does, but no event need be made."""
        fn = self.fn()
        if fn is None:
            return True
        try:
            fn(*args, **kwargs)
        except Exception as error:
            self._complain(name, sender, error)
            return False
        return True

    def call(self, event: Event) -> bool:
        """Call the function with what it takes of `event`; log what goes wrong, loudly once.  Return whether it did."""
        assert self._signature is not None
        fn = self.fn()
        if fn is None:
            return True
        try:
            args, kwargs = fitted(self._signature, event)
            fn(*args, **kwargs)
        except Exception as error:
            self._complain(event.name, event.sender, error)
            return False
        return True

    def _complain(self, name: str, sender: Any, error: Exception) -> None:
        level = logging.DEBUG if self._complained else logging.ERROR
        self._complained = True
        logger.log(
            level,
            "the handler %r of the event %r from %s failed: %s; the others were called all the same, and "
            "further failures of this one are logged at level DEBUG",
            self.fn(),
            name,
            sender,
            error,
            exc_info=None if isinstance(error, Unfit) else error,
        )


class Handlers:
    """Those that are registered, in order.  Never changed: what registers another makes another of these.

    So what was found out about a name stays true, and is found out once.
    """

    __slots__ = ("_named", "all")

    def __init__(self, handlers: tuple[Handler, ...] = ()) -> None:
        self.all = handlers
        self._named: dict[str, tuple[Handler, ...]] = {}

    def named(self, name: str) -> tuple[Handler, ...]:
        """Return whom an event of this name may concern.  From any thread."""
        found = self._named.get(name)
        if found is None:
            found = tuple(handler for handler in self.all if handler.pattern.matches(name))
            if len(self._named) >= NAMES_MAX:
                self._named.clear()
            self._named[name] = found
        return found


def weakly(fn: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
    """Return what returns `fn` for as long as somebody else holds it; of a method, for as long as its object is held.

    Raises TypeError for what Python cannot refer to weakly.
    """
    return weakref.WeakMethod(fn) if inspect.ismethod(fn) else weakref.ref(fn)


class Unfit(TypeError):
    """An event lacks an argument that a handler must have, or has one too many."""


def positional_counts(signature: inspect.Signature) -> range:
    """Return how many arguments a function takes just as they come; an empty range if it names what we add."""
    parameters = signature.parameters.values()
    if any(p.kind not in _IN_ORDER or p.name in ("event", "sender") for p in parameters):
        return range(0)
    least = sum(p.default is p.empty for p in parameters)
    return range(least, len(parameters) + 1)


def fitted(signature: inspect.Signature, event: Event) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of `event` that a function of this signature takes.

    Parameters named `event` and `sender` are given the event and its sender, unless the event has
    keyword arguments of these names.  Keyword arguments that it does not name are left out.
    """
    parameters = signature.parameters
    given = {"event": event, "sender": event.sender, **event.kwargs}
    bound = {p.name: given[p.name] for p in parameters.values() if p.kind in _NAMED and p.name in given}
    free = [p.name for p in parameters.values() if p.kind in _IN_ORDER and p.name not in bound]
    bound.update(zip(free, event.args, strict=False))
    for parameter in parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            bound[parameter.name] = event.args[len(free) :]
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound[parameter.name] = {name: value for name, value in event.kwargs.items() if name not in bound}
        elif parameter.name not in bound and parameter.default is parameter.empty:
            raise Unfit(f"the event has no argument for {parameter.name!r}")
    takes_rest = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values())
    if len(event.args) > len(free) and not takes_rest:
        raise Unfit(f"the event has {len(event.args)} arguments, and it takes {len(free)}")
    ordered = {name: bound[name] for name in parameters if name in bound}
    made = inspect.BoundArguments(signature, ordered)
    return made.args, made.kwargs
