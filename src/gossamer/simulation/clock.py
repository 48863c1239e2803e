"""A computer's wall clock, which is wrong: by an offset, by a rate, and by steps while it runs."""

from __future__ import annotations

EPOCH_MS = 1_800_000_000_000
"""The true time when a simulation begins, in milliseconds since 1970."""


class WrongClock:
    """Tells milliseconds since 1970, more or less."""

    __slots__ = ("offset_ms", "rate")

    def __init__(self, offset_ms: int = 0, rate: float = 1.0) -> None:
        self.offset_ms = offset_ms
        self.rate = rate

    def wall_ms(self, now: float) -> int:
        """Return what the clock shows `now` seconds after the simulation began."""
        return EPOCH_MS + self.offset_ms + int(now * self.rate * 1000)

    def step(self, by_ms: int) -> None:
        """Somebody, or NTP, sets the clock."""
        self.offset_ms += by_ms
