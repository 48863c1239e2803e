"""How a process learns that something was published, without looking all the time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from ..errors import GossamerError
from .link import Link
from .requests import Verb

LOOK_S: Final = 0.05
"""Where nobody tells of changes (the publisher is being replaced, say), whoever waits looks so often."""


class Bell:
    """Rings when something was published.  Where nobody rings it, whoever waits looks from time to time."""

    def __init__(self, path: Path) -> None:
        self._link = Link(path, timeout_s=LOOK_S)
        self._rings = False
        self._interrupted = False

    def wait(self, seconds: float | None) -> None:
        """Return when something was published since this was called last, at most after so long.  May return early."""
        if not self._rings:
            try:
                self._link.ask(Verb.WATCH)
                self._rings = True
                return  # what was published before that, nobody rang for
            except GossamerError:
                time.sleep(min(LOOK_S, LOOK_S if seconds is None else seconds))
                return
        if self._interrupted:
            return
        try:
            self._link.wait_for_news(seconds)
        except OSError:
            self._link.drop()
            self._rings = False

    def interrupt(self) -> None:
        """Let a `wait` in another thread return, and all that come."""
        self._interrupted = True
        self._link.interrupt()

    def close(self) -> None:
        """Let go of the stream."""
        self._link.drop()

    def __enter__(self) -> Bell:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
