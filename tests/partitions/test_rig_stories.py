"""Scenario files told to real processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossamer.simulation.catalogue import scenarios
from gossamer.simulation.rig import Rig, available

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available() or "-")]

TOLD = [
    "split-brain",
    "one-way-link",
    "bridge-node",
    "no-multicast",
    "clock-stepped",
    "deleter-dies-unheard",
    "writer-dies-after-one-heard",
    "everyone-restarts",
    "slow-link",
    "hot-key",
    "fork-after-first-write",
    "slow-watcher",
    "hostile-bytes",
    "disk-full",
]
ALL = scenarios()


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.timeout(300)
def test_a_scenario_file_holds_with_real_peers(name):
    one = ALL[name]
    with Rig(1, size=min(one.nodes, 5)) as world:
        one.play(world, **next(iter(one.variants.values())))

        assert world.figures


@pytest.mark.timeout(120)
def test_a_flood_is_a_flood_and_costs_a_peer_no_memory():
    with Rig(1) as rig:
        names = rig.start(2)
        before = {name: resident_bytes(rig, name) for name in names}
        rig.flood(5)
        sent = rig.flooding.communicate(timeout=60)[0]
        datagrams, streams = map(int, sent.split())
        rig.write(names[0], "x", 1)
        rig.settle(within_s=10)
        after = {name: resident_bytes(rig, name) for name in names}

        assert datagrams > 10_000
        assert streams > 100
        assert all(rig.refused(name) > 1000 for name in names)
        assert all(after[name] < before[name] + (16 << 20) for name in names)


def resident_bytes(rig, name):
    """Return the memory that the peer of a computer occupies."""
    status = Path(f"/proc/{rig.host(name).peer.pid}/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])
