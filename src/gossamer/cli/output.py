"""What is printed: data on stdout, for programs or people; hints on stderr, for people.

What peers wrote is shown without the control characters it may hold: a key must not be
able to repaint the terminal of whoever lists it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .json_values import compact, plain

NEWLINE = "\n"
_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class Output:
    """Where one verb prints."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")

    def document(self, content: Any) -> None:
        """Print one JSON document, or one line of JSON Lines.  `content` is JSON already: see `json_values`."""
        print(json.dumps(content, ensure_ascii=False, allow_nan=False), flush=True)

    def line(self, text: str = "") -> None:
        """Print one line for people, at once."""
        print(text, flush=True)

    def hint(self, text: str) -> None:
        """Tell people something that is not data."""
        print(f"gossamer: {escaped(text, keep=NEWLINE)}", file=sys.stderr, flush=True)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows in columns, the last one as long as it likes."""
        cells = [list(titles), *(list(row) for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
        for number, row in enumerate(cells):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(coloured(text, "bold") if number == 0 else text)


def coloured(text: str, colour: str) -> str:
    """Return `text` in a colour, where a terminal shows it and NO_COLOR is not set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def shown_key(key: Any) -> str:
    """Return a key for people: a printable str as it is, anything else as Python writes it."""
    return key if type(key) is str and key.isprintable() and key else repr(key)


def shown_value(value: Any) -> str:
    """Return a value on one line: as JSON, with what JSON does not know spelled out."""
    return escaped(compact(plain(value)))


def bare_value(value: Any) -> str:
    """Return a value as `get` prints it: a text as it is, unless it could harm a terminal; else as JSON."""
    if type(value) is not str:
        return shown_value(value)
    return escaped(value, keep="\n\t") if sys.stdout.isatty() else value


def escaped(text: str, keep: str = "") -> str:
    """Return `text` with what a terminal might obey spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def age(seconds: float) -> str:
    """Return a span of time for people."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.1f} s"
