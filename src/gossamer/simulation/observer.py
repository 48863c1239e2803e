"""Who watches a simulation: told of what happens, never asked, and without any effect on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..crdt.dots import Origin
from ..crdt.writes import Key


class SimulationObserver(Protocol):
    """Hears of everything in a run.  `Simulation.watch` attaches one; `trace.Trace` is one."""

    def sent(
        self,
        at: float,
        sender: str,
        receiver: str,
        way: str,
        kinds: Iterable[str],
        size_bytes: int,
        arrives_at: float | None,
    ) -> None:
        """Something is on its way from one node to another; it is lost if `arrives_at` is None.

        `way` is "multicast", "unicast" or "stream"; a multicast is told once a receiver.
        """

    def network(self, at: float, text: str) -> None:
        """The network was split, cut, healed, or its weather changed."""

    def node(self, at: float, name: str, text: str) -> None:
        """A node boots, dies, pauses ..."""

    def wrote(self, at: float, name: str, key: Key, origin: Origin, sequence: int) -> None:
        """A program on a node put or deleted `key`."""

    def said(self, at: float, text: str) -> None:
        """The story says something."""
