"""What a memory or a `Var` is to tkinter: a plain variable, which shows any value as text."""

from __future__ import annotations

import tkinter
from typing import Any

from ...contrib.tkinter import tk_var


def bound_variable(cells: Any, key: Any, root: Any = None) -> Any:
    """Return a variable that shows `cells[key]`, and writes there what is typed, until `root` is destroyed."""
    if root is None:
        root = tkinter._get_default_root("create variable")  # type: ignore[attr-defined]
    return tk_var(cells, key, root, default="", kind=tkinter.Variable)
