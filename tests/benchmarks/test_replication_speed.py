"""How fast 100 000 keys travel: while they are written, and to one who comes late."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from figures import Bound, Reading

import gossamer

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

COUNT = 100_000
GROUP_KEYS = 1000


def test_writes_reach_another_process(
    figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int
) -> None:
    other = companion("companion.py")

    def take() -> dict[str, Reading]:
        name = secrets.token_hex(4)
        with gossamer.join(name, port=mesh_port) as mesh:
            other.ask("join", name, mesh_port)
            mesh.wait(lambda m: len(m.peers) == 1, timeout=10)
            mesh.settled(timeout=10)
            other.tell("await_key", f"bench/{COUNT - 1}")
            began_ns = time.monotonic_ns()
            for i in range(COUNT):
                mesh[f"bench/{i}"] = i * 0.5
            wrote_ns = time.monotonic_ns()
            arrived = other.answer()
            assert arrived["keys"] == COUNT
            other.ask("close")
        bare_ns = send_columns(other)
        return {
            "two processes, until the other holds all": Reading(rate(arrived["at_ns"] - began_ns), rate(bare_ns)),
            "local set while another process listens": Reading(rate(wrote_ns - began_ns), rate(bare_ns)),
        }

    reference = "/s in CBOR columns over bare TCP"
    figures(
        {
            "two processes, until the other holds all": ("/s", reference, Bound(200e3, 500e3)),
            "local set while another process listens": ("/s", reference, None),
        },
        take,
    )


def send_columns(other: Any) -> int:
    """Set the same keys in a dict and send them in groups, unsealed; return how long it took in all."""
    port, plain = other.ask("port"), {}
    other.tell("receive_columns", COUNT)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began_ns = time.monotonic_ns()
        keys, values = [], []
        for i in range(COUNT):
            key, value = f"bench/{i}", i * 0.5
            plain[key] = value
            keys.append(key)
            values.append(value)
            if len(keys) == GROUP_KEYS:
                data = cbor2.dumps([keys, values])
                connection.sendall(len(data).to_bytes(4, "big") + data)
                keys, values = [], []
        return int(other.answer()) - began_ns


def rate(span_ns: int) -> float:
    return COUNT / (span_ns / 1e9)


def test_a_late_joiner_catches_up(figures: Callable[..., None], companion: Callable[..., Any], mesh_port: int) -> None:
    other, name = companion("companion.py"), secrets.token_hex(4)
    other.ask("join", name, mesh_port)
    other.ask("fill", COUNT)
    other.ask("fill_plain", COUNT)
    eager = gossamer.Options(settle_s=0.05)

    def join(options: gossamer.Options) -> tuple[float, float]:
        began = time.perf_counter()
        with gossamer.join(name, port=mesh_port, options=options) as mesh:
            took_s = time.perf_counter() - began
            assert len(mesh) == COUNT
            counts = mesh.statistics()
            received = counts["stream bytes received"] + counts["datagram bytes received"]
            return took_s, received / COUNT

    def take() -> dict[str, Reading]:
        bare_s, bare_bytes = receive_whole(other)
        calm_s, entry_bytes = join(gossamer.Options())
        eager_s, _ = join(eager)
        return {
            "late join, default settle_s of 0.3": Reading(calm_s, bare_s),
            "late join, settle_s of 0.05": Reading(eager_s, bare_s),
            "bytes an entry at late join": Reading(entry_bytes, bare_bytes / COUNT),
        }

    reference = "s for one CBOR document over bare TCP"
    bound = Bound(0.8, 0.2, better="less")
    figures(
        {
            "late join, default settle_s of 0.3": ("s", reference, bound),
            "late join, settle_s of 0.05": ("s", reference, bound),
            "bytes an entry at late join": ("B", "B in one CBOR document", Bound(33, 10, better="less")),
        },
        take,
    )


def receive_whole(other: Any) -> tuple[float, int]:
    """Fetch the same dict as one CBOR document, unsealed; return how long it took, and its size."""
    port = other.ask("port")
    other.tell("send_whole")
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as stream:
        plain = cbor2.loads(stream.read())
    took_s = time.perf_counter() - began
    assert len(plain) == COUNT
    return took_s, int(other.answer())
