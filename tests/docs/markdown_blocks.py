"""The code blocks of a Markdown document: what language each is in, what its fence asks for, where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w-]*)(?P<asks>[^`]*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.  `line` is that of its fence, counted from 1."""

    path: Path
    line: int
    language: str
    asks: tuple[str, ...]
    text: str

    @property
    def terminal(self) -> str | None:
        """The terminal it belongs to: `terminal=2` behind the fence's language."""
        return next((word.partition("=")[2] for word in self.asks if word.startswith("terminal=")), None)

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document, in order."""
    opened: re.Match[str] | None = None
    began, lines = 0, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if opened is None:
            opened = _FENCE.match(line)
            began, lines = number, []
        elif line.strip() == opened["ticks"]:
            yield Block(path, began, opened["language"], tuple(opened["asks"].split()), "\n".join(lines) + "\n")
            opened = None
        else:
            lines.append(line.removeprefix(opened["indent"]))
    assert opened is None, f"{path}:{began}: a block that does not end"
