"""How fast a mesh is as a dict, beside a dict."""

from __future__ import annotations

import secrets
from collections.abc import Callable, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any

import pytest
from figures import Bound, Reading

import gossamer

pytestmark = pytest.mark.benchmark

COUNT = 100_000
BLOCK = 5_000
KEYS = [f"bench/{i}" for i in range(COUNT)]
FIRST = [i * 0.5 for i in range(COUNT)]
SECOND = [i * 0.25 for i in range(COUNT)]


def test_a_local_write_beside_one_to_a_dict(figures: Callable[..., None], mesh_port: int) -> None:
    def take() -> dict[str, Reading]:
        plain: dict[str, float] = {}
        with gossamer.join(secrets.token_hex(4), port=mesh_port) as mesh:
            return {
                "local set, fresh keys": beside(partial(write, FIRST), mesh, plain),
                "local set, overwriting": beside(partial(write, SECOND), mesh, plain),
            }

    bound = Bound(350e3, 800e3)
    figures(
        dict.fromkeys(("local set, fresh keys", "local set, overwriting"), ("/s", "/s dict set", bound)),
        take,
    )


def test_a_local_read_beside_one_of_a_dict(figures: Callable[..., None], mesh_port: int) -> None:
    with gossamer.join(secrets.token_hex(4), port=mesh_port) as mesh:
        mesh.update(zip(KEYS, FIRST, strict=True))
        plain = dict(zip(KEYS, FIRST, strict=True))

        def take() -> dict[str, Reading]:
            for key, value in zip(KEYS, FIRST, strict=True):
                mesh[key] = value  # to be decoded once more
            first = beside(read, mesh, plain)
            return {"local get, first of a value": first, "local get": beside(read, mesh, plain)}

        figures(
            {
                "local get, first of a value": ("/s", "/s dict get", None),
                "local get": ("/s", "/s dict get", Bound(5e6, 0.5, aim_of="ratio")),
            },
            take,
        )


def beside(use: Callable[[Any, slice], None], mesh: Any, plain: Any) -> Reading:
    """Use both in turns, a block of keys at a time, so that what disturbs the one disturbs the other."""
    spent_s = [0.0, 0.0]
    for at in range(0, COUNT, BLOCK):
        for i, mapping in enumerate((mesh, plain)):
            began = perf_counter()
            use(mapping, slice(at, at + BLOCK))
            spent_s[i] += perf_counter() - began
    return Reading(COUNT / spent_s[0], COUNT / spent_s[1])


def write(values: list[float], mapping: MutableMapping[Any, Any], block: slice) -> None:
    for key, value in zip(KEYS[block], values[block], strict=True):
        mapping[key] = value


def read(mapping: MutableMapping[Any, Any], block: slice) -> None:
    for key in KEYS[block]:
        mapping[key]
