"""A value that tells listeners of its changes: `netmem.bindable_variable.Var`, of one process, like netmem's.

Whoever sets it calls the listeners, in its own thread, before the call returns; what one raises is logged, and
harms neither the others nor who set it.  For a value that programs share, see `gossamer.Value`.
"""

from __future__ import annotations

import itertools
import logging
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .bindable_dict import LOGGER
from .values import same

_numbers = itertools.count()


class Var:
    """A value with listeners.  Stands for its value in arithmetic, which gives plain values; `var += 1` sets it.

    `with var as unchanged:` tells listeners at the end of the block, for a value that was changed in place;
    `raise unchanged` leaves the block and tells nobody.  It equals itself alone, as an object does.
    """

    def __init__(self, value: Any = None, name: str | None = None) -> None:
        self.log = logging.getLogger(f"{LOGGER}.{type(self).__name__}")
        self.name = f"Var_{next(_numbers)}" if name is None else name
        self._value = value
        self._listeners: list[_Listener] = []
        self._unchanged = type("Unchanged", (BaseException,), {})

    @property
    def value(self) -> Any:
        """The value; setting it tells listeners if it is another."""
        return self._value

    @value.setter
    def value(self, new_val: Any) -> None:
        self.set(new_val)

    def get(self) -> Any:
        """Return the value."""
        return self._value

    def set(self, new_val: Any, force_notify: bool = False) -> None:
        """Set the value, and tell listeners if it is another, or if `force_notify`."""
        old_val, self._value = self._value, new_val
        if force_notify or not same(old_val, new_val):
            self._tell(old_val, new_val)

    def fire_notifications(self) -> None:
        """Tell listeners as if the value had changed, as after a change in place."""
        self._tell(self._value, self._value)

    # -- listening --------------------------------------------------------------------------------

    def add_listener(self, listener: Callable[..., Any], value_only: bool = False, no_args: bool = False) -> None:
        """Call `listener(var, old, new)` on each change; `listener(new)` if `value_only`, `listener()` if `no_args`."""
        self._listeners = [*self._listeners, _Listener(listener, value_only, no_args)]

    def remove_listener(self, listener: Callable[..., Any]) -> None:
        """Undo one `add_listener` of the same; do nothing if there was none."""
        found = next((each for each in self._listeners if each.fn == listener), None)
        self._listeners = [each for each in self._listeners if each is not found]

    def remove_all_listeners(self) -> None:
        """Call nobody any more."""
        self._listeners = []

    def _tell(self, old: Any, new: Any) -> None:
        for listener in self._listeners:
            try:
                listener.call(self, old, new)
            except Exception:
                self.log.exception("a listener raised, %r; the others were called all the same", listener.fn)

    def tk_var(self, root: Any = None) -> Any:
        """Return a tkinter variable bound to the value both ways: see `BindableDict.tk_var`."""
        from .tk_variable import bound_variable

        return bound_variable(_Cell(self), "value", root)

    # -- with -------------------------------------------------------------------------------------

    def __enter__(self) -> type[BaseException]:
        return self._unchanged

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        if kind is self._unchanged:
            return True
        self.fire_notifications()
        return False

    # -- as its value -----------------------------------------------------------------------------

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value!r}, name={self.name!r})"

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return pow(self._value, _plain(other), _plain(modulo))


class FormattableVar(Var):
    """A text that is formatted anew whenever one of `bound_vars` changes: `str_format.format(*values)`."""

    def __init__(self, str_format: str, bound_vars: Sequence[Var], name: str | None = None) -> None:
        super().__init__(name=name)
        self._format = str_format
        self._vars = tuple(bound_vars)
        for var in self._vars:
            var.add_listener(self._refresh, no_args=True)
        self._refresh()

    def _refresh(self) -> None:
        self.value = self._format.format(*(var.value for var in self._vars))


@dataclass(frozen=True, slots=True)
class _Listener:
    fn: Callable[..., Any]
    value_only: bool
    no_args: bool

    def call(self, var: Var, old: Any, new: Any) -> None:
        if self.no_args:
            self.fn()
        elif self.value_only:
            self.fn(new)
        else:
            self.fn(var, old, new)


class _Cell:
    """A `Var` as what `tk_var` binds to: something with keys, of which there is one."""

    def __init__(self, var: Var) -> None:
        self._var = var

    def get(self, key: str, default: Any = None) -> Any:
        return default if self._var.value is None else self._var.value

    def __setitem__(self, key: str, value: Any) -> None:
        self._var.value = value

    def add_listener(self, listener: Callable[..., Any], key: str) -> None:
        self._var.add_listener(listener)

    def remove_listener(self, listener: Callable[..., Any], key: str) -> None:
        self._var.remove_listener(listener)


# -- operators ------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Var) else value


def _unary(operate: Callable[[Any], Any]) -> Callable[[Var], Any]:
    return lambda self: operate(self.value)


def _binary(operate: Callable[[Any, Any], Any]) -> Callable[[Var, Any], Any]:
    return lambda self, other: operate(self.value, _plain(other))


def _reflected(operate: Callable[[Any, Any], Any]) -> Callable[[Var, Any], Any]:
    return lambda self, other: operate(_plain(other), self.value)


def _in_place(operate: Callable[[Any, Any], Any]) -> Callable[[Var, Any], Var]:
    """Return an in-place operator; a list that it extended in place has changed though it is the same list."""

    def change(self: Var, other: Any) -> Var:
        new = operate(self.value, _plain(other))
        self.set(new, force_notify=new is self.value and hasattr(new, "__iadd__"))
        return self

    return change


for _name in ("neg", "pos", "abs", "invert"):
    setattr(Var, f"__{_name}__", _unary(getattr(operator, f"__{_name}__")))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    if _name != "pow":  # which takes a modulo too
        setattr(Var, f"__{_name}__", _binary(getattr(operator, f"__{_name}__")))
    setattr(Var, f"__r{_name}__", _reflected(getattr(operator, f"__{_name}__")))
    setattr(Var, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))
setattr(Var, "__divmod__", _binary(divmod))  # noqa: B010  # as those above, which mypy does not see either
setattr(Var, "__rdivmod__", _reflected(divmod))  # noqa: B010
