"""What people are shown of a mesh and its views: in IPython, in a notebook, and by rich.

Each says what it is as a `Table` or as a line; the three ways of showing that are here, once.
Nothing is imported until it is used: the hooks are called by those programs, which are there then.
What is shown is bounded, however large the mesh, and escaped, whoever wrote it: see `brief`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .brief import columns, shortened

ROWS_MAX = 30
"""More are counted, not shown."""


@dataclass(frozen=True, slots=True)
class Table:
    """A title, names of columns, and rows of cells; what is in them is printable already."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    more: int = 0
    """How many rows are not shown."""

    @property
    def last_line(self) -> str:
        """What stands below, if anything."""
        return f"… and {self.more:,} more" if self.more else ""

    def text(self) -> str:
        """Return it as lines."""
        lines = [self.title]
        if self.rows:
            lines += ["  " + line for line in columns([self.columns, *self.rows])]
        return "\n".join([*lines, *(["  " + self.last_line] if self.more else [])])

    def html(self) -> str:
        """Return it as an element of HTML, without scripts or styles."""
        from html import escape

        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        last = f"<p>{escape(self.last_line)}</p>" if self.more else ""
        return f"<div><p><b>{escape(self.title)}</b></p>{table}{last}</div>"

    def rich(self) -> Any:
        """Return it as a table of rich's; nothing in it is taken for markup."""
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=Text(self.title), caption=Text(self.last_line) if self.more else None)
        for name in self.columns:
            table.add_column(name)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


class _Shown:
    """In IPython, a class's own `__repr__` goes before an inherited `_repr_pretty_`: so each has both."""

    __slots__ = ()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "__repr__" in vars(cls):
            cls._repr_pretty_ = cls._repr_pretty_  # type: ignore[method-assign]

    @abstractmethod
    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it in IPython."""


class ShownAsTable(_Shown):
    """Shown as the table that `_table` returns."""

    __slots__ = ()

    @abstractmethod
    def _table(self) -> Table:
        """Return what is to be seen of it now."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it in IPython."""
        printer.text(self._table().text())

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return self._table().html()

    def __rich__(self) -> Any:
        return self._table().rich()


class ShownAsLine(_Shown):
    """Shown as its `repr`, shortened."""

    __slots__ = ()

    def _line(self) -> str:
        return shortened(repr(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it in IPython."""
        printer.text(self._line())

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from html import escape

        return f"<code>{escape(self._line())}</code>"

    def __rich__(self) -> Any:
        from rich.text import Text

        return Text(self._line())
