"""How soon a listener hears of a write in another process, beside a bare multicast datagram."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from statistics import quantiles
from typing import Any

import pytest
from figures import Bound, Reading

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

SAMPLES = 300
WARM_UP = 100


def test_a_listener_in_another_process_hears_of_a_write(
    figures: Callable[..., None],
    companion: Callable[..., Any],
    eventually: Callable[..., Any],
    mesh_port: int,
) -> None:
    ways = {kind: Way(kind, companion, mesh_port) for kind in ("raw", "trio", "script")}
    for way in ways.values():
        eventually(way.works, within_s=20)
        way.sample(WARM_UP)

    def take() -> dict[str, Reading]:
        found = {kind: percentiles(way.sample(SAMPLES)) for kind, way in ways.items()}
        return {
            f"one way, {kind} door, {name}": Reading(found[kind][name], found["raw"][name])
            for kind in ("trio", "script")
            for name in ("p50", "p99")
        }

    figures(
        {
            "one way, trio door, p50": ("us", "us, bare trio multicast", Bound(4, 2, "ratio", "ratio", "less")),
            "one way, trio door, p99": ("us", "us, bare trio multicast", None),
            "one way, script door, p50": ("us", "us, bare trio multicast", Bound(8, 4, "ratio", "ratio", "less")),
            "one way, script door, p99": ("us", "us, bare trio multicast", None),
        },
        take,
    )


class Way:
    """A sender and a listener in two processes."""

    def __init__(self, kind: str, companion: Callable[..., Any], port: int) -> None:
        words = kind, secrets.token_hex(4), str(port + (kind == "raw"))
        self.listener = companion("one_way.py", words[0], "listen", *words[1:])
        self.sender = companion("one_way.py", words[0], "send", *words[1:])

    def works(self) -> bool:
        """Whether they hear each other."""
        return bool(self.sample(5))

    def sample(self, count: int) -> list[int]:
        """Return how long each of `count` writes took, in ns; a few may still be on their way."""
        self.listener.ask(0)
        self.sender.ask(count)
        return list(self.listener.ask(0))


def percentiles(samples_ns: list[int]) -> dict[str, float]:
    """Return p50 and p99, in us."""
    cuts = quantiles(samples_ns, n=100)
    return {"p50": cuts[49] / 1000, "p99": cuts[98] / 1000}
