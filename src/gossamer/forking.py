"""Whom `os.fork` concerns: every open mesh, before the fork and after it, in parent and child.

Before it, each mesh takes its lock, so that the child finds every state whole.  After
it, the parent goes on undisturbed, and in the child, where only the forking thread
is left, each mesh forgets what belongs to the parent.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What can be in a process that forks."""

    def fork_begins(self) -> None:
        """Hold still until one of the others is called."""

    def fork_in_parent(self) -> None:
        """Go on."""

    def fork_in_child(self) -> None:
        """Go on without the threads and sockets of the parent."""


_concerned: weakref.WeakValueDictionary[int, Forkable] = weakref.WeakValueDictionary()
_forking: list[Forkable] = []


def tell_of_forks(mesh: Forkable) -> None:
    """Tell `mesh` of each fork from now on, as long as it exists."""
    _concerned[id(mesh)] = mesh


def _before() -> None:
    _forking[:] = _concerned.values()
    for mesh in _forking:
        mesh.fork_begins()


def _in_parent() -> None:
    while _forking:
        _forking.pop().fork_in_parent()


def _in_child() -> None:
    while _forking:
        _forking.pop().fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
