"""What joins a memory to others: the interface that a program's own connectors fill in, as in netmem."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Self

from .bindable_dict import LOGGER


class ConnectorListener:
    """What a connector tells: of what it has received, and of its connection.  Each is called in any thread."""

    def message_received(self, connector: Any, msg: dict[str, Any]) -> None:
        """A message has come: `{"name": ..., "changes": [{"key", "action", "old_val", "new_val", "timestamp"}]}`."""

    def connection_made(self, connector: Any) -> None:
        """It can send from now on."""

    def connection_lost(self, connector: Any, exc: Any = None) -> None:
        """It can send no more."""

    def connection_error(self, connector: Any, exc: Any = None) -> None:
        """Something failed; it may go on."""


class Connector:
    """Carries messages between a memory and anything else.  Subclass it, and fill in what you need.

    `connect` is called once; when it can send it calls `self.listener.connection_made(self)`, and is from then on
    given a message for each change, by `send_message`.  What it receives, it hands to
    `self.listener.message_received(self, msg)`, in any thread.
    """

    def __init__(self) -> None:
        self.log = logging.getLogger(f"{LOGGER}.{type(self).__name__}")
        self.listener: Any = None
        self.netmem: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop to work in: that of `connect_on_new_thread`, or the one in which `connect` was called."""
        if self._loop is None and self.listener is not None:
            self._loop = asyncio.get_event_loop()
        return self._loop

    @loop.setter
    def loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def connect(self, listener: Any, netmem_dict: Any = None, loop: asyncio.AbstractEventLoop | None = None) -> Self:
        """Begin.  Who overrides this calls it first, and returns `self`."""
        self.listener = listener
        self.netmem = netmem_dict
        self._loop = loop
        return self

    def send_message(self, msg: dict[str, Any]) -> None:
        """Send a message on.  One at a time, in the thread (or loop) of listeners; what it raises is logged."""

    def close(self) -> None:
        """End.  Who has ended calls `self.listener.connection_lost(self)`."""
