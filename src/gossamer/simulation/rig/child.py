"""The child of a fork on the rig: a process on its parent's computer, which hears orders through its parent."""

from __future__ import annotations

import signal
from typing import Any

from ..scenario import NoSuchFault
from .host import Host


class Child(Host):
    """Has the network card, the disk and the fate of its parent: whatever ends or stops that, ends or stops it."""

    def __init__(self, name: str, parent: Host) -> None:
        self.name = name
        self.parent = parent
        self.number, self.address, self.namespace, self.disk = (
            parent.number,
            parent.address,
            parent.namespace,
            parent.disk,
        )
        self.role = None
        self._boot = parent.peer

    @property
    def is_up(self) -> bool:
        """Whether the parent that forked runs."""
        return self.parent.is_up and self.parent.peer is self._boot

    @property
    def is_awake(self) -> bool:
        """Whether it runs and is not stopped."""
        return self.is_up and self.parent.is_awake

    def _send(self, order: dict[str, Any]) -> None:
        self.parent._send({"do": "in_child", "name": self.name, "order": order})

    def answer(self, within_s: float) -> Any:
        """Return the answer to the last order; the parent answers one after the other."""
        return self.content(self.parent.answer(within_s))

    def kill(self) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault(f"{self.name} was forked off {self.parent.name}: both end together")

    def signal(self, number: signal.Signals) -> None:
        """Raise NoSuchFault."""
        raise NoSuchFault(f"{self.name} was forked off {self.parent.name}: both stand still together")
