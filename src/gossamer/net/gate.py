"""Where attached processes of this host come in: a Unix socket, served in the loop.

Each request is answered before the next is read, and a reply leaves in the same turn of the
loop: no task stands between.  Whoever watches is told at most once a turn that something
has changed.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import trio

from ..errors import Malformed

logger = logging.getLogger("gossamer.net")

READ_BYTES = 1 << 14
UNREAD_BYTES_MAX = 64 << 20
"""An attached process that leaves so much unread is cut off: it will come again."""


class Guest:
    """One attached process, as we see it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.watches = False
        self.outgoing = bytearray()
        self.is_flushing = False


class Gate:
    """Serves the attached processes of one mesh.

    `listening` opens the socket, not to block; `answer(guest, data)` returns what is sent back, and is called with
    no data when the guest has gone; `answered` is called once that has left, for what nobody waits for.  `hello` is
    the first word to a guest, `news` tells of a change, `goodbye` is the last word if we end in order.
    """

    def __init__(
        self,
        listening: Callable[[], AbstractContextManager[socket.socket]],
        answer: Callable[[Guest, bytes], bytes],
        answered: Callable[[], None],
        hello: bytes,
        news: bytes,
        goodbye: bytes,
    ) -> None:
        self._listening = listening
        self._answer = answer
        self._answered = answered
        self._hello = hello
        self._news = news
        self._goodbye = goodbye
        self._guests: set[Guest] = set()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._is_told = True
        self.watchers = 0

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let attached processes in, until cancelled."""
        self._token = trio.lowlevel.current_trio_token()
        with self._listening() as listener:
            try:
                async with trio.open_nursery() as self._nursery:
                    task_status.started()
                    while True:
                        await trio.lowlevel.wait_readable(listener)
                        with contextlib.suppress(BlockingIOError, ConnectionError):
                            sock, _ = listener.accept()
                            self._nursery.start_soon(self._entertain, Guest(sock))
            finally:
                self._token = None
                for guest in self._guests:
                    guest.socket.close()

    async def _entertain(self, guest: Guest) -> None:
        sock = guest.socket
        sock.setblocking(False)
        self._guests.add(guest)
        try:
            self._send(guest, self._hello)
            while True:
                await trio.lowlevel.wait_readable(sock)
                try:
                    data = sock.recv(READ_BYTES)
                except BlockingIOError:
                    continue
                if not data:
                    self._answer(guest, b"")
                    return
                reply = self._answer(guest, data)
                if reply:
                    self._send(guest, reply)
                    self._answered()
                if guest.watches:
                    self.watchers = sum(one.watches for one in self._guests)
        except trio.Cancelled:
            if not guest.outgoing:
                with contextlib.suppress(OSError):  # it has gone, or reads nothing: then it asks nothing
                    sock.send(self._goodbye)
            raise
        except (Malformed, ConnectionError) as error:
            logger.warning("an attached process was cut off: %s", error)
            self._answer(guest, b"")
        finally:
            self._guests.discard(guest)
            self.watchers = sum(one.watches for one in self._guests)
            sock.close()

    def _send(self, guest: Guest, data: bytes) -> None:
        if not guest.is_flushing:
            with contextlib.suppress(BlockingIOError):
                sent = guest.socket.send(data)
                if sent == len(data):
                    return
                data = data[sent:]
        guest.outgoing += data
        if len(guest.outgoing) > UNREAD_BYTES_MAX:
            raise ConnectionAbortedError(f"it left {len(guest.outgoing)} bytes unread")
        if not guest.is_flushing and self._nursery is not None:
            guest.is_flushing = True
            self._nursery.start_soon(self._flush, guest)

    async def _flush(self, guest: Guest) -> None:
        try:
            while guest.outgoing and guest in self._guests:
                await trio.lowlevel.wait_writable(guest.socket)
                with contextlib.suppress(BlockingIOError):
                    del guest.outgoing[: guest.socket.send(guest.outgoing)]
        except (ConnectionError, trio.ClosedResourceError):
            guest.outgoing.clear()  # whoever reads from it learns of that
        finally:
            guest.is_flushing = False

    def changed(self) -> None:
        """Something was published: tell those who watch, soon.  From any thread; O(1) if nobody does."""
        if self.watchers and self._is_told and self._token is not None:
            self._is_told = False
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._tell)

    def _tell(self) -> None:
        self._is_told = True
        for guest in list(self._guests):
            if guest.watches and not guest.outgoing:  # who has not read the last news reads it first
                with contextlib.suppress(ConnectionError):
                    self._send(guest, self._news)
