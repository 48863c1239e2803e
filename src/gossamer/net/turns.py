"""A turn for the loop, given by a thread that does nothing but write.

CPython lets a computing thread go on for 5 ms before it must let another run, and a loop
asks anew after each system call that it makes: a dozen of these to send a batch, so beside
a program that writes without a pause it would send next to nothing.  A writer that has
filled some batches therefore waits until the loop has done all that it can do now, or for
`TURN_S`, whatever comes first.  It waits for no peer: a loop that waits for one is idle.
"""

from __future__ import annotations

import threading
from contextlib import suppress

import trio

TURN_S = 0.005
"""As long as the interpreter would let any other thread run."""


class Turns(trio.abc.Instrument):
    """Made in the loop's thread, which it watches; `give` may be called from any."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._idle = threading.Event()
        self._givers = 0

    def give(self) -> None:
        """Return once the loop has nothing to do but wait, or after `TURN_S`.  In the loop's own thread, at once."""
        if threading.get_ident() == self._thread:
            return
        self._idle.clear()
        self._givers += 1
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(_nothing)  # so that it looks at what there is, and comes to rest anew
            self._idle.wait(TURN_S)
        self._givers -= 1

    def before_io_wait(self, timeout: float) -> None:
        """Hear from trio that all tasks wait."""
        if self._givers and timeout > 0:
            self._idle.set()


def _nothing() -> None:
    pass
