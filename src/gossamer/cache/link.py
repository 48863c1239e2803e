"""A stream to the process that publishes: asks, waits for the reply, and lets go of one that is dead.

One request is under way at a time; threads take turns.  Of a request whose reply never
came, nobody knows whether it was done: what may be done twice is asked again of whoever
publishes next, the rest is reported.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, Final

from .. import errors
from ..errors import ConfigurationError, GossamerError, NoPublisher
from .requests import ATTACH_VERSION, CHANGED, GOODBYE, Frames, Reply, Verb, read_reply, request_frame
from .stream import Stream

AGAIN_S: Final = 0.01
"""Between two tries to reach a publisher."""
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
        self._stream: Stream | None = None
        self._frames = Frames()
        self._number = CHANGED
        self._pid = os.getpid()

    def ask(self, verb: Verb, *arguments: Any) -> Any:
        """Ask, and return the result once it was done and published.

        Raises `NoPublisher` if nobody answers within the timeout, and what the publisher raised.
        """
        with self._lock:
            self._number += 1
            frame = request_frame(self._number, verb, arguments)
            reply = self._exchange(frame, verb)
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
                stream = self._connected(deadline)
                stream.send(frame, deadline)  # of which nothing is done unless it was sent whole
                asked = True
                return self._reply(stream, deadline)
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

    def _connected(self, deadline: float) -> Stream:
        if self._pid != os.getpid():  # a forked child: the stream is its parent's
            self._stream, self._pid = None, os.getpid()
        if self._stream is None:
            self._frames = Frames()
            self._stream = Stream(self._path, deadline)
            self._await_hello(self._stream, deadline)  # until then, nobody may ever have read what we ask
        return self._stream

    def _await_hello(self, stream: Stream, deadline: float) -> None:
        while True:
            for body in self._frames.feed(_some(stream.receive(deadline))):
                version, pid = read_reply(body).result
                if version != ATTACH_VERSION:
                    raise ConfigurationError(
                        f"the publisher speaks version {version} of this protocol, not {ATTACH_VERSION}: "
                        "let all processes of this host use one version of gossamer"
                    )
                if pid == os.getpid():
                    stream.look_s = 0.0  # a thread of ours answers, when we let it
                return

    def follow(self) -> bool:
        """Open a stream to whoever publishes; return whether there is anybody.  Then `wait_for_news` tells its end."""
        try:
            self._connected(time.monotonic() + self.timeout_s)
        except OSError:
            self.drop()
            return False
        return True

    def _reply(self, stream: Stream, deadline: float) -> Reply:
        while True:
            for body in self._frames.feed(_some(stream.receive(deadline, stream.look_s))):
                reply = read_reply(body)
                if reply.number == self._number:
                    return reply
                if reply.number == GOODBYE:
                    raise _EndedInOrder

    def wait_for_news(self, timeout_s: float | None) -> bool:
        """After `Verb.WATCH`: return whether something was published in time.  Raises `OSError` if the stream ended."""
        stream = self._stream
        if stream is None or self._pid != os.getpid():
            raise ConnectionResetError("there is no stream to a publisher")
        try:
            data = stream.receive(None if timeout_s is None else time.monotonic() + timeout_s)
        except TimeoutError:
            return False
        self._frames.feed(_some(data))
        return True

    def drop(self) -> None:
        """Close the stream; the next request opens another."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def interrupt(self) -> None:
        """Let whoever waits for news return: from another thread."""
        stream = self._stream
        if stream is not None and self._pid == os.getpid():
            stream.shut()


def _some(data: bytes) -> bytes:
    if not data:
        raise ConnectionResetError("the publisher closed the stream")
    return data
