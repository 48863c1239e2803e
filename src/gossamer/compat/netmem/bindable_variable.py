"""`netmem.bindable_variable` under its old name."""

from .bindable_dict import BindableDict
from .variables import FormattableVar, Var

__all__ = ["BindableDict", "FormattableVar", "Var"]
