"""Network and mount namespaces without names: each lives as long as a process that holds it.

Nothing is entered in /run/netns, so nothing is left there.  A holder ends when its stdin
does, which is when we close it or end ourselves, in whatever way.

A user who is not root gets a user namespace around it all: the first holder makes it, and
whatever is done to the rig is done from inside.  So the program itself stays where it is.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any

from .processes import RigError, Starter, kill, run

NEW_USER = ["--user", "--map-root-user"]


class Namespace:
    """A network of its own and mounts of its own, like a computer's."""

    def __init__(self, starter: Starter, inside: Namespace | None = None) -> None:
        self._starter = starter
        self._rootless = os.geteuid() != 0
        enter = inside.enter if inside is not None else []
        new_user = NEW_USER if self._rootless and inside is None else []
        self._holder = starter.start(
            enter,
            ["unshare", *new_user, "--net", "--mount", "sh", "-c", "ip link set lo up && echo there && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != b"there\n":
            words = self._holder.stderr.read().decode().strip()
            kill(self._holder)
            raise RigError(f"no network namespace can be made here: {words}")
        self._holder.stderr.close()

    @property
    def pid(self) -> int:
        """The process that holds it."""
        return self._holder.pid

    @property
    def enter(self) -> list[str]:
        """What to put before a command so that it runs in here."""
        user = ["--user", "--preserve-credentials"] if self._rootless else []
        return ["nsenter", "--target", str(self.pid), *user, "--net", "--mount"]

    def run(self, *argv: str, text: str = "") -> str:
        """Run a tool in here to its end and return what it printed; raise RigError if it fails."""
        return run([*self.enter, *argv], text)

    def popen(self, argv: Sequence[str], *, cwd: str, **more: Any) -> subprocess.Popen[Any]:
        """Start a process in here that does not outlive us; `more` is as of `subprocess.Popen`."""
        return self._starter.start(self.enter, ["env", f"--chdir={cwd}", *argv], **more)

    def close(self) -> None:
        """Let go of it; it is gone when the last process in it is."""
        kill(self._holder)
