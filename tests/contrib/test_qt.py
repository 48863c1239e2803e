"""Changes of a mesh as signals of Qt, without a display.  Needs PySide6 or PyQt6; without, all of it is skipped."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if not any(map(__import__("importlib.util").util.find_spec, ("PySide6", "PyQt6"))):
    pytest.skip("neither PySide6 nor PyQt6 is installed here", allow_module_level=True)

from gossamer.contrib import qt

PATIENCE_MS = 10_000


@pytest.fixture(scope="module")
def application() -> Any:
    return qt._qt.QCoreApplication.instance() or qt._qt.QCoreApplication([])


@pytest.fixture
def until(application: Any) -> Callable[..., None]:
    """Let Qt run until a condition holds.  It sleeps between its events."""

    def until(condition: Callable[[], Any]) -> None:
        late: list[bool] = []
        timer = qt._qt.QTimer()
        timer.setSingleShot(True)
        timer.timeout.connect(lambda: late.append(True))
        timer.start(PATIENCE_MS)
        while not condition():
            assert not late, "nothing came"
            application.processEvents(qt._qt.QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        timer.stop()

    return until


def test_a_change_by_another_peer_is_a_signal_in_the_thread_of_the_object(join, until):
    ada, bob = join("ada"), join("bob")
    signals, seen = qt.MeshSignals(bob, "bench/*"), []
    signals.changed.connect(lambda key, old, new: seen.append((key, old, new, threading.get_ident())))
    ada["elsewhere"] = 0
    ada["bench/3"] = 21.5
    until(lambda: seen)
    del ada["bench/3"]
    until(lambda: len(seen) == 2)

    here = threading.get_ident()
    assert seen == [("bench/3", None, 21.5, here), ("bench/3", 21.5, None, here)]
    signals.close()


def test_changes_come_in_order_and_each_of_them(join, until):
    mesh, seen = join(), []
    signals = qt.MeshSignals(mesh)
    signals.changed.connect(lambda key, old, new: seen.append((old, new)))
    writer = threading.Thread(target=lambda: [mesh.__setitem__(n, {"n": n}) for n in range(500)])
    writer.start()
    until(lambda: len(seen) == 500)
    writer.join()

    assert seen == [(None, {"n": n}) for n in range(500)]
    signals.close()


def test_nothing_is_sent_before_the_event_loop_has_its_turn(join, until):
    mesh, seen, told = join(), [], threading.Event()
    signals = qt.MeshSignals(mesh)
    signals.changed.connect(lambda *change: seen.append(change))
    mesh.on("x", lambda change: told.set())
    mesh["x"] = 1
    told.wait(5)

    assert seen == []
    until(lambda: seen)
    signals.close()


def test_a_receiver_in_another_thread_is_called_there(join, until, application):
    class Receiver(qt._qt.QObject):
        def receive(self, key: Any, old: Any, new: Any) -> None:
            seen.append((key, new, qt._qt.QThread.currentThread() is not application.thread()))

    mesh, seen, thread = join(), [], qt._qt.QThread()
    signals, receiver = qt.MeshSignals(mesh), Receiver()
    receiver.moveToThread(thread)
    signals.changed.connect(receiver.receive)
    thread.start()
    mesh["x"] = 1
    until(lambda: seen or application.postEvent(signals, qt._qt.QEvent(qt._qt.QEvent.Type.User)))
    thread.quit()
    thread.wait()

    assert seen == [("x", 1, True)]
    signals.close()


def test_it_ends_with_its_parent(join, application):
    mesh = join()
    parent = qt._qt.QObject()
    qt.MeshSignals(mesh, parent=parent)
    assert len(mesh._listeners._listeners) == 1
    parent.deleteLater()
    application.sendPostedEvents(None, qt._qt.QEvent.Type.DeferredDelete)

    assert mesh._listeners._listeners == []


def test_one_that_nobody_holds_ends_too(join, application):
    mesh = join()
    qt.MeshSignals(mesh)
    gc.collect()
    mesh["x"] = 1

    assert mesh._listeners._listeners == []


def test_it_ends_when_it_is_closed_and_what_waits_is_not_sent(join, application):
    mesh, seen, told = join(), [], threading.Event()
    signals = qt.MeshSignals(mesh)
    signals.changed.connect(lambda *change: seen.append(change))
    mesh.on("x", lambda change: told.set())
    mesh["x"] = 1
    told.wait(5)
    signals.close()
    signals.close()
    application.processEvents()

    assert seen == []
    assert len(mesh._listeners._listeners) == 1


def test_a_program_that_has_imported_one_binding_gets_that(application):
    used = qt._qt.__name__.partition(".")[0]
    program = f"import sys, {used}.QtCore; from gossamer.contrib import qt; print(qt._qt.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == f"{used}.QtCore"
