"""PyDispatcher beside a node: what is sent there in this program reaches the node's callbacks, and the other way.

1. `dispatcher.send` of a signal that is connected here calls the node's callbacks, in the thread that sends.  It
   does not leave the program: `pyvent.send` does.
2. A signal that comes through the mesh is told to PyDispatcher's own receivers too.  These compare senders by
   identity: connect them with `dispatcher.Any`, or with a literal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ...errors import ConfigurationError
from .receivers import ANONYMOUS, ANY, Receivers

logger = logging.getLogger("gossamer.compat.pyvent")


class Bridge:
    """Between one node's receivers and PyDispatcher."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._dispatcher: Any = _imported("dispatcher")
        self._apply: Any = _imported("robustapply").robustApply
        self._known: set[Any] = set()

    @classmethod
    def wanted(cls, option: bool | None, receivers: Receivers) -> Bridge | None:
        """Return a bridge if one is asked for, or if nothing is said and the program has imported PyDispatcher."""
        if option or (option is None and "pydispatch.dispatcher" in sys.modules):
            return cls(receivers)
        return None

    def listen(self, signal: Any) -> None:
        """Hear what is sent there of a signal.  PyDispatcher holds us weakly, as it does by default."""
        if signal not in self._known:
            self._known.add(signal)
            there = self._dispatcher.Any if signal is ANY else signal
            self._dispatcher.connect(self._hear, signal=there, sender=self._dispatcher.Any)

    def _hear(self, *args: Any, **named: Any) -> None:
        signal, sender = named.pop("signal"), same(named.pop("sender"))
        self._receivers.heard(signal, "" if sender is ANONYMOUS else sender, args, named)

    def forward(self, signal: Any, sender: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Tell PyDispatcher's own receivers; what they raise is logged."""
        there = self._dispatcher.Anonymous if sender == "" else sys.intern(sender) if type(sender) is str else sender
        named = {name: value for name, value in kwargs.items() if name not in ("signal", "sender")}
        for receiver in list(self._dispatcher.liveReceivers(self._dispatcher.getAllReceivers(there, signal))):
            if isinstance(getattr(receiver, "__self__", None), Bridge):
                continue  # a node's, which has heard it through the mesh
            try:
                self._apply(receiver, *args, signal=signal, sender=there, **named)
            except Exception as error:
                logger.error("PyDispatcher's receiver %r of %r failed", receiver, signal, exc_info=error)


def same(value: Any) -> Any:
    """Return our `Any` or `Anonymous` for PyDispatcher's, and anything else as it is."""
    dispatcher = sys.modules.get("pydispatch.dispatcher")
    if dispatcher is not None and value is dispatcher.Any:
        return ANY
    if dispatcher is not None and value is dispatcher.Anonymous:
        return ANONYMOUS
    return value


def _imported(name: str) -> Any:
    try:
        return import_module(f"pydispatch.{name}")
    except ImportError as error:
        raise ConfigurationError(
            "pydispatch=True lets PyDispatcher's signals reach pyvent's callbacks, but PyDispatcher is not installed: "
            "pip install PyDispatcher"
        ) from error
