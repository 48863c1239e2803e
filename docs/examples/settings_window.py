"""A window on the settings of shared_settings.py: what is set there is seen here, and the other way round.

python settings_window.py     open it twice, or beside `python shared_settings.py`
"""

from __future__ import annotations

import os
import signal
import tkinter

import gossamer
from gossamer.contrib.tkinter import tk_text, tk_var

LOOK_UP_MS = 200
MODES = ("slow", "normal", "fast")


def fill(root: tkinter.Tk, mesh: gossamer.BlockingMesh) -> None:
    """Put a widget for each setting into the window, and a line that says it all."""
    speed = tk_var(mesh, "settings/speed", root, default=1)
    tkinter.Label(root, text="speed").pack()
    tkinter.Entry(root, textvariable=speed).pack()
    mode = tk_var(mesh, "settings/mode", root, default="normal")
    tkinter.OptionMenu(root, mode, *MODES).pack()
    lights = tk_var(mesh, "settings/lights", root, default=True)
    tkinter.Checkbutton(root, text="lights", variable=lights).pack()

    line = mesh.derived(
        "{} at speed {}", mesh.value("settings/mode", "normal"), mesh.value("settings/speed", 1)
    )  # nowhere stored: each peer calculates it
    text = tk_text(line, root)
    tkinter.Label(root, textvariable=text).pack()
    text.trace_add("write", lambda *_: print(text.get(), flush=True))
    print(text.get(), flush=True)


def hear_ctrl_c(root: tkinter.Tk) -> None:
    """Let Python look up from Tk now and then, for a signal is only heard in Python."""
    root.after(LOOK_UP_MS, hear_ctrl_c, root)


def main() -> None:
    """Show the window until it is closed."""
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "settings")) as mesh:
        root = tkinter.Tk()
        root.title("settings")
        signal.signal(signal.SIGINT, lambda *_: root.quit())
        fill(root, mesh)
        hear_ctrl_c(root)
        root.mainloop()


if __name__ == "__main__":
    main()
