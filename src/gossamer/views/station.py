"""What events stand on: a mesh, as far as those who emit and those who listen need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..options import Options
from ..protocol.emissions import Emissions
from ..protocol.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Station:
    """What an emitter stands on: a mesh that is open, or was."""

    options: Options
    before_use: Callable[[], None]
    """Checks that the mesh is open; a forked child begins a life of its own here."""
    emissions: Callable[[], Emissions]
    ledger: Callable[[], Ledger]
    now: Callable[[], float]
    emitted: Callable[[], None]
    """Called after each event, outside the lock."""
    call_soon: Callable[[Callable[[], object]], None]
    perform: Callable[[], None]
    """Lets the loop do what the protocol asks.  In the loop."""
    name: Callable[[], str]
    peer_of: Callable[[bytes], Any]
    listen: Callable[[], None]
    """Called when the first handler is there."""
    wake: Callable[[], None]
