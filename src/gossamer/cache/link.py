"""A stream to the process that publishes: asks, waits for the reply, and lets go of one that is dead.

One request is under way at a time; threads take turns.  Of a request whose reply never
came, nobody knows whether it was done: what may be done twice is asked again of whoever
publishes next, the rest is reported.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any, Final

from .. import errors
from ..errors import ConfigurationError, GossamerError, NoPublisher
from .requests import ATTACH_VERSION, CHANGED, GOODBYE, Frames, Reply, Verb, read_reply, request_frame
from .sockets import connected

AGAIN_S: Final = 0.01
"""Between two tries to reach a publisher."""
READ_BYTES: Final = 1 << 13
"""Room for a usual reply; a larger one is read in several pieces."""
REPEATABLE: Final = frozenset({Verb.WRITE, Verb.CLEAR, Verb.WATCH})
"""What may be done twice: it says what is to be, whatever is there."""


class _EndedInOrder(ConnectionResetError):
    """The publisher said goodbye: it has not done what was asked."""


class Link:
    """Requests to whoever publishes at `path`.  Thread-safe."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._path = path
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._frames = Frames()
        self._number = CHANGED
        self._pid = os.getpid()
        self._is_hurried = False
        """Whether the stream was opened late, and waits only for as long as was left then."""
        self.version = 0
        """The version of the segment that shows what was asked for last."""

    def ask(self, verb: Verb, *arguments: Any) -> Any:
        """Ask, and return the result once it was done and published.

        Raises `NoPublisher` if nobody answers within the timeout, and what the publisher raised.
        """
        with self._lock:
            self._number += 1
            frame = request_frame(self._number, verb, arguments)
            reply = self._exchange(frame, verb)
        self.version = max(self.version, reply.version)
        if reply.error:
            kind = getattr(errors, reply.error, GossamerError)
            raise (
                kind(reply.result)
                if isinstance(kind, type) and issubclass(kind, GossamerError)
                else GossamerError(reply.result)
            )
        return reply.result

    def _exchange(self, frame: bytes, verb: Verb) -> Reply:
        deadline = time.monotonic() + self.timeout_s
        while True:
            asked = False
            try:
                sock = self._connected(deadline)
                sock.sendall(frame)  # of which nothing is done unless it was sent whole
                asked = True
                return self._reply(sock)
            except TimeoutError:
                self.drop()
                raise NoPublisher(self._story("did not answer", verb, asked)) from None
            except OSError as error:
                self.drop()
                asked &= not isinstance(error, _EndedInOrder)
                if asked and verb not in REPEATABLE:
                    raise NoPublisher(self._story("has gone", verb, asked)) from error
                if time.monotonic() >= deadline:
                    raise NoPublisher(self._story("is not there", verb, asked)) from None
                time.sleep(AGAIN_S)

    def _story(self, what: str, verb: Verb, asked: bool) -> str:
        doubt = "; whether it was done nobody knows" if asked and verb not in REPEATABLE else ""
        return (
            f"the process that publishes {what} (waited {self.timeout_s:g} s){doubt}; what it published can still be "
            "read; start one with gossamer.join(name, share=True)"
        )

    def _connected(self, deadline: float) -> socket.socket:
        if self._pid != os.getpid():  # a forked child: the stream is its parent's
            self._socket, self._frames, self._pid = None, Frames(), os.getpid()
        if self._socket is None:
            self._socket = connected(self._path, max(0.001, deadline - time.monotonic()))
            self._frames, self._is_hurried = Frames(), True
            self._await_hello(self._socket)  # until then, nobody may ever have read what we ask
        elif self._is_hurried:
            self._socket.settimeout(max(0.001, self.timeout_s))
            self._is_hurried = False
        return self._socket

    def _await_hello(self, sock: socket.socket) -> None:
        while True:
            data = sock.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the publisher closed the stream")
            for body in self._frames.feed(data):
                version = read_reply(body).result
                if version != ATTACH_VERSION:
                    raise ConfigurationError(
                        f"the publisher speaks version {version} of this protocol, not {ATTACH_VERSION}: "
                        "let all processes of this host use one version of gossamer"
                    )
                return

    def follow(self) -> bool:
        """Open a stream to whoever publishes; return whether there is anybody.  Then `wait_for_news` tells its end."""
        try:
            self._connected(time.monotonic() + self.timeout_s)
        except OSError:
            self.drop()
            return False
        return True

    def _reply(self, sock: socket.socket) -> Reply:
        while True:
            data = sock.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the publisher closed the stream")
            for body in self._frames.feed(data):
                reply = read_reply(body)
                if reply.number == self._number:
                    return reply
                if reply.number == GOODBYE:
                    raise _EndedInOrder

    def wait_for_news(self, timeout_s: float | None) -> bool:
        """After `Verb.WATCH`: return whether something was published in time.  Raises `OSError` if the stream ended."""
        sock = self._socket
        if sock is None:
            raise ConnectionResetError("there is no stream to a publisher")
        sock.settimeout(timeout_s)
        try:
            data = sock.recv(READ_BYTES)
        except TimeoutError:
            return False
        if not data:
            raise ConnectionResetError("the publisher closed the stream")
        self._frames.feed(data)
        return True

    def drop(self) -> None:
        """Close the stream; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def interrupt(self) -> None:
        """Let whoever waits for news return: from another thread."""
        sock = self._socket
        if sock is not None and self._pid == os.getpid():
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself
