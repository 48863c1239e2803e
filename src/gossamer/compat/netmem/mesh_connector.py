"""A connector that is a peer of a mesh: what `UdpConnector`, `WsServerConnector` and `WsClientConnector` are.

The mesh keeps the state, so who joins late has all of it, what is deleted stays deleted, and all agree.  This
carries what the memory changes into the mesh, and what others change out of it: see `network_memory`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ... import join
from ...errors import ConfigurationError, GossamerError, MeshClosed
from .changed import Changed, message_of
from .connector import Connector
from .values import ABSENT, same

READER_ENDS_WITHIN_S = 2.0
OF_JOIN = ("secret", "insecure_lan", "peers", "interfaces", "nickname", "options")
"""What a connector takes besides netmem's own arguments, and gives to `gossamer.join`."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a mesh holds under a key now."""

    value: Any
    written_at_s: float
    is_ours: bool

    @property
    def rank(self) -> tuple[bool, float, str]:
        """By which one of several networks is right about a key on which they differ: a value before a delete."""
        return self.value is not ABSENT, self.written_at_s, repr(self.value)


NOTHING = Held(ABSENT, 0.0, False)


class MeshConnector(Connector):
    """Joins a memory to the mesh `mesh_name`, on UDP and TCP port `port`.

    `of_join` are arguments of `gossamer.join`: what is not given is taken from GOSSAMER_* in the environment and
    from gossamer.toml.  Without a secret, the mesh is of this host and this user alone.
    """

    def __init__(self, mesh_name: str, port: int | None, of_join: Mapping[str, Any]) -> None:
        super().__init__()
        unknown = [name for name in of_join if name not in OF_JOIN]
        if unknown:
            raise TypeError(f"{type(self).__name__} takes no {unknown[0]!r}; besides netmem's it takes mesh, {OF_JOIN}")
        self.mesh_name = mesh_name
        self.port = port
        self.mesh: Any = None
        """The mesh, once connected: all of gossamer's, as `connector.mesh.peers`."""
        self._of_join = dict(of_join)
        self._changes: Any = None
        self._reader: threading.Thread | None = None
        self._is_connecting = False
        self._is_closing = False

    def connect(self, listener: Any, netmem_dict: Any = None, loop: asyncio.AbstractEventLoop | None = None) -> Self:
        """Join.  Returns once caught up with the peers found, or alone; in a running asyncio loop, at once.

        Raises ConfigurationError if it is connected already, and what `gossamer.join` raises; in a running loop that
        goes to `listener.connection_error`.
        """
        if self._is_connecting or self.mesh is not None:
            raise ConfigurationError(f"{self!r} is connected already; make another for another memory")
        super().connect(listener, netmem_dict, loop=loop)
        self._is_connecting, self._is_closing = True, False
        if _in_running_loop():
            threading.Thread(target=self._open_aside, name=f"{self!r}", daemon=True).start()
        else:
            self._open()
        return self

    def _open_aside(self) -> None:
        try:
            self._open()
        except Exception as error:
            self.log.error("%r was not connected: %s", self, error)

    def _open(self) -> None:
        try:
            mesh = join(self.mesh_name, port=self.port, **self._of_join)
            if self._is_closing:
                mesh.close(0)
                return
            self.mesh, self._changes = mesh, mesh.changes()
            if mesh.arguments.host_only:
                self.log.info("%r joins programs of this host and user alone, for no secret is set", self)
            self.listener.connection_made(self)
            self._start_reading()
            self._opened()
        except Exception as error:
            self.listener.connection_error(self, error)
            if self.mesh is not None:
                self.mesh.close()
                self._end(error)
            raise
        finally:
            self._is_connecting = False

    def _opened(self) -> None:
        """It is connected."""

    def close(self) -> None:
        """Send what was written, say goodbye, and end.  Again does nothing."""
        is_first, self._is_closing = not self._is_closing, True
        if is_first and self.mesh is not None:
            self.mesh.close()
            self._end()

    def _end(self, error: Exception | None = None) -> None:
        """The mesh was closed: whoever uses it, is told before it is gone."""
        self.listener.connection_lost(self, error)
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(READER_ENDS_WITHIN_S)
        self.mesh = None

    # -- into the mesh ----------------------------------------------------------------------------

    def send_message(self, msg: dict[str, Any]) -> None:
        """Write the changes of a message into the mesh, in one batch: everywhere all, or none.

        Raises UnsendableValue, InvalidKey or ValueTooLarge for what cannot travel; then nothing was written.
        """
        mesh, rows = self._open_mesh(), msg["changes"]
        if len(rows) == 1:  # most often; a batch would cost as much again
            _write(mesh, rows[0])
            return
        with mesh.batch():
            for row in rows:
                _write(mesh, row)

    def check(self, key: Any, value: Any) -> None:
        """Raise as `send_message` would for this value under this key; write nothing."""
        mesh = self._open_mesh()
        try:
            with mesh.batch():
                mesh[key] = value
                raise _OnlyAskedError
        except _OnlyAskedError:
            return

    # -- out of the mesh --------------------------------------------------------------------------

    def current(self, key: Any) -> Held:
        """Return what the mesh holds under a key now."""
        mesh = self._open_mesh()
        try:
            entry = mesh.entry(key)
        except KeyError:
            return NOTHING
        return Held(entry.value, entry.written_at_s, entry.writer == mesh.me)

    def snapshot(self) -> dict[Any, Any]:
        """Return all that the mesh holds, as of one moment."""
        return dict(self._open_mesh().snapshot())

    def _open_mesh(self) -> Any:
        if self.mesh is None:
            raise MeshClosed(f"{self!r} is not connected")
        return self.mesh

    def _start_reading(self) -> None:
        self._reader = threading.Thread(
            target=self._read, args=(self._changes,), name=f"{type(self).__name__} of {self.mesh_name}", daemon=True
        )
        self._reader.start()

    def _read(self, changes: Any) -> None:
        """Hand over what others write, until the end; the changes of one batch in one message."""
        for found in iter(changes.take, []):
            told = [change for change in found if not change.local]
            if told:
                rows = [Changed(c.key, c.old, c.new if c.kind == "set" else ABSENT, _seconds(c.stamp)) for c in told]
                self._hand_over(message_of(self.mesh_name, rows))
        if not self._is_closing and self._changes is changes:
            self._end(MeshClosed(f"the mesh {self.mesh_name!r} has ended"))

    def _hand_over(self, message: dict[str, Any]) -> None:
        try:
            self.listener.message_received(self, message)
        except Exception:  # of a listener of the program's own; what comes later must still be heard
            self.log.exception("what %r received was not taken", self)

    # -- fork -------------------------------------------------------------------------------------

    def resume(self) -> None:
        """In a forked child: take part again, as a new peer."""
        self._changes = self._open_mesh().changes()
        self._start_reading()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.mesh_name!r})"


class _OnlyAskedError(GossamerError):
    """Ends a batch, so that nothing of it is written."""


def _write(mesh: Any, row: Mapping[str, Any]) -> None:
    key, new = row["key"], row["new_val"]
    if row["action"] == "delete":
        mesh.pop(key, None)
    else:
        mesh.set(key, new, force=same(mesh.get(key, ABSENT), new))  # equal, so somebody insists


def _seconds(stamp: int) -> float:
    return (stamp >> 16) / 1000


def _in_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
