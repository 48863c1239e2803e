"""A dict that several programs share, as netmem's: a `Bridge` of meshes that knows connectors of the program's own too.

1. Connectors of the program's own get each change as a message.  What they hand over counts if it is newer than what
   the key holds, by the time in the message; so messages may come twice, late and in circles.
2. Listeners, and connectors of the program's own, are called in one thread: see `dispatcher`.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

from .bridge import Bridge
from .changed import Changed, message_of, read_change
from .connector import ConnectorListener
from .dispatcher import Dispatcher
from .loop_thread import LoopThread
from .mesh_connector import MeshConnector
from .values import ABSENT, thawed

LOOP_ENDS_WITHIN_S = 3.0
_numbers = itertools.count(1)


class NetworkMemory(Bridge, ConnectorListener):
    """A dict that is shared through its connectors, and tells listeners of changes, here and elsewhere.

    `NetworkMemory(name="mine", key=value, ...)`: values that it begins with tell nobody, and are written into a network
    where the key is absent.  Reading is as in a dict, and iterating walks a copy: it never fails because others write.
    Values travel by copy: change one in place, then call `mark_as_changed(key)`.  Thread-safe.

    Once connected to a mesh, raises UnsendableValue, InvalidKey or ValueTooLarge at the assignment of what cannot
    travel; then nothing was stored.
    """

    def __init__(self, *, name: str | None = None, **initial: Any) -> None:
        super().__init__(**initial)
        self.name = f"{type(self).__name__}_{next(_numbers)}" if name is None else name
        self.loop: asyncio.AbstractEventLoop | None = None
        self._loops: dict[int, LoopThread] = {}
        self._dispatcher = Dispatcher(f"{self.name} listeners")

    # -- connecting -------------------------------------------------------------------------------

    def connect(self, connector: Any, loop: asyncio.AbstractEventLoop | None = None) -> Any:
        """Connect, and return what the connector's `connect` does: the connector.

        Returns once caught up with the peers found, or alone after some 0.3 s; in a running asyncio loop at once, and
        from then on listeners are called in that loop.  What was set before is written where it is newer.
        """
        loop = _running_loop() if loop is None else loop
        if self.loop is None and loop is not None:
            self.loop = self._dispatcher.runs_in = loop
        return connector.connect(self, self, loop=loop)

    def connect_on_new_thread(self, connector: Any) -> Any:
        """Connect in a program that has no asyncio loop, or another loop such as Tk's.

        A connector of the program's own gets a loop in a thread of its own, which ends with it.
        """
        if isinstance(connector, MeshConnector):
            return connector.connect(self, self)
        thread = self._loops[id(connector)] = LoopThread(f"{type(connector).__name__} loop")
        try:
            connected = connector.connect(self, self, loop=thread.loop)
        except BaseException:
            self._loops.pop(id(connector)).stop()
            raise
        thread.start()
        return connected

    def close_all(self) -> None:
        """Close all connectors, after sending what was written.  The memory stays, of this process alone."""
        self._wake()
        for connector in self._connectors:
            self._drop(connector)
            try:
                connector.close()
            except Exception:
                self.log.exception("%r did not close", connector)
        for thread in list(self._loops.values()):
            thread.stop()
            thread.join(LOOP_ENDS_WITHIN_S)
        self._loops.clear()

    def connection_made(self, connector: Any) -> None:
        """Send it each change from now on; exchange with a mesh what both hold."""
        with self._lock:
            if isinstance(connector, MeshConnector):
                self._cross_to(connector)
                self._meet(connector)
            self._connectors = [*self._connectors, connector]
            connector.message_received = self.message_received
        self.log.info("%s: connected by %r", self.name, connector)

    def connection_lost(self, connector: Any, exc: Any = None) -> None:
        """Send it nothing more."""
        self._drop(connector)
        thread = self._loops.pop(id(connector), None)
        if thread is not None:
            thread.stop()
        self.log.info("%s: no longer connected by %r (%s)", self.name, connector, exc)

    # -- what others change -----------------------------------------------------------------------

    def message_received(self, connector: Any, msg: dict[str, Any]) -> None:
        """Take over the changes of a message: those of a mesh as they are, others if they are newer."""
        self.log.debug("%s: received from %r: %r", self.name, connector, msg)
        if isinstance(connector, MeshConnector):
            with self._lock:
                if connector in self._connectors:
                    self._of_mesh(connector, msg)
            return
        rows = msg.get("changes") if isinstance(msg, dict) else None
        if not isinstance(rows, list):
            self.log.error("%s: %r handed over what is no message: %r", self.name, connector, msg)
            return
        with self:
            for row in rows:
                try:
                    self._take(*read_change(row))
                except (ValueError, TypeError) as error:  # ours, for what cannot travel, are such too
                    self.log.error("%s: a change from %r was passed over: %s", self.name, connector, error)

    def _take(self, key: Any, new: Any, timestamp: float | None) -> None:
        if new is not ABSENT:
            self.set(key, new, timestamp=timestamp)
            return
        with self._lock:
            held = dict.get(self, key, ABSENT)
            if timestamp is not None and self._is_late(key, ABSENT, timestamp):
                return
            if held is not ABSENT:
                self._make([Changed(key, held, ABSENT, timestamp or self._now(key))])
            elif timestamp is not None:
                self._restamp(key, ABSENT, timestamp)

    def _restamp(self, key: Any, value: Any, timestamp: float) -> None:
        """Let connectors know too, so that an older value that reaches them later is known to be older."""
        super()._restamp(key, value, timestamp)
        self._record([Changed(key, value, value, timestamp, is_news=False)])

    def _record(self, changes: list[Changed]) -> None:
        others = [each for each in self._connectors if not isinstance(each, MeshConnector)]
        listeners = self._listeners
        if not changes or not (others or listeners):
            return
        copies = [replace(change, old=thawed(change.old), new=thawed(change.new)) for change in changes if others]
        news = [change for change in changes if change.is_news]

        def carry() -> None:
            self._carry(others, copies)
            self._tell_those(listeners, news)

        self._dispatcher.put(carry)

    def _carry(self, connectors: list[Any], copies: list[Changed]) -> None:
        """Send changes to connectors of the program's own.  In the thread of listeners."""
        for connector in connectors:
            try:
                if connector in self._connectors:
                    connector.send_message(message_of(self.name, copies))
            except Exception as error:
                self.log.exception("%s: %r did not send %r", self.name, connector, [each.key for each in copies])
                self.connection_error(connector, error)

    def _tell(self, changes: Any) -> None:
        """Do nothing: listeners are called by the dispatcher, in the order in which changes were stored."""

    def fork_in_child(self) -> None:
        """Forget the parent's threads; join the meshes anew at first use."""
        super().fork_in_child()
        runs_in = self._dispatcher.runs_in
        self._dispatcher = Dispatcher(f"{self.name} listeners")
        self._dispatcher.runs_in = None if runs_in is None or not runs_in.is_running() else runs_in
        self._loops.clear()

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name} ({self})"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
