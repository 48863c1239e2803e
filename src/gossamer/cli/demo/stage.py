"""How the demo is shown: a live table on a terminal, plain lines in a pipe, JSON Lines for programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from ..output import Output, coloured

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

TITLES = ("side", "peer", "sees", "keys", "state", "conflicts", "sent")
STATE_COLOURS = ("green", "yellow", "magenta", "cyan")


@dataclass(frozen=True, slots=True)
class Row:
    """One peer as the table shows it."""

    side: str
    name: str
    sees: int | None
    keys: int | None
    digest: str
    conflicts: int | None
    sent_bytes: int | None

    def cells(self) -> tuple[str, ...]:
        """Return the cells as text."""
        sent = "" if self.sent_bytes is None else f"{self.sent_bytes / 1000:.1f} kB"
        numbers = ["" if n is None else str(n) for n in (self.sees, self.keys, self.conflicts)]
        return self.side, self.name, numbers[0], numbers[1], self.digest, numbers[2], sent


class Stage(Protocol):
    """Where the story is told."""

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Tell one line of the story; `event` and `facts` are for programs."""

    def show(self, rows: Sequence[Row]) -> None:
        """Show how the peers are now: often, and at no cost where nobody could watch."""

    def hold(self, rows: Sequence[Row]) -> None:
        """Show how the peers are at a moment that matters."""

    def end(self, text: str, ok: bool, **facts: Any) -> None:
        """Give the verdict."""


class PlainStage:
    """Lines and tables, one after the other."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began = time.monotonic()

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Print a line, with the time since the beginning."""
        self._output.line(f"{time.monotonic() - self._began:5.1f} s  {text}")

    def show(self, rows: Sequence[Row]) -> None:
        """Show nothing: a pipe keeps every line."""

    def hold(self, rows: Sequence[Row]) -> None:
        """Print a table."""
        self._output.table(TITLES, [row.cells() for row in rows])

    def end(self, text: str, ok: bool, **facts: Any) -> None:
        """Print the verdict."""
        self._output.line(coloured(text, "green" if ok else "red"))


class JsonStage:
    """One JSON object a line; the last is the verdict."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began = time.monotonic()

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Print an event."""
        self._output.document({"event": event, "at_s": self._now_s(), "text": text, **facts})

    def show(self, rows: Sequence[Row]) -> None:
        """Show nothing: what matters comes by `hold`."""

    def hold(self, rows: Sequence[Row]) -> None:
        """Print how the peers are."""
        self._output.document({"event": "peers", "at_s": self._now_s(), "peers": [asdict(row) for row in rows]})

    def end(self, text: str, ok: bool, **facts: Any) -> None:
        """Print the verdict."""
        self._output.document({"event": "verdict", "at_s": self._now_s(), "ok": ok, "text": text, **facts})

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began, 3)


class LiveStage:
    """Lines that scroll above a table that lives."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._began = time.monotonic()

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Print a line above the table."""
        self._live.console.print(f"{time.monotonic() - self._began:5.1f} s  {text}", markup=False, highlight=False)

    def show(self, rows: Sequence[Row]) -> None:
        """Draw the table anew."""
        self._live.update(_table(rows), refresh=True)

    def hold(self, rows: Sequence[Row]) -> None:
        """Leave a copy of the table where it is read later."""
        self._live.console.print(_table(rows))

    def end(self, text: str, ok: bool, **facts: Any) -> None:
        """Print the verdict."""
        self._live.console.print(text, style="bold green" if ok else "bold red", markup=False, highlight=False)


@contextmanager
def stage_for(output: Output) -> Iterator[Stage]:
    """Yield the stage that suits: JSON if asked for, a live table on a terminal, else plain lines."""
    if output.as_json:
        yield JsonStage(output)
        return
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb" or find_spec("rich") is None:
        if sys.stdout.isatty() and find_spec("rich") is None:
            output.hint("for a live table, install rich: pip install 'gossamer[demo]'")
        yield PlainStage(output)
        return
    from rich.live import Live

    with Live(auto_refresh=False, transient=True) as live:
        yield LiveStage(live)


def _table(rows: Sequence[Row]) -> Table:
    """Return the table, each state in a colour of its own: two colours are two states."""
    from rich.table import Table

    digests = list(dict.fromkeys(row.digest for row in rows if row.digest))
    colour_of = {digest: STATE_COLOURS[i % len(STATE_COLOURS)] for i, digest in enumerate(digests)}
    table = Table(*TITLES)
    for row in rows:
        side, name, sees, keys, digest, conflicts, sent = row.cells()
        state = f"[{colour_of[digest]}]{digest}[/]" if digest in colour_of else ""
        table.add_row(side, name, sees, keys, state, conflicts, sent)
    return table
