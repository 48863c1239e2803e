"""What tells of changes of an object of `mesh.object`, or of a dict, a list or a set within one.

Whatever is written of an object, in whichever row of whichever kind, is told under the key of the object: see
`Spaces`.  So a listener stays, whatever the object is replaced by, and hears of what is deep within it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ObjectGone
from .observable import Observable
from .reached import Held, value_of
from .spaces import OBJECT


class Watched(Observable):
    """Who stands for an object, as a thing with a value that changes; None while there is none."""

    def __init__(self, held: Held, proxy: Any) -> None:
        self._held, self._proxy = held, proxy

    @property
    def value(self) -> Any:
        """The value, frozen; None if it was deleted.  O(its size)."""
        try:
            return value_of(self._held)
        except ObjectGone:
            return None

    def _it(self) -> Any:
        return self._proxy

    def _subscribe(self, fn: Callable[..., Any], call: Callable[[], object]) -> None:
        self._held.mesh._subscribe_to(OBJECT, (self._held.key,), fn, call)

    def _unsubscribe(self, fn: Callable[..., Any]) -> None:
        self._held.mesh._unsubscribe_from(OBJECT, (self._held.key,), fn)
