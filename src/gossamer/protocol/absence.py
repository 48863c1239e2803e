"""How long we were apart from everybody, and how much there was to catch up with."""

from __future__ import annotations

from ..options import Options
from .effects import Effect, Rejoined
from .ledger import Ledger


class Absence:
    """Begins when the last of the others has gone, and ends when we know again what another knows."""

    __slots__ = ("_effects", "_ledger", "_options", "_received", "_since")

    def __init__(self, ledger: Ledger, effects: list[Effect], options: Options) -> None:
        self._ledger = ledger
        self._effects = effects
        self._options = options
        self._since: float | None = None
        self._received = 0

    def begin(self, heard_at: float) -> None:
        """Nobody is there any more; the last of them was heard at `heard_at`."""
        if self._since is None:
            self._since, self._received = heard_at, self._ledger.received

    def end(self, now: float) -> None:
        """We have caught up with somebody: if it took long, tell how long, and how many keys changed."""
        since, self._since = self._since, None
        if since is not None and now - since > self._options.rejoin_after_s:
            self._effects.append(Rejoined(now - since, self._ledger.received - self._received))
