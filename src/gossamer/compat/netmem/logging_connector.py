"""`LoggingConnector`: every message that a memory sends, in the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Self

from .connector import Connector


class LoggingConnector(Connector):
    """Logs each outgoing message, at the level INFO, to `gossamer.compat.netmem.LoggingConnector`."""

    def __init__(self) -> None:
        super().__init__()
        if self.log.level == logging.NOTSET:
            self.log.setLevel(logging.DEBUG)

    def connect(self, listener: Any, netmem_dict: Any = None, loop: asyncio.AbstractEventLoop | None = None) -> Self:
        """Begin to log."""
        super().connect(listener, netmem_dict, loop=loop)
        self.log.info("Connected.")
        self.listener.connection_made(self)
        return self

    def send_message(self, msg: dict[str, Any]) -> None:
        """Log it."""
        self.log.info("Sending message: %s", msg)

    def close(self) -> None:
        """Log no more."""
        if self.listener is not None:
            self.listener.connection_lost(self)
