"""What has a value that changes, and whoever wants to know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .shown import ShownAsLine

if TYPE_CHECKING:
    from .listeners import Listeners

F = TypeVar("F", bound=Callable[..., Any])


class Observable(ShownAsLine, ABC):
    """Something of a mesh that has a value and tells when it has changed.

    Listeners run where those of `mesh.on` do: in a script on the one thread for listeners, in
    trio in the loop; in order, one at a time, and what one raises is logged and harms no other.
    """

    @property
    @abstractmethod
    def value(self) -> Any:
        """The value now."""

    @abstractmethod
    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        """Run `call` in the name of `fn`, where listeners run, soon after the value may have changed."""

    @abstractmethod
    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        """Undo one `_subscribe` of `fn`; do nothing if there was none."""

    def _it(self) -> Any:
        """Return what listeners are told has changed."""
        return self

    def on_change(self, fn: Any = None, *, value_only: bool = False, no_args: bool = False) -> Any:
        """Call `fn(it, old, new)` when the value has changed; `fn(new)` if `value_only`, `fn()` if `no_args`.

        Without `fn`, a decorator.  Several changes in quick succession may be told as one.  Live when
        the call returns.
        """
        if fn is None:
            return lambda fn: self.on_change(fn, value_only=value_only, no_args=no_args)
        last, called = self.value, False

        def call() -> None:
            nonlocal last, called
            old, last, called = last, self.value, True
            if last is not old and last != old:
                tell(fn, self._it(), old, last, value_only, no_args)

        self._subscribe(fn, call)
        if not called:  # what changed before anybody listened is no news
            last = self.value
        return fn

    def off(self, fn: Callable[..., Any]) -> None:
        """Call `fn` no more.  It is no error if it was not registered."""
        self._unsubscribe(fn)


def tell(fn: Callable[..., Any], it: object, old: Any, new: Any, value_only: bool, no_args: bool) -> None:
    """Call a listener with what it asked for."""
    if no_args:
        fn()
    elif value_only:
        fn(new)
    else:
        fn(it, old, new)


def subscribe(listeners: Listeners, key: Any, fn: Callable[..., Any], call: Callable[[], object]) -> None:
    """Run `call` in the name of `fn` after each change of a key, or of the object that a `SpaceKey` names."""
    listeners.add(fn, call=lambda _: call(), key=key)
