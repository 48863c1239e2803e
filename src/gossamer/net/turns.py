"""A turn for the loop, given by a thread that does nothing but write.

CPython lets a computing thread go on for 5 ms before it must let another run, and a loop
asks anew after each system call that it makes: a dozen of these to send a batch, so beside
a program that writes without a pause it would send next to nothing.  A writer that has
filled some batches therefore waits until the loop has done all that it can do now, or for
`TURN_S`, whatever comes first.  It waits for no peer: a loop that waits for one is idle.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress

import trio

TURN_S = 0.005
"""As long as the interpreter would let any other thread run."""


class Turns(trio.abc.Instrument):
    """Made in the loop's thread, which it watches; `give` may be called from any, and by several at once."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._given: deque[threading.Event] = deque()
        """One for each turn that the loop has taken up.  Touched by the loop alone."""

    def give(self) -> None:
        """Return once the loop has nothing to do but wait, or after `TURN_S`.  In the loop's own thread, at once."""
        if threading.get_ident() == self._thread:
            return
        rested = threading.Event()
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._given.append, rested)  # so that it looks at what there is, and rests anew
            rested.wait(TURN_S)

    def before_io_wait(self, timeout: float) -> None:
        """Hear from trio that all tasks wait."""
        if timeout > 0:
            while self._given:
                self._given.popleft().set()
