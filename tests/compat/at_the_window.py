"""Runs a program with windows, unchanged, and does at them what its standard input says: the hands and eyes of a test.

`show` prints what all its entries, labels and buttons show; `type N TEXT` types into entry N; `press N` presses
button N; `quit` closes the window.
"""

from __future__ import annotations

import runpy
import sys
import threading
import tkinter
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

LOOK_MS = 5
lines: SimpleQueue[str] = SimpleQueue()


def widgets_of(widget: Any, kind: type) -> Iterator[Any]:
    for child in widget.winfo_children():
        if isinstance(child, kind):
            yield child
        yield from widgets_of(child, kind)


def look(root: tkinter.Tk) -> None:
    try:
        word, *rest = lines.get_nowait().split(maxsplit=2)
    except Empty:
        word = ""
    entries, buttons = list(widgets_of(root, tkinter.Entry)), list(widgets_of(root, tkinter.Button))
    if word == "show":
        texts = [each.get() for each in entries]
        texts += [str(each.cget("text")) for kind in (tkinter.Label, tkinter.Button) for each in widgets_of(root, kind)]
        print("seen: " + "|".join(texts), flush=True)
    elif word == "type":
        entries[int(rest[0])].delete(0, "end")
        entries[int(rest[0])].insert(0, rest[1])
    elif word == "press":
        buttons[int(rest[0])].invoke()
    elif word == "quit":
        root.destroy()
        return
    root.after(LOOK_MS, look, root)


def main_loop(root: tkinter.Tk, n: int = 0) -> None:
    threading.Thread(target=lambda: [lines.put(line.strip()) for line in sys.stdin], daemon=True).start()
    root.after(LOOK_MS, look, root)
    run_main_loop(root, n)


run_main_loop = tkinter.Tk.mainloop
tkinter.Tk.mainloop = main_loop  # type: ignore[method-assign]
runpy.run_path(sys.argv[1], run_name="__main__")
