"""The same workloads on real processes in network namespaces, which the nemesis really cuts, pauses and kills."""

from __future__ import annotations

import pytest

from gossamer.simulation.rig import Rig, available
from gossamer.simulation.workloads import (
    DEADLY,
    PARTITIONS,
    AddRemoveSet,
    AtomicBatch,
    BalanceBank,
    CausalAppend,
    LedgerBank,
    Nemesis,
    Register,
    SetFull,
    trial,
)

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available() or "-")]


@pytest.mark.parametrize("make", [SetFull, AddRemoveSet, Register, CausalAppend, AtomicBatch], ids=lambda it: it.name)
def test_what_a_workload_promises_holds_between_real_processes(make):
    with Rig(seed=1, size=5) as world:
        verdict = trial(world, make(), seconds=20, nemesis=Nemesis(DEADLY if make is SetFull else PARTITIONS))

    assert verdict.holds, verdict


@pytest.mark.parametrize("make", [BalanceBank, LedgerBank], ids=lambda it: it.name)
def test_a_bank_breaks_between_real_processes_too(make):
    with Rig(seed=1, size=5) as world:
        verdict = trial(world, make(), seconds=20, nemesis=Nemesis(PARTITIONS))

    assert not verdict.holds
