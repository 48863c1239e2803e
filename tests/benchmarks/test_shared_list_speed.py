"""What a shared list costs, beside a plain one, and beside itself when it was short."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Thread
from time import perf_counter
from typing import Any

import pytest
from figures import Bound, Reading

import gossamer
from gossamer.views.positions import between, run

pytestmark = pytest.mark.benchmark

FEW, MANY = 1_000, 100_000
BLOCK = 500
PAUSE_S = 0.0005


def test_appending_beside_a_plain_list_and_to_a_long_list_beside_a_short_one(
    figures: Callable[..., None], mesh_port: int
) -> None:
    def take() -> dict[str, Reading]:
        with gossamer.join(secrets.token_hex(4), port=mesh_port) as mesh:
            lists: dict[str, Any] = {"short": mesh.shared_list("short"), "long": mesh.shared_list("long"), "plain": []}
            lists["short"].extend(range(FEW))
            lists["long"].extend(range(MANY))
            assert [len(lists[name]) for name in ("short", "long")] == [FEW, MANY]  # put in order once
            appends = speeds(lists, lambda target: target.append(1))
            inserts = speeds(lists, lambda target: target.insert(FEW // 2, 1))
            looks = speeds(lists, lambda target: target[FEW // 2])
        return {
            "shared list, append": Reading(appends["short"], appends["plain"]),
            "shared list, append at 100 k": Reading(appends["long"], appends["short"]),
            "shared list, insert at 100 k": Reading(inserts["long"], inserts["short"]),
            "shared list, index": Reading(looks["short"], looks["plain"]),
        }

    flat = Bound(0.3, 0.8, of="ratio", aim_of="ratio")
    figures(
        {
            "shared list, append": ("/s", "/s list append", None),
            "shared list, append at 100 k": ("/s", "/s at 1 k", flat),
            "shared list, insert at 100 k": ("/s", "/s at 1 k", flat),
            "shared list, index": ("/s", "/s list index", None),
        },
        take,
    )


def test_bytes_of_a_place_at_the_end_of_a_long_list(figures: Callable[..., None]) -> None:
    """Where one appends alone, and where two take turns; beside the place of the hundredth element."""

    def take() -> dict[str, Reading]:
        alone = run(None, None, b"writer", range(1, MANY + 1))
        assert alone is not None
        turns: list[bytes] = []
        for number in range(1, MANY + 1):
            place = between(turns[-1] if turns else None, None, (b"oneone", b"twotwo")[number % 2], number)
            assert place is not None
            turns.append(place)
        return {
            "place of the last of 100 k": Reading(len(alone[-1]), len(alone[99])),
            "the same, two taking turns": Reading(len(turns[-1]), len(turns[99])),
        }

    short = Bound(16, 12, better="less")
    figures(
        dict.fromkeys(("place of the last of 100 k", "the same, two taking turns"), ("B", "B of the 100th", short)),
        take,
    )


def test_who_writes_while_a_long_list_is_looked_at_for_the_first_time(
    figures: Callable[..., None], mesh_port: int
) -> None:
    """Beside how long a write takes at worst while one thread counts, and looks at nothing."""

    def take() -> dict[str, Reading]:
        name = secrets.token_hex(4)
        with gossamer.join(name, port=mesh_port) as north:
            north.shared_list("long").extend(range(MANY))
            with gossamer.join(name, port=mesh_port) as south:
                south.wait(lambda _: north.peers, timeout=60)
                north.settled(timeout=60)
                idle_ms = longest_write_ms(south, lambda: sum(range(5_000_000)))
                return {
                    "write, at first look at 100 k": Reading(
                        longest_write_ms(south, lambda: len(south.shared_list("long"))), idle_ms
                    ),
                    "write, as 100 k are read": Reading(
                        longest_write_ms(south, lambda: south.shared_list("long").copy()), idle_ms
                    ),
                }

    soon = Bound(50, 10, better="less")
    figures(
        dict.fromkeys(
            ("write, at first look at 100 k", "write, as 100 k are read"), ("ms at worst", "ms beside a busy one", soon)
        ),
        take,
    )


def longest_write_ms(mesh: Any, look: Callable[[], object]) -> float:
    """Return the longest that a write of this thread took while another looked."""
    looker, longest_s = Thread(target=look), 0.0
    looker.start()
    while looker.is_alive():
        began = perf_counter()
        mesh["k"] = began
        longest_s = max(longest_s, perf_counter() - began)
        looker.join(PAUSE_S)
    return max(0.001, 1000 * longest_s)


def speeds(lists: dict[str, Any], use: Callable[[Any], object]) -> dict[str, float]:
    """Use all in turns, a block at a time."""
    spent_s = dict.fromkeys(lists, 0.0)
    for _ in range(4):
        for name, target in lists.items():
            began = perf_counter()
            for _ in range(BLOCK):
                use(target)
            spent_s[name] += perf_counter() - began
    return {name: 4 * BLOCK / spent for name, spent in spent_s.items()}
