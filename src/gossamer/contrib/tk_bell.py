"""How another thread is heard in Tk's: a bell, hung up once for each Tk, rung in any thread.

The bell is a pipe that Tk's own event loop waits on: nothing polls, and an idle window sleeps.
Where Tk cannot wait on a file (Windows), it looks every 20 ms, only at a flag.  Other threads hold
nothing of Tk's, not even for a moment: whoever lets go of a variable last takes it from Tk, and in
another thread that is an error, or the end of the process.
"""

from __future__ import annotations

import os
import threading
import tkinter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import WrongThread

LOOK_MS = 20
"""How often the flag is looked at where no file can be waited on; 50 wake-ups a second, about 1 % of a core."""

READ_BYTES = 64
"""More than there can be: one of ours, and one of each forked child, which has our end of the pipe too."""
ELSEWHERE = "a variable of tkinter is bound in the thread that made its root; call it there"


class Clapper:
    """What rings the bell for one variable.  All that listeners have of a binding."""

    def __init__(self, bell: Bell, show: Callable[[], None]) -> None:
        self._bell = bell
        self._show: Callable[[], None] | None = show

    def swing(self, *change: Any) -> None:
        """Something has changed.  In the thread of listeners."""
        self._bell.ring(self)

    def heard(self) -> None:
        """Show it.  In Tk's thread."""
        if self._show is not None:
            self._show()

    def rest(self) -> None:
        """Show nothing any more.  In Tk's thread."""
        self._show = None


class Bell:
    """Rung in any thread, and heard in Tk's.  One for each Tk, and as long as it."""

    def __init__(self, root: tkinter.Misc) -> None:
        self._root: Any = root
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._due: dict[Clapper, None] = {}
        self._pipe: tuple[int, int] | None = None
        self._is_over = False
        if hasattr(root.tk, "createfilehandler"):
            self._pipe = self._wired(root)
        else:
            root.after(LOOK_MS, self._look)

    def _wired(self, root: Any) -> tuple[int, int]:
        """Return both ends of a pipe, the first of which Tk waits on."""
        pipe = os.pipe()
        for end in pipe:
            os.set_blocking(end, False)
        try:
            root.tk.createfilehandler(pipe[0], tkinter.READABLE, self._answer)
        except RuntimeError as error:  # Tk knows its thread, and it is not ours
            for end in pipe:
                os.close(end)
            raise WrongThread(ELSEWHERE) from error
        return pipe

    def check_thread(self) -> None:
        """Raise WrongThread outside Tk's thread."""
        if threading.get_ident() != self._thread:
            raise WrongThread(ELSEWHERE)

    def ring(self, clapper: Clapper) -> None:
        """Let it be heard in Tk's thread, once, however often this is called until then.  Never waits."""
        with self._lock:
            if self._is_over:
                return
            first = not self._due
            self._due[clapper] = None
            if first and self._pipe is not None:
                os.write(self._pipe[1], b"\0")  # at most one byte of ours is in it

    def _answer(self, *_: Any) -> None:
        root = self._root
        with self._lock:
            if self._pipe is not None:
                with suppress(BlockingIOError):  # what rang was heard with what rang before
                    os.read(self._pipe[0], READ_BYTES)
            due, self._due = self._due, {}
        for clapper in due:
            try:
                clapper.heard()
            except Exception:  # as from any callback of Tk; out of here it would end the main loop
                root._report_exception()

    def _look(self) -> None:
        if not self._is_over:
            if self._due:
                self._answer()
            self._root.after(LOOK_MS, self._look)

    def end(self) -> None:
        """Tk is being destroyed.  In its thread."""
        with self._lock:
            self._is_over = True
            self._due.clear()
            pipe, self._pipe = self._pipe, None
        root, self._root = self._root, None
        del _bells[root]
        if pipe is not None:
            root.tk.deletefilehandler(pipe[0])
            for end in pipe:
                os.close(end)


_bells: dict[tkinter.Misc, Bell] = {}


def bell_of(widget: tkinter.Misc) -> Bell:
    """Return the bell of the Tk that a widget is of; hang one up first if there is none.  In Tk's thread."""
    root: tkinter.Misc = widget._root()  # type: ignore[attr-defined]
    bell = _bells.get(root)
    if bell is None:
        bell = _bells[root] = Bell(root)
        until_destroyed(root, bell.end)
    return bell


def until_destroyed(widget: tkinter.Misc, *ends: Callable[[], object]) -> None:
    """Call `ends` when `widget` is destroyed; its children tell it of their own ends too."""

    def destroyed(event: tkinter.Event[Any]) -> None:
        if event.widget is widget:
            for end in ends:
                end()

    widget.bind("<Destroy>", destroyed, add="+")
