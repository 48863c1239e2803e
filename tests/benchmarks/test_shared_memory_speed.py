"""One host, one replica: reads of an attached process, writes of it and of the one that publishes.

Beside UltraDict and shared-memory-dict (`pip install "gossamer[bench]"`).
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from figures import Bound, Reading

import gossamer

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

KEYS, MANY = 1000, 1_000_000
READS = 100_000
WRITES = 500
SECONDS = 0.5


def reads_a_second(shared: Any, keys: list[str]) -> float:
    began = time.perf_counter()
    for key in keys:
        shared[key]
    return len(keys) / (time.perf_counter() - began)


def chosen(keys: int) -> list[str]:
    rng = random.Random(2)
    return [f"bench/{rng.randrange(keys)}" for _ in range(READS)]


def test_an_attached_process_reads_and_writes(
    figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int
) -> None:
    pytest.importorskip("atomics", reason='UltraDict needs it to lock: pip install "gossamer[bench]"')
    ultra_dict = pytest.importorskip("UltraDict", reason='UltraDict is not installed: pip install "gossamer[bench]"')
    name = secrets.token_hex(4)
    ours = companion("memory_ends.py", "gossamer", name, str(mesh_port))
    theirs = companion("memory_ends.py", "ultra", f"u{name}", "0")
    locked = companion("memory_ends.py", "ultra-locked", f"l{name}", "0")
    for one in (ours, theirs, locked):
        one.ask("fill", KEYS)
    cache, ultra = gossamer.attach(name), ultra_dict.UltraDict(name=f"u{name}")
    keys = chosen(KEYS)
    reads_a_second(cache, keys)

    def busy(one: Any, shared: Any) -> float:
        one.ask("write_on")
        try:
            return reads_a_second(shared, keys)
        finally:
            one.ask("fill", KEYS)

    def own_write_us() -> float:
        took = []
        for number in range(WRITES):
            began = time.perf_counter()
            cache["own"] = number
            took.append(time.perf_counter() - began)
        return median(took) * 1e6

    def take() -> dict[str, Reading]:
        idle = Reading(reads_a_second(cache, keys), reads_a_second(ultra, keys))
        return {
            "read, publisher idle": idle,
            "read, publisher writing": Reading(busy(ours, cache), busy(theirs, ultra)),
            "write of an attached process, p50": Reading(own_write_us(), 1e6 / idle.reference),
            "write, others may write too": Reading(ours.ask("write", SECONDS), locked.ask("write", SECONDS)),
            "write, beside a lone writer": Reading(ours.ask("write", SECONDS), theirs.ask("write", SECONDS)),
        }

    figures(
        {
            "read, publisher idle": ("reads/s", "reads/s, UltraDict", Bound(1, 3, "ratio", "ratio")),
            "read, publisher writing": ("reads/s", "reads/s, UltraDict", Bound(1, 3, "ratio", "ratio")),
            "write of an attached process, p50": ("us", "us, a read of UltraDict", Bound(60, 25, better="less")),
            "write, others may write too": ("writes/s", "writes/s, UltraDict locked", Bound(3, 8, "ratio", "ratio")),
            "write, beside a lone writer": ("writes/s", "writes/s, UltraDict", Bound(3, 8, "ratio", "ratio")),
        },
        take,
    )
    cache.close()
    ultra.close()


def test_the_publisher_writes_beside_shared_memory_dict(
    figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int
) -> None:
    pytest.importorskip("shared_memory_dict", reason='it is not installed: pip install "gossamer[bench]"')
    name = secrets.token_hex(4)
    ours = companion("memory_ends.py", "gossamer", name, str(mesh_port))
    theirs = companion("memory_ends.py", "smd", f"s{name}", "0")
    for one in (ours, theirs):
        one.ask("fill", KEYS)
    figures(
        {
            "write of the publisher, 1 k keys": (
                "writes/s",
                "writes/s, shared-memory-dict",
                Bound(30, 30, "ratio", "ratio"),
            )
        },
        lambda: {"write of the publisher, 1 k keys": Reading(ours.ask("write", SECONDS), theirs.ask("write", SECONDS))},
    )


def test_reads_do_not_slow_down_with_the_number_of_keys(
    figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int
) -> None:
    name = secrets.token_hex(4)
    few = companion("memory_ends.py", "gossamer", name, str(mesh_port))
    many = companion("memory_ends.py", "gossamer", f"{name}2", str(mesh_port))
    few.ask("fill", KEYS)
    many.ask("fill", MANY)
    small, large = gossamer.attach(name), gossamer.attach(f"{name}2", timeout=60)
    hot, cold = chosen(KEYS), chosen(MANY)
    for cache, keys in ((small, hot), (large, hot)):
        reads_a_second(cache, keys)

    def first_reads(cache: gossamer.Cache, keys: list[str]) -> float:
        cache._reader.current().forget()
        return reads_a_second(cache, list(dict.fromkeys(keys)))

    figures(
        {
            "read at 1 M keys, the same 1 k": ("reads/s", "reads/s at 1 k", Bound(0.5, 0.9, "ratio", "ratio")),
            "first read at 1 M keys": ("reads/s", "reads/s at 1 k", Bound(0.5, 0.9, "ratio", "ratio")),
        },
        lambda: {
            "read at 1 M keys, the same 1 k": Reading(reads_a_second(large, hot), reads_a_second(small, hot)),
            "first read at 1 M keys": Reading(first_reads(large, cold), first_reads(small, hot)),
        },
    )
    small.close()
    large.close()
