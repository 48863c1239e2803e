"""What is not promised: a bank needs transactions, and must fail here."""

from __future__ import annotations

from gossamer.simulation import Wrong
from gossamer.simulation.scenario import World, scenario
from gossamer.simulation.workloads import PARTITIONS, BalanceBank, LedgerBank, Nemesis, trial


@scenario(nodes=5, variants={"": {"ledger": False}, "ledger": {"ledger": True}}, seconds=60)
def workload_bank(world: World, ledger: bool = False) -> None:
    """Money moves on both sides of a split: the sum changes, or an account goes below zero.

    It is right that this bank breaks: no shared dict that works on both sides of a split can keep it in order.
    """
    verdict = trial(world, LedgerBank() if ledger else BalanceBank(), nemesis=Nemesis(PARTITIONS))
    world.say(f"the bank is out of order, as it must be: {verdict}")
    if verdict.holds:
        raise Wrong("the bank stayed in order though the network was split: then this shows nothing")
