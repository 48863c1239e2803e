"""The writes that a thread or task collects in `with mesh.batch():`, to be made together.

A batch belongs to its context (PEP 567): to the thread or task that opened it, and to
the tasks that were started inside it for as long as it is open.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from ..crdt.writes import Key
from ..protocol.ledger import Ledger
from .drafts import Drafts

if TYPE_CHECKING:
    from .space import WideDecision

Row = tuple[bytes | None, int]
"""What a batch holds for a key: the encoded value, or None to delete it, and its flags."""


class Batch:
    """Rows by key, in the order in which the keys were first written.  Once taken, it takes nothing more."""

    __slots__ = ("_ledger", "_rows", "_taken", "drafts")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger  # and not its lock: a fork's child has another
        self._rows: dict[Key, Row] = {}
        self._taken = False
        self.drafts: Drafts | None = None
        """What it will do to objects that merge, if anything."""

    def put(self, key: Key, row: Row) -> bool:
        """Collect a write; return whether there was still time."""
        with self._ledger.lock:
            if not self._taken:
                self._rows[key] = row
            return not self._taken

    def draft(self, decide: WideDecision) -> bool:
        """Collect a change of objects; return whether there was still time."""
        with self._ledger.lock:
            if not self._taken:
                self.drafts = self.drafts or Drafts()
                self.drafts.enter(decide)
            return not self._taken

    def get(self, key: object) -> Row | None:
        """Return what is collected for `key`."""
        return self._rows.get(key)

    def rows(self) -> list[tuple[Key, Row]]:
        """Return what is collected so far."""
        with self._ledger.lock:
            return list(self._rows.items())

    def take(self) -> list[tuple[Key, Row]]:
        """Return all that was collected, and collect no more."""
        with self._ledger.lock:
            self._taken = True
            rows = list(self._rows.items())
            self._rows.clear()
            return rows

    @property
    def is_open(self) -> bool:
        """Whether it still collects."""
        return not self._taken


class Batches:
    """The open batch of each thread and task."""

    __slots__ = ("_current",)

    def __init__(self) -> None:
        self._current: ContextVar[Batch | None] = ContextVar("batch", default=None)

    def current(self) -> Batch | None:
        """Return the open batch of this thread or task, if there is one."""
        batch = self._current.get()
        return batch if batch is not None and batch.is_open else None

    def enter(self, batch: Batch) -> Token[Batch | None]:
        """Let `batch` collect what this thread or task writes."""
        return self._current.set(batch)

    def leave(self, token: Token[Batch | None]) -> None:
        """Let it collect no more."""
        self._current.reset(token)
