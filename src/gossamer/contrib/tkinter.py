"""A key of a mesh as a tkinter variable: what is typed is written, and what is written, by anybody, is shown.

1. Tk is touched in Tk's own thread alone.  A listener only notes that something has changed, and
   rings; Tk's thread then looks at what the mesh holds *now*.  So a quick typist never sees an
   older letter come back, however late a change is told, and a burst is shown once.
2. What was shown because the mesh holds it is not written again: two windows never answer each other.

How other threads are heard, and why they hold nothing of Tk's: see `tk_bell`.
"""

from __future__ import annotations

import logging
import tkinter
from typing import Any

from ..errors import ConfigurationError, GossamerError
from .tk_bell import Clapper, bell_of, until_destroyed

logger = logging.getLogger("gossamer.contrib.tkinter")

_KINDS: dict[type, type[tkinter.Variable]] = {
    bool: tkinter.BooleanVar,
    int: tkinter.IntVar,
    float: tkinter.DoubleVar,
    str: tkinter.StringVar,
}
_EMPTY: dict[type, Any] = {
    tkinter.BooleanVar: False,
    tkinter.IntVar: 0,
    tkinter.DoubleVar: 0.0,
    tkinter.StringVar: "",
    tkinter.Variable: "",
}
_ABSENT: Any = object()


def tk_var(
    mesh: Any, key: Any, root: tkinter.Misc, *, default: Any = None, kind: type[tkinter.Variable] | None = None
) -> Any:
    """Return a tkinter variable bound to `mesh[key]` both ways, starting with what is there now.

    `mesh` is any mesh.  `kind` is StringVar, IntVar, DoubleVar or BooleanVar; if it is not given, the
    type of the key's value decides, then that of `default`, else StringVar.  A plain Variable shows a value
    of any type, as text; what is typed then is a str.  While the key is absent, `default` is shown, and
    nothing is written.  The binding, and the variable with it, lives until the
    widget `root` is destroyed; a key may have many.  Call this in Tk's thread.

    A value that the variable cannot hold, a text that is no number yet, or a write to a closed mesh
    is logged to `gossamer.contrib.tkinter`, and changes nothing.  Raises ConfigurationError for a `kind`
    that is none of the five, and WrongThread outside Tk's thread.
    """
    bell_of(root).check_thread()
    chosen = kind or _KINDS.get(type(mesh.get(key, default)), tkinter.StringVar)
    if chosen not in _EMPTY:
        raise ConfigurationError(
            f"a kind is StringVar, IntVar, DoubleVar, BooleanVar or Variable of tkinter, not {chosen!r}"
        )
    bound = _BoundKey(mesh, key, chosen, root, _EMPTY[chosen] if default is None else default)
    clapper = Clapper(bell_of(root), bound.show)
    mesh.add_listener(clapper.swing, key=key)
    until_destroyed(root, bound.unbind, clapper.rest, lambda: mesh.remove_listener(clapper.swing, key=key))
    bound.show()  # after listening: what is written meanwhile is shown twice, rather than not
    return bound.variable


def tk_text(cell: Any, root: tkinter.Misc) -> tkinter.StringVar:
    """Return a StringVar that shows `str(cell.value)`: of a value, a counter, a set or a derived cell of a mesh.

    One way: what is set here is nobody's.  Else it is as `tk_var`.  While the value cannot be
    calculated, the text before stays, and the error is logged.
    """
    bell_of(root).check_thread()
    shown = _ShownCell(cell, root)
    clapper = Clapper(bell_of(root), shown.show)
    cell.on_change(clapper.swing, no_args=True)
    until_destroyed(root, clapper.rest, lambda: cell.off(clapper.swing))
    shown.show()
    return shown.variable


class _BoundKey:
    """One key and one variable."""

    def __init__(self, mesh: Any, key: Any, kind: type[Any], widget: tkinter.Misc, default: Any) -> None:
        self._mesh, self._key, self._kind, self._default = mesh, key, kind, default
        self._showing = False
        self.variable = kind(widget)
        self._trace = self.variable.trace_add("write", self._typed)

    def show(self) -> None:
        """Show what the mesh holds now.  In Tk's thread."""
        value = self._shown(self._mesh.get(self._key, self._default))
        if not _holds(self._kind, value):
            logger.warning(
                "%r holds %s, which a %s cannot show; what it showed stays",
                self._key,
                type(value).__name__,
                self._kind.__name__,
            )
        elif self._typed_value() != value:
            self._showing = True
            try:
                self.variable.set(value)
            finally:
                self._showing = False

    def _typed(self, *_: str) -> None:
        """The variable was set, by the user or by the program.  In Tk's thread."""
        if self._showing:
            return
        value = self._typed_value()
        if value is _ABSENT:
            logger.debug("what stands in the variable of %r is no %s yet", self._key, self._kind.__name__)
            return
        held = self._shown(self._mesh.get(self._key, _ABSENT))
        if type(held) is type(value) and held == value:
            return
        try:
            self._mesh[self._key] = value
        except GossamerError as error:  # nobody above us could do anything but print it
            logger.warning("what was typed for %r was not written: %s", self._key, error)

    def _shown(self, value: Any) -> Any:
        """Return what the variable is to hold for a value: one of any type is shown as text."""
        return str(value) if self._kind is tkinter.Variable and value is not _ABSENT else value

    def _typed_value(self) -> Any:
        try:
            if self._kind is tkinter.Variable:
                return str(self.variable.get())
            if self._kind is tkinter.IntVar and not _is_whole(self.variable):
                return _ABSENT
            return self.variable.get()
        except (tkinter.TclError, ValueError):  # an entry that holds "", or "1e"
            return _ABSENT

    def unbind(self) -> None:
        """Write no more."""
        self.variable.trace_remove("write", self._trace)


class _ShownCell:
    """One cell and one variable."""

    def __init__(self, cell: Any, widget: tkinter.Misc) -> None:
        self._cell = cell
        self.variable = tkinter.StringVar(widget)

    def show(self) -> None:
        """Show what the cell holds now.  In Tk's thread."""
        try:
            text = str(self._cell.value)
        except Exception as error:  # of the function of a derived cell, which is the program's
            logger.warning("%s could not be calculated: %r; what was shown stays", type(self._cell).__name__, error)
            return
        if self.variable.get() != text:
            self.variable.set(text)


# -- what variables hold --------------------------------------------------------------------------


def _holds(kind: type[tkinter.Variable], value: Any) -> bool:
    """Whether a variable of this kind can show a value and give it back as it was, or as a number that equals it."""
    if kind in (tkinter.StringVar, tkinter.Variable):
        return isinstance(value, str)
    if kind is tkinter.BooleanVar:
        return isinstance(value, bool)
    if kind is tkinter.IntVar:
        return isinstance(value, int)
    return isinstance(value, int | float) and value == value  # Tk has no NaN


def _is_whole(variable: Any) -> bool:
    """Whether an IntVar holds a whole number: its own `get` would cut 3.7 to 3."""
    text = variable._tk.globalgetvar(variable._name)
    return isinstance(text, int) or float(text).is_integer()
