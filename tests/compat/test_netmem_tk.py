"""Row N15: keys of a memory, and variables, as tkinter variables; in real Tk, on a display of their own."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import displays
from gossamer.compat import netmem

pytestmark = pytest.mark.skipif(bool(displays.why_not()), reason=displays.why_not())

if not displays.why_not():
    import tkinter

PATIENCE_MS = 10_000


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with displays.a_display() as name:
        yield name


@pytest.fixture
def root(display: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DISPLAY", display)
    root = tkinter.Tk()
    yield root
    with suppress(tkinter.TclError):
        root.destroy()
    gc.collect()  # in Tk's thread


@pytest.fixture
def until(root: Any) -> Callable[..., None]:
    """Let Tk run until a condition holds."""

    def until(condition: Callable[[], Any]) -> None:
        late: list[bool] = []
        alarm = root.after(PATIENCE_MS, lambda: late.append(True))
        while not condition():
            assert not late, "nothing came"
            root.tk.dooneevent(0)
        root.after_cancel(alarm)

    return until


@pytest.fixture
def memories(mesh_port: int, options: Any) -> Iterator[list[netmem.NetworkMemory]]:
    made = [netmem.NetworkMemory(), netmem.NetworkMemory()]
    for each in made:
        each.connect_on_new_thread(netmem.UdpConnector(("225.0.0.1", mesh_port), options=options))
    yield made
    for each in made:
        each.close_all()


def test_N15_a_tk_variable_starts_with_what_is_there_and_is_bound_both_ways(memories, root, until, eventually):
    here, there = memories
    there["fav_os"] = "linux"
    eventually(lambda: "fav_os" in here)
    variable = here.tk_var("fav_os")
    entry = tkinter.Entry(root, textvariable=variable)

    assert variable.get() == "linux"
    entry.insert("end", "!")
    eventually(lambda: there["fav_os"] == "linux!")
    there["fav_os"] = "plan 9"
    until(lambda: entry.get() == "plan 9")
    del there["fav_os"]
    until(lambda: entry.get() == "")
    assert "fav_os" not in here


def test_N15_what_is_no_text_is_shown_and_keeps_its_type(memories, root, until, eventually):
    here, there = memories
    label = tkinter.Label(root, textvariable=here.tk_var("player"))
    there["player"] = 1
    until(lambda: label.cget("text") == "1")

    assert here["player"] == there["player"] == 1


def test_N15_tk_is_touched_in_its_own_thread_alone(memories, root, until):
    variable = memories[0].tk_var("n", root)
    touched, set_by_us = set(), variable.set
    variable.set = lambda value: (touched.add(threading.get_ident()), set_by_us(value))
    for mem in memories:
        thread = threading.Thread(target=lambda mem=mem: [mem.set("n", n) for n in range(50)])
        thread.start()
        thread.join()
    until(lambda: variable.get() in ("49", 49))

    assert touched == {threading.get_ident()}
    del variable.set


def test_N15_a_var_and_a_formattable_var_are_shown_too(root, until):
    name, age = netmem.Var("Joe"), netmem.Var(23)
    text = netmem.FormattableVar("{} is {}", [name, age]).tk_var()
    typed = name.tk_var()
    typed.set("Ann")
    age += 1
    until(lambda: text.get() == "Ann is 24")

    assert name.value == "Ann"


def test_N15_without_a_window_it_says_so(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", os.environ.get("DISPLAY", display))
    with pytest.raises(RuntimeError, match="no default root window"):
        netmem.NetworkMemory().tk_var("a")
