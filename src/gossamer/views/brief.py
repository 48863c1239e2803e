"""Values in few words: for people, who read a line of each, and whose terminal nobody else is to command.

Whatever a peer wrote, what comes out is one line, of bounded length, made in bounded time for all but
strange types, and holds nothing but printable characters: no escape sequence, no line break, no
mark that turns the direction of writing.
"""

from __future__ import annotations

import builtins
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

CHARACTERS_MAX = 100
"""Of one value."""
ELEMENTS_MAX = 8
"""Of one container."""
_CUT = "…"


def brief(value: Any, characters_max: int = CHARACTERS_MAX) -> str:
    """Return the `repr` of a value, shortened."""
    return shortened(_brief.repr(value), characters_max)


def shortened(text: str, characters_max: int = CHARACTERS_MAX) -> str:
    """Return text on one line, its unprintable characters escaped, and no longer than that."""
    cut = text[: characters_max + 1]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return cut if len(cut) <= characters_max else cut[: characters_max - 1] + _CUT


class _Brief(reprlib.Repr):
    """`reprlib`, for subclasses too (what is read from a mesh is frozen), and in the order that things have."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = CHARACTERS_MAX

    def repr1(self, x: Any, level: int) -> str:
        match x:
            case str() if type(x).__str__ is str.__str__ and type(x).__repr__ is str.__repr__:
                return self.repr_str(str(x), level)
            case bytes():
                return builtins.repr(x[: self.maxstring])
            case int() if x.bit_length() > self.maxlong * 4:  # whose digits would take long, or be refused
                return f"<int of {x.bit_length()} bits>"
            case dict():
                return self._within(
                    "{}", x, level, lambda k: f"{self.repr1(k, level - 1)}: {self.repr1(x[k], level - 1)}"
                )
            case list():
                return self._within("[]", x, level)
            case tuple():
                return self._within("()", x, level)
            case set() | frozenset():
                return self._within("{}", x, level) if x else builtins.repr(type(x)())
        return self.repr_instance(x, level)

    def _within(self, brackets: str, x: Any, level: int, shown: Any = None) -> str:
        if not x:
            return brackets
        if level <= 0:
            return brackets[0] + _CUT + brackets[1]
        parts = [(shown or (lambda each: self.repr1(each, level - 1)))(each) for each in islice(x, ELEMENTS_MAX)]
        if len(x) > ELEMENTS_MAX:
            parts.append(_CUT)
        elif brackets == "()" and len(x) == 1:
            parts.append("")
        return brackets[0] + ", ".join(parts).rstrip(" ") + brackets[1]


_brief = _Brief()


def columns(rows: Iterable[Iterable[str]], gap: str = "  ") -> list[str]:
    """Return rows of cells as lines, the cells of a column below each other."""
    listed = [list(row) for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*listed, strict=True)]
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in listed]
