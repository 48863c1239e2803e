"""What each write of a peer replaced, heard where nothing can come between: under the lock of the ledger.

This is what the record of a rig needs (see `record`): with it, what must be left of all
acknowledged writes follows exactly, however they raced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from ...crdt.dots import Origin
from ...crdt.writes import Held, Key, Replaced, Write, each
from ...protocol.ledger import Ledger, Observer


class Witness:
    """Stands between a ledger and its observer, and takes notes of local writes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told: Observer = ledger.observer
        self._rows: list[dict[str, Any]] = []
        ledger.observer = self

    @contextmanager
    def noting(self) -> Iterator[list[dict[str, Any]]]:
        """Collect what is written in the block: of each key, the dot of the write and of those that it replaced."""
        self._rows = []
        self._ledger.watched = True
        yield self._rows

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Note it, and pass it on."""
        if local:
            origin = self._ledger.origin or b""
            head = self._ledger.state.known.sequence(origin)
            for key, before, after in replaced:
                dot = _name(each(after)[0]) if after is not None else ""
                covered_by = _dot(origin, head)
                gone = [_name(write) for write in each(before)]
                self._rows.append({"key": key, "dot": dot, "covered_by": covered_by, "replaced": gone})
        self._told.replaced(replaced, local)

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Pass it on."""
        self._told.lapsed(lapsed)

    def live(self) -> dict[str, list[str]]:
        """Return the dots of the live writes of each key."""
        with self._ledger.lock:
            return {str(key): sorted(map(_name, each(held))) for key, held in self._ledger.state.live.items()}

    def known(self) -> dict[str, int]:
        """Return the vector: origin -> highest sequence known."""
        with self._ledger.lock:
            return {origin.hex(): sequence for origin, sequence in self._ledger.state.known.heads.items()}

    def digest(self) -> str:
        """Return what is equal on two peers if, and (but for chance) only if, they hold and know the same.  O(live)."""
        with self._ledger.lock:
            rows = [(repr(key), each(held)) for key, held in self._ledger.state.live.items()]
            heads = sorted(self._ledger.state.known.heads.items())
        rows.sort(key=lambda row: row[0])
        return blake2b(repr((rows, heads)).encode(), digest_size=8).hexdigest()


def _name(write: Write) -> str:
    return _dot(write.origin, write.sequence)


def _dot(origin: Origin, sequence: int) -> str:
    return f"{origin.hex()}:{sequence}"
