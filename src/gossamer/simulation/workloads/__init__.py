"""Workloads as Jepsen has them: clients, a nemesis, a history of what they saw, and a checker over it.

    verdict = trial(world, SetFull())
    assert verdict.holds, verdict

Each workload is told to a `World` alone, so it runs on the simulator and on the rig.  A
checker is a pure function of a history, which is plain JSON Lines: one that was recorded
somewhere else, by whatever means, is checked just the same.  See Kingsbury's Jepsen
(https://jepsen.io), whose words and checkers these are where there is one.
"""

from __future__ import annotations

from .add_remove_set import AddRemoveSet
from .atomic_batch import AtomicBatch
from .bank import BalanceBank, LedgerBank
from .causal_append import CausalAppend
from .history import Call, History, Operation, Verdict
from .nemesis import DEADLY, FAULTS, PARTITIONS, Nemesis
from .register import Register
from .set_full import SetFull
from .trials import Workload, expect, record, trial

__all__ = [
    "DEADLY",
    "FAULTS",
    "PARTITIONS",
    "AddRemoveSet",
    "AtomicBatch",
    "BalanceBank",
    "Call",
    "CausalAppend",
    "History",
    "LedgerBank",
    "Nemesis",
    "Operation",
    "Register",
    "SetFull",
    "Verdict",
    "Workload",
    "expect",
    "record",
    "trial",
]
