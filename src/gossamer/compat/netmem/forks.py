"""Memories, told of `os.fork`: see `NetworkMemory.fork_in_child`."""

from __future__ import annotations

import os
import weakref
from typing import Any

_memories: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_forking: list[Any] = []
_is_told = False


def tell_of_forks(memory: Any) -> None:
    """Tell `memory` of each fork from now on, as long as it exists."""
    global _is_told
    if not _is_told and hasattr(os, "register_at_fork"):
        # after the meshes have: so a memory is locked before its meshes, as in writing
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
        _is_told = True
    _memories[id(memory)] = memory


def _before() -> None:
    _forking[:] = _memories.values()
    for memory in _forking:
        memory.fork_begins()


def _in_parent() -> None:
    while _forking:
        _forking.pop().fork_in_parent()


def _in_child() -> None:
    while _forking:
        _forking.pop().fork_in_child()
