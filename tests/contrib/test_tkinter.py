"""Keys of a mesh as tkinter variables: in real Tk, on a display of their own."""

from __future__ import annotations

import gc
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import displays
import gossamer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(displays.why_not()), reason=displays.why_not())]

if not displays.why_not():
    import tkinter

    from gossamer.contrib import tk_bell
    from gossamer.contrib import tkinter as binding
    from gossamer.contrib.tkinter import tk_text, tk_var

PATIENCE_MS = 10_000


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with displays.a_display() as name:
        yield name


@pytest.fixture
def root(display: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DISPLAY", display)
    root = tkinter.Tk()
    complaints = []
    root.report_callback_exception = lambda *error: complaints.append(error)
    root.complaints = complaints
    yield root
    with suppress(tkinter.TclError):  # the test has destroyed it
        root.destroy()
    gc.collect()  # in Tk's thread, whatever a failed test left
    assert not complaints
    assert not tk_bell._bells


@pytest.fixture(params=["a file that Tk waits on", "a flag that Tk looks at"])
def any_bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "flag" in request.param:
        monkeypatch.setattr(tk_bell, "hasattr", lambda it, name: False, raising=False)


@pytest.fixture
def until(root: Any) -> Callable[..., None]:
    """Let Tk run until a condition holds.  Tk sleeps between its events: what shows nothing fails here."""

    def until(condition: Callable[[], Any]) -> None:
        late = []
        alarm = root.after(PATIENCE_MS, lambda: late.append(True))
        while not condition():
            assert not late, "nothing came"
            root.tk.dooneevent(0)
        root.after_cancel(alarm)

    return until


def in_another_thread(fn: Callable[[], Any]) -> None:
    thread = threading.Thread(target=fn)
    thread.start()
    thread.join()


@pytest.mark.usefixtures("any_bell")
def test_a_variable_starts_with_what_is_there_follows_other_peers_and_is_followed(join, root, until):
    ada, bob = join("ada"), join("bob")
    ada["fav_os"] = "linux"
    bob.wait(lambda m: m.get("fav_os"), timeout=5)

    shown = tk_var(bob, "fav_os", root)
    assert (type(shown), shown.get()) == (tkinter.StringVar, "linux")

    ada["fav_os"] = "plan 9"
    until(lambda: shown.get() == "plan 9")

    shown.set("haiku")
    assert ada.wait(lambda m: m["fav_os"] == "haiku", timeout=5)


def test_what_is_typed_into_an_entry_is_written(join, root):
    mesh = join()
    entry = tkinter.Entry(root, textvariable=tk_var(mesh, "name", root))
    entry.insert(0, "ada")
    entry.insert("end", "!")

    assert mesh["name"] == "ada!"


@pytest.mark.parametrize(
    ("value", "kind", "other"),
    [("a", "StringVar", "b"), (1, "IntVar", 2), (1.5, "DoubleVar", 2.5), (True, "BooleanVar", False)],
)
def test_the_type_of_the_value_or_of_the_default_decides_the_kind(join, root, value, kind, other):
    mesh = join()
    mesh["there"] = value
    variables = [tk_var(mesh, "there", root), tk_var(mesh, "absent", root, default=value)]

    assert [(type(v).__name__, v.get()) for v in variables] == [(kind, value)] * 2
    assert "absent" not in mesh
    variables[1].set(other)
    assert (type(mesh["absent"]), mesh["absent"]) == (type(other), other)


def test_a_plain_variable_shows_any_value_as_text_and_leaves_its_type_alone_until_somebody_types(join, root, until):
    mesh = join()
    mesh["x"] = 1
    shown = tk_var(mesh, "x", root, kind=tkinter.Variable)
    label = tkinter.Label(root, textvariable=shown)
    for value, text in ((2, "2"), (None, "None"), ((1, "a"), "(1, 'a')"), (2.5, "2.5"), (True, "True"), ("", "")):
        mesh["x"] = value
        until(lambda text=text: label.cget("text") == text)
        shown.set(text)

        assert (type(mesh["x"]), mesh["x"]) == (type(value), value)
    shown.set("7")

    assert mesh["x"] == "7"


def test_an_absent_key_shows_nothing_and_a_deleted_one_shows_the_default_again(join, root, until):
    mesh = join()
    empty = [tk_var(mesh, "x", root, kind=kind).get() for kind in binding._EMPTY]
    shown = tk_var(mesh, "x", root, default="none yet")
    mesh["x"] = "some"
    until(lambda: shown.get() == "some")
    del mesh["x"]
    until(lambda: shown.get() == "none yet")

    assert empty == [False, 0, 0.0, "", ""]
    assert "x" not in mesh


def test_tk_is_touched_in_its_own_thread_alone(join, root, until):
    mesh = join()
    shown = tk_var(mesh, "n", root, default=0)
    touched = set()
    set_by_us = shown.set
    shown.set = lambda value: (touched.add(threading.get_ident()), set_by_us(value))
    for n in range(1, 51):
        in_another_thread(lambda n=n: mesh.__setitem__("n", n))
    until(lambda: shown.get() == 50)
    del shown.set  # or the variable goes in a circle, and whoever collects garbage touches Tk

    assert touched == {threading.get_ident()}
    with pytest.raises(gossamer.WrongThread):
        raised_in_another_thread(lambda: tk_var(mesh, "n", root))


def test_the_first_binding_of_a_window_in_another_thread_is_refused_and_leaves_nothing(join, root):
    mesh = join()
    for bind in (lambda: tk_var(mesh, "n", root), lambda: tk_text(mesh.value("n"), root)):
        with pytest.raises(gossamer.WrongThread, match="in the thread that made its root"):
            raised_in_another_thread(bind)

    assert not tk_bell._bells
    assert not mesh._listeners._listeners
    assert tk_var(mesh, "n", root, default=1).get() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_that_rings_does_not_keep_the_window_awake(join, root, until):
    mesh = join()
    shown = tk_var(mesh, "n", root, default=0)
    child = os.fork()
    if child == 0:
        bell = tk_bell._bells[root]
        bell.ring(tk_bell.Clapper(bell, int))
        os._exit(0)
    os.waitpid(child, 0)
    mesh["n"] = 1
    until(lambda: shown.get() == 1)
    root.update()

    assert not root.tk.dooneevent(tkinter._tkinter.DONT_WAIT | tkinter._tkinter.FILE_EVENTS)


def raised_in_another_thread(fn: Callable[[], Any]) -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            fn()
        except BaseException as error:
            raised.append(error)

    in_another_thread(run)
    raise raised[0]


def test_a_burst_is_shown_as_its_last_word(join, root, until):
    mesh = join()
    shown = tk_var(mesh, "n", root, default=0)
    seen = []
    shown.trace_add("write", lambda *_: seen.append(shown.get()))
    with mesh.batch():
        mesh["other"] = 1
        mesh["n"] = 1
    in_another_thread(lambda: [mesh.__setitem__("n", n) for n in range(2, 2001)])
    until(lambda: shown.get() == 2000)

    assert seen[-1] == 2000
    assert seen == sorted(seen)


@pytest.mark.usefixtures("any_bell")
def test_an_older_word_never_comes_back_to_one_who_types_quickly(join, root, until):
    mesh = join()
    shown = tk_var(mesh, "text", root)
    seen = []
    shown.trace_add("write", lambda *_: seen.append(shown.get()))
    for n in range(100):
        shown.set("x" * n)
        root.update()
    mesh["done"] = True
    done = tk_var(mesh, "done", root)
    until(done.get)

    assert seen == ["x" * n for n in range(100)]
    assert mesh["text"] == "x" * 99


def test_two_windows_on_one_key_do_not_answer_each_other(join, root, until):
    ada, bob = join("ada"), join("bob")
    left, right = tk_var(ada, "x", root, default=0), tk_var(bob, "x", root, default=0)
    for n in range(1, 20):
        (left if n % 2 else right).set(n)
        until(lambda n=n: left.get() == right.get() == n)
    ada.settled(timeout=5)
    bob.settled(timeout=5)
    root.update()

    assert ada.statistics()["writes"] + bob.statistics()["writes"] == 19


def test_a_value_that_a_variable_cannot_show_is_reported_and_harms_nothing(join, root, until, caplog):
    mesh = join()
    number = tk_var(mesh, "x", root, default=7)
    shown = tk_var(mesh, "y", root, default="-")
    for hostile in ("seven", None, [1], 7.5, {"a": 1}, b"\x00"):
        with caplog.at_level(logging.WARNING), mesh.batch():
            mesh["x"] = hostile
            mesh["y"] = repr(hostile)
        until(lambda hostile=hostile: shown.get() == repr(hostile))
        assert number.get() == 7
    mesh["x"] = 8
    until(lambda: number.get() == 8)

    assert "'x' holds str, which a IntVar cannot show; what it showed stays" in caplog.text


@pytest.mark.parametrize("text", ["", "-", "1e", "seven", "9.5", "0x10"])
def test_what_is_no_number_yet_is_not_written(join, root, text):
    mesh = join()
    mesh["n"] = 7
    number = tk_var(mesh, "n", root)
    root.tk.globalsetvar(str(number), text)
    assert mesh["n"] == 7
    root.tk.globalsetvar(str(number), "8")

    assert mesh["n"] == 8


@pytest.mark.parametrize("text", ["", "ünïcödé \N{SNOWMAN}", '{}[]$\\"', "a\nb\tc", "\N{PILE OF POO}", "%s %W"])
def test_any_text_is_shown_and_given_back_as_it_is(join, root, until, text):
    mesh = join()
    shown = tk_var(mesh, text, root, default="?")
    mesh[text] = text
    until(lambda: shown.get() == text)
    shown.set(text + text + ".")

    assert mesh[text] == text + text + "."


def test_a_binding_ends_with_its_widget_and_leaves_the_others(join, root, until):
    mesh = join()
    frame = tkinter.Frame(root)
    goes, stays = tk_var(mesh, "x", frame, default=0), tk_var(mesh, "x", root, default=0)
    tkinter.Label(frame).destroy()  # which the frame is told of too
    mesh["x"] = 1
    until(lambda: goes.get() == stays.get() == 1)
    frame.destroy()
    mesh["x"] = 2
    until(lambda: stays.get() == 2)
    goes.set(3)

    assert (mesh["x"], goes.get()) == (2, 3)
    assert len(mesh._listeners._listeners) == 1


def test_a_mesh_goes_on_when_the_window_is_closed_and_another_may_be_opened(join, root, until):
    mesh = join()
    tk_var(mesh, "x", root, default=0)
    root.destroy()
    mesh["x"] = 1
    again = tkinter.Tk()
    shown = tk_var(mesh, "x", again)

    assert shown.get() == 1
    again.destroy()
    assert mesh._listeners._listeners == []


def test_nothing_keeps_a_variable_or_a_root_that_is_destroyed(join, display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    gc.disable()  # so that what goes at once is told from what would go in any thread, some day
    try:
        mesh, root = join(), tkinter.Tk()
        frame = tkinter.Frame(root)
        variables = [tk_var(mesh, "x", frame), tk_text(mesh.value("x", 0), frame), tk_var(mesh, "x", root)]
        kept = [weakref.ref(each) for each in variables]
        del variables
        assert all(each() is not None for each in kept)
        frame.destroy()
        assert [each() is None for each in kept] == [True, True, False]
        root.destroy()
        assert kept[2]() is None
        kept.append(weakref.ref(root))
        del root, frame
        assert kept[3]() is None
    finally:
        gc.enable()


def test_a_window_goes_on_when_the_mesh_is_closed(join, root, caplog):
    mesh = join()
    shown = tk_var(mesh, "x", root, default=0)
    mesh.close()
    shown.set(5)

    assert shown.get() == 5
    assert "what was typed for 'x' was not written" in caplog.text


def test_what_is_too_large_to_travel_is_reported(join, root, caplog):
    mesh = join(options=gossamer.Options(value_bytes_max=100, settle_s=0.03))
    tk_var(mesh, "x", root).set("x" * 200)

    assert "x" not in mesh
    assert "value_bytes_max" in caplog.text


def test_a_kind_is_one_of_five(join, root):
    with pytest.raises(gossamer.ConfigurationError, match="a kind is StringVar"):
        tk_var(join(), "x", root, kind=tkinter.Misc)


def test_an_idle_window_sleeps(join, root):
    tk_var(join(), "x", root)
    root.update()

    assert root.tk.eval("after info") == ""


def test_a_label_shows_a_derived_cell_of_keys_and_counters(join, root, until):
    ada, bob = join("ada"), join("bob")
    cell = bob.derived("{} of {}", bob.counter("done"), bob.value("all", 0))
    label = tkinter.Label(root, textvariable=tk_text(cell, root))
    assert label["textvariable"]

    ada["all"] = 10
    ada.counter("done").add(3)
    until(lambda: root.tk.globalgetvar(label["textvariable"]) == "3 of 10")


def test_a_cell_that_cannot_be_calculated_shows_what_it_showed(join, root, until, caplog):
    mesh = join()
    shown = tk_text(mesh.derived(lambda n: 12 // n, mesh.value("n", 3)), root)
    other = tk_var(mesh, "other", root)
    mesh["n"] = 0
    mesh["other"] = "told after it"
    until(other.get)

    assert shown.get() == "4"
    assert "ZeroDivisionError" in caplog.text


def test_a_label_follows_no_more_when_it_is_destroyed(join, root):
    mesh = join()
    label = tkinter.Label(root)
    tk_text(mesh.value("x", 0), label)
    label.destroy()

    assert mesh._listeners._listeners == []
