"""A mesh for Qt: a signal for each change, in the thread of the object that sends it.

PySide6 or PyQt6: the one that the program has imported, else the one that is installed.  Listeners
run in a thread of the mesh, where no widget may be touched; so a change is put down, and one event
is queued for the object, in whose thread it is then sent as a signal.
"""

from __future__ import annotations

import sys
from collections import deque
from importlib import import_module
from typing import Any

BINDINGS = ("PySide6", "PyQt6")


def _core() -> Any:
    """Return QtCore of the binding that is in use, or can be."""
    for name in (*(name for name in BINDINGS if f"{name}.QtCore" in sys.modules), *BINDINGS):
        try:
            return import_module(f"{name}.QtCore")
        except ImportError:
            continue
    raise ImportError(f"gossamer.contrib.qt needs {' or '.join(BINDINGS)}: pip install PySide6-Essentials")


_qt = _core()
_signal: Any = getattr(_qt, "Signal", None) or _qt.pyqtSignal


class MeshSignals(_qt.QObject):  # type: ignore[misc, name-defined, unused-ignore]
    """Sends `changed(key, old, new)` for each change of a key of `mesh` that matches `pattern`.

    `mesh` is any mesh; `old` and `new` are None where there was, or is, nothing.  The signal is sent
    in the thread that this object lives in (the one that made it, or where `moveToThread` took it),
    from that thread's event loop, in order; to receivers in other threads Qt queues it.  Make it in
    the GUI's thread, and slots may touch widgets.  Keep a reference, or give a parent; it ends with
    its parent, with `close`, or with the mesh.

    Tells nothing of what was there before: read the mesh when it is made, after `connect`.
    """

    changed = _signal(object, object, object)
    """(key, old, new)"""
    _queued = _signal()

    def __init__(self, mesh: Any, pattern: str = "*", parent: Any = None) -> None:
        super().__init__(parent)
        self._queued.connect(self._send, _qt.Qt.ConnectionType.QueuedConnection)
        self._listening = _Listening(mesh, self._queued)
        mesh.on(pattern, self._listening.heard)
        self.destroyed.connect(self._listening.end)

    def close(self) -> None:
        """Send no more, not even what waits.  Again does nothing."""
        self._listening.end()

    def _send(self) -> None:
        self._listening.is_queued = False  # before we look at what there is: a change from now on queues again
        waiting = self._listening.waiting
        while waiting:
            change = waiting.popleft()
            self.changed.emit(change.key, change.old, change.new)


class _Listening:
    """What the mesh knows of a `MeshSignals`: it must not keep that alive, nor outlive it unnoticed."""

    def __init__(self, mesh: Any, queued: Any) -> None:
        self._mesh = mesh
        self._queued = queued
        self._is_over = False
        self.waiting: deque[Any] = deque()
        self.is_queued = False

    def heard(self, change: Any) -> None:
        """Put a change down, and see to it that it is sent.  In the thread of listeners."""
        if self._is_over:
            return
        self.waiting.append(change)
        if not self.is_queued:
            self.is_queued = True
            try:
                self._queued.emit()
            except RuntimeError:  # Qt has deleted the object, and could tell us nothing of it
                self.end()

    def end(self, *_: Any) -> None:
        """Listen no more."""
        if not self._is_over:
            self._is_over = True
            self.waiting.clear()
            self._mesh.off(self.heard)
