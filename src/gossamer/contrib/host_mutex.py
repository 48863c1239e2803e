"""One at a time, among the processes of a host: who puts a key has the mutex, and it lapses with the key."""

from __future__ import annotations

import secrets
import time

from .shelf import Shelf, Token

LOOK_AGAIN_S = 0.005
"""How often one that waits looks whether the key is gone: in shared memory, some hundred nanoseconds each."""


class HostMutex:
    """A lock that the processes and threads of a host respect, and that is given away after `lease_s` seconds.

    Not reentrant.  Processes of other hosts may have it at the same time: they do not wait for each other.
    """

    def __init__(self, shelf: Shelf, key: str, lease_s: float) -> None:
        self._shelf = shelf
        self._key = key
        self._lease_s = lease_s
        self._held = ""

    def acquire(self, wait: bool = True) -> bool:
        """Return True once we have it; if we would have to `wait` and shall not, False."""
        mark = secrets.token_hex(8)
        while not self._shelf.insert(self._key, mark, self._lease_s):
            if not wait:
                return False
            while self._key in self._shelf:
                time.sleep(LOOK_AGAIN_S)
        self._held = mark
        return True

    def release(self) -> None:
        """Give it back, unless it has lapsed and is somebody else's by now."""
        mark, self._held = self._held, ""
        self._shelf.replace(self._key, Token(mark), None, ttl=0)

    def locked(self) -> bool:
        """Return whether anybody of this host has it."""
        return self._key in self._shelf
