"""Why a value cannot travel, where inside it, and what to do instead."""

from __future__ import annotations

import json
import reprlib
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from ..errors import UnsendableValue

_NAME_LENGTH_MAX = 40


class Refusal(Exception):
    """On its way out of the encoder, it collects where it happened, innermost step last."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path = ""

    def within(self, step: str) -> Refusal:
        """Return this refusal, found inside one more container."""
        self.path = step + self.path
        return self

    def error(self) -> UnsendableValue:
        """Return what the program is told."""
        return UnsendableValue(f"value{self.path} {self.reason}.  Nothing was stored.")


def name_step(name: object) -> str:
    """Return the step of a path to what a dict has under a name."""
    if type(name) is str and len(name) <= _NAME_LENGTH_MAX:
        return f"[{json.dumps(name, ensure_ascii=not name.isprintable())}]"
    return f"[{reprlib.repr(name)}]"


def element_step(element: object) -> str:
    """Return the step of a path to an element of a set."""
    return f"{{{reprlib.repr(element)}}}"


def refusal_of(value: object) -> Refusal:
    """Return the refusal of a value for its type, with the conversion that helps."""
    cls = type(value)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    article = "an" if name[0] in "aeiou" else "a"
    return Refusal(f"is {article} {name}, which cannot travel; {_advice(value)}")


def _advice(value: Any) -> str:
    cls = type(value)
    if isinstance(value, Enum) or is_dataclass(cls):
        return f"call gossamer.register({cls.__name__}), here and where it is read"
    if cls.__module__.partition(".")[0] == "numpy":
        return _numpy_advice(value)
    for base, conversion in _CONVERSIONS:
        if isinstance(value, base):
            return f"convert it with {conversion}"
    if callable(value):
        return "code stays where it is: send a name that both sides know"
    return "convert it to a dict, or make it a dataclass and call gossamer.register with its class"


def _numpy_advice(value: Any) -> str:
    if getattr(value, "shape", None):
        return "convert it with x.tolist(), or send x.tobytes() with its shape and dtype"
    for base in (float, complex, str, bytes):
        if isinstance(value, base):
            return f"convert it with {base.__name__}(x) or x.item()"
    return "convert it with x.item()"


_CONVERSIONS: tuple[tuple[type, str], ...] = (
    (str, "str.__str__(x)"),
    (int, "int(x)"),
    (float, "float(x)"),
    (bytes, "bytes(x)"),
    (bytearray, "bytes(x)"),
    (memoryview, "bytes(x)"),
    (complex, "(x.real, x.imag)"),
    (tuple, "tuple(x), or make it a dataclass and call gossamer.register with its class"),
    (list, "list(x)"),
    (dict, "dict(x)"),
    (set, "set(x)"),
    (frozenset, "frozenset(x)"),
    (range, "list(x)"),
    (type({}.keys()), "list(x)"),
    (type({}.values()), "list(x)"),
    (type({}.items()), "list(x)"),
)
