"""A window over the packet numbers of one sender: each number is accepted once.

1. A number is accepted at most once.
2. A number at or below `highest - width` is too old to tell, and never accepted.
3. `highest` only rises.

The bitmap is one Python int, bit d standing for `highest - d`: the idea of RFC 6479
without its ring of words.  A sender's multicast and unicast packets share one count, so a
number that never came may have been meant for somebody else: a gap is not a loss, and the
window reports counts, not verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 1024
"""Packets that may overtake one another.  At 10 000 a second it is a tenth of a second."""


class ReplayWindow:
    """The packet numbers of one sender that were heard lately.  Not thread-safe."""

    __slots__ = ("_bits", "_lowest", "_mask", "heard", "highest", "width")

    def __init__(self, width: int = WIDTH) -> None:
        self.width = width
        self.highest = -1
        """The greatest number accepted; -1 before the first."""
        self.heard = 0
        """Numbers accepted, ever."""
        self._lowest = 0
        self._bits = 0
        self._mask = (1 << width) - 1

    def accept(self, number: int) -> bool:
        """Return whether `number` was neither accepted before nor is too old to tell, and note it."""
        ahead = number - self.highest
        if ahead > 0:
            self._advance(number, ahead)
        elif -ahead >= self.width or self._bits >> -ahead & 1:
            return False
        else:
            self._bits |= 1 << -ahead
            self._lowest = min(self._lowest, number)
        self.heard += 1
        return True

    def missing(self) -> tuple[int, ...]:
        """Return the numbers of the window that were not heard, in order.  O(width)."""
        reversed_bits = reversed(range(self._span()))
        return tuple(self.highest - back for back in reversed_bits if not self._bits >> back & 1)

    def reception(self) -> Reception:
        """Return how many of the latest numbers were heard, as two counts."""
        return Reception(heard=self._bits.bit_count(), span=self._span())

    def _advance(self, number: int, ahead: int) -> None:
        if not self.heard:
            self._lowest = number
        # A leap beyond the window must not build an int as long as the leap.
        self._bits = (self._bits << ahead | 1) & self._mask if ahead < self.width else 1
        self.highest = number

    def _span(self) -> int:
        return min(self.width, self.highest - self._lowest + 1) if self.heard else 0


@dataclass(frozen=True, slots=True)
class Reception:
    """What came of a sender's latest packets, whoever they were meant for.

    `span` is how many numbers lie from the lowest heard to the highest, `width` at most;
    `heard` is how many of those came.  Where every packet of the sender was meant for us,
    `heard / span` is the share that arrived; otherwise it is a lower bound of that.
    """

    heard: int
    span: int
