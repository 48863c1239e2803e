"""What it costs to agree after a split: 100 keys differ among 100 000."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from figures import Bound, Reading

from gossamer.blocking import BlockingMesh
from gossamer.handle import Arguments
from gossamer.net.faults import FaultyNetwork
from gossamer.net.transport import Network

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

COUNT = 100_000
DIFFERENT = 100


class Filtered:
    """A mesh whose network can be cut."""

    def __init__(self, name: str, port: int) -> None:
        self.network: FaultyNetwork

        def wrap(network: Network) -> Network:
            self.network = FaultyNetwork(network, seed=1)
            return self.network

        self.mesh = BlockingMesh(Arguments(name, port=port, wrap=wrap))

    def cut(self, other: Filtered) -> None:
        """Hear and reach `other` no more."""
        self.network.cut([bytes.fromhex(other.mesh.me.id)], other.network.unicast_addresses)

    def sent_bytes(self) -> int:
        """Return all bytes sent so far: beacons, introductions, repairs and exchanges."""
        counts = self.mesh.statistics()
        return counts["stream bytes sent"] + counts["datagram bytes sent"]


def test_a_small_difference_costs_little(
    figure: Callable[..., None], eventually: Callable[..., Any], mesh_port: int
) -> None:
    name = secrets.token_hex(4)
    ada, bob = Filtered(name, mesh_port), Filtered(name, mesh_port)
    ada.mesh.update({f"bench/{i}": i * 0.5 for i in range(COUNT)})
    bob.mesh.wait(lambda mesh: len(mesh) == COUNT, timeout=30)
    ada.mesh.settled(timeout=10)
    eventually(lambda: ada.mesh.status().peers[0].in_step and bob.mesh.status().peers[0].in_step, within_s=30)
    rounds = iter(range(1, 1000))

    def take() -> Reading:
        number = next(rounds)
        ada.cut(bob)
        bob.cut(ada)
        changed = {f"bench/{i * 991 + number}": float(i + number) for i in range(DIFFERENT)}
        for i, (key, value) in enumerate(changed.items()):
            (ada if i % 2 else bob).mesh[key] = value
        before = ada.sent_bytes() + bob.sent_bytes()
        ada.network.heal()
        bob.network.heal()
        eventually(lambda: all(ada.mesh[key] == bob.mesh[key] == changed[key] for key in changed), within_s=30)
        return Reading(ada.sent_bytes() + bob.sent_bytes() - before, len(cbor2.dumps(changed)))

    try:
        figure(
            "bytes to agree on 100 keys of 100 k, both ways",
            "B",
            "B in one CBOR document of the 100",
            take,
            Bound(10e3, 4e3, better="less"),
        )
    finally:
        ada.mesh.close(0)
        bob.mesh.close(0)
