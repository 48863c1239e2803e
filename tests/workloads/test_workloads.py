"""Each workload on the simulator, under a nemesis: what is promised holds, and what is not promised does not."""

from __future__ import annotations

import pytest

from gossamer.simulation import Simulation, Wrong
from gossamer.simulation.workloads import (
    DEADLY,
    FAULTS,
    PARTITIONS,
    AddRemoveSet,
    AtomicBatch,
    BalanceBank,
    CausalAppend,
    History,
    LedgerBank,
    Nemesis,
    Register,
    SetFull,
    expect,
    record,
    trial,
)

PROMISED = [SetFull, AddRemoveSet, Register, CausalAppend, AtomicBatch]
QUIET: tuple[str, ...] = ()


@pytest.mark.parametrize("make", PROMISED, ids=lambda make: make.name)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 50))])
def test_what_a_workload_promises_holds_under_every_fault(make, seed):
    world = Simulation(seed)

    verdict = trial(world, make())

    assert verdict.holds, verdict
    assert world.figures["agreement_s"] < 10


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 50))])
def test_of_a_process_that_is_killed_only_the_last_writes_are_gone(seed):
    verdict = trial(Simulation(seed), SetFull(), nemesis=Nemesis(DEADLY))

    assert verdict.holds, verdict


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_a_bank_of_balances_changes_its_sum_when_the_network_splits(seed):
    verdict = trial(Simulation(seed), BalanceBank(), seconds=25, nemesis=Nemesis(PARTITIONS))

    assert "sums other than" in str(verdict)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_a_bank_that_keeps_every_transfer_goes_below_zero_when_the_network_splits(seed):
    verdict = trial(Simulation(seed), LedgerBank(), seconds=25, nemesis=Nemesis(PARTITIONS))

    assert "below zero" in str(verdict)
    assert verdict.figures["wrong_sums_count"] == 0


@pytest.mark.parametrize("make", [BalanceBank, LedgerBank], ids=lambda make: make.name)
def test_a_bank_is_in_order_while_nobody_splits_the_network_and_nobody_hurries(make):
    verdict = trial(Simulation(0), make(), calls_per_s=2, seconds=40, nemesis=Nemesis(QUIET))

    assert verdict.holds, verdict


def test_a_run_is_a_function_of_its_seed_and_its_history_is_all_that_a_verdict_needs():
    def lines(seed: int) -> list[str]:
        return list(record(Simulation(seed), SetFull(), seconds=10)[0].lines())

    assert lines(1) == lines(1) != lines(2)
    assert SetFull().check(History.from_lines(lines(1))) == trial(Simulation(1), SetFull(), seconds=10)


def test_a_nemesis_strikes_with_everything_that_it_knows_and_takes_it_all_back():
    world = Simulation(0)

    history, _ = record(world, SetFull(), seconds=500, calls_per_s=0.3, nemesis=Nemesis(DEADLY))

    assert all(history.faults(fault) for fault in DEADLY)
    assert len(history.faults("relent")) == sum(len(history.faults(fault)) for fault in DEADLY)
    assert world.difference() == ""


def test_what_a_world_cannot_do_is_passed_over():
    class Calm(Simulation):
        def weather(self, **faults):
            from gossamer.simulation.scenario import NoSuchFault

            raise NoSuchFault("no weather here")

    history, _ = record(Calm(0), SetFull(), seconds=100, calls_per_s=1, nemesis=Nemesis(FAULTS))

    assert not history.faults("loss")
    assert history.faults("halves")


def test_staleness_is_measured_and_is_about_as_long_as_the_faults():
    calm, stormy = Simulation(3), Simulation(3)

    trial(calm, SetFull(), nemesis=Nemesis(QUIET))
    trial(stormy, SetFull(), nemesis=Nemesis(PARTITIONS))

    assert calm.figures["stale_max_s"] < 0.5
    assert 1 < stormy.figures["stale_max_s"] < 15


def test_a_scenario_ends_in_wrong_when_its_verdict_is_bad():
    with pytest.raises(Wrong, match="sums other than"):
        expect(trial(Simulation(0), BalanceBank(), seconds=25, nemesis=Nemesis(PARTITIONS)))
