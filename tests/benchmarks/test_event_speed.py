"""Events from one process to another, beside PUB and SUB of pyzmq (`pip install "gossamer[bench]"`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from figures import Bound, Reading

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

BURST = 4000
"""As many as wait for a handler before the oldest is dropped."""
SAMPLES = 200


def test_events_from_one_process_to_another(
    figures: Callable[..., None], companion: Callable[..., Any], eventually: Callable[..., Any], mesh_port: int
) -> None:
    pytest.importorskip("zmq", reason='pyzmq is not installed: pip install "gossamer[bench]"')
    ways = {kind: Way(kind, companion, mesh_port + number) for number, kind in enumerate(("events", "zmq"))}
    for way in ways.values():
        eventually(way.works, within_s=20)
        way.burst()

    def take() -> dict[str, Reading]:
        bursts = {kind: way.burst() for kind, way in ways.items()}
        singles = {kind: way.single() for kind, way in ways.items()}
        return {
            "events, one process to another": Reading(bursts["events"], bursts["zmq"]),
            "emit to handler, idle, p50": Reading(singles["events"], singles["zmq"]),
        }

    figures(
        {
            "events, one process to another": ("events/s", "events/s, pyzmq", Bound(0.5, 1, "ratio", "ratio")),
            "emit to handler, idle, p50": ("us", "us, pyzmq", Bound(124 / 73, 1, "ratio", "ratio", "less")),
        },
        take,
    )


class Way:
    """A sender and a listener in two processes."""

    def __init__(self, kind: str, companion: Callable[..., Any], port: int) -> None:
        words = secrets.token_hex(4), str(port)
        self.sender = companion("event_ends.py", kind, "send", *words)
        self.listener = companion("event_ends.py", kind, "listen", *words)

    def works(self) -> bool:
        """Whether the listener hears the sender."""
        self.sender.ask("single", 1)
        return bool(self.listener.ask("single", 1)["at_ns"])

    def burst(self) -> float:
        """Return how many events a second come through, handlers called."""
        self.sender.ask("burst", BURST)
        heard = self.listener.ask("burst", BURST)
        assert len(heard["at_ns"]) == BURST, f"{BURST - len(heard['at_ns'])} of {BURST} events were lost"
        return BURST / (heard["at_ns"][-1] - heard["sent_ns"][0]) * 1e9

    def single(self) -> float:
        """Return the median time from emitting until the handler is called, in us."""
        self.sender.ask("single", SAMPLES)
        heard = self.listener.ask("single", SAMPLES)
        return median(at - sent for at, sent in zip(heard["at_ns"], heard["sent_ns"], strict=True)) / 1000
