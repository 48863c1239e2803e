"""How signals outlive the last line of a program a little, and what a fork leaves of them."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Any, Protocol


class Sender(Protocol):
    """Somebody who may have sent what nobody has got yet."""

    def linger(self) -> None:
        """The program ends: wait a little."""

    def fork_in_child(self) -> None:
        """Only the thread that forked is here."""


_senders: weakref.WeakSet[Any] = weakref.WeakSet()
_lingering = False


def follow(sender: Sender) -> None:
    """Tell `sender`, for as long as it lives, of forks and of the program's end."""
    _senders.add(sender)


def linger_at_the_end() -> None:
    """Let a program that ends wait for what it sent; a child of `multiprocessing` too, which runs no `atexit`."""
    global _lingering
    if _lingering:
        return
    _lingering = True
    atexit.register(_linger)  # after the mesh's own, so it runs before
    process = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _linger, exitpriority=10)


def _linger() -> None:
    for sender in list(_senders):
        sender.linger()


def _fork_in_child() -> None:
    global _lingering
    _lingering = False
    atexit.unregister(_linger)
    for sender in list(_senders):
        sender.fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_in_child)
