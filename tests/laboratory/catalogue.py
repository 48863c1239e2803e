"""The mutants, by the room of the code that each takes a rule from."""

from __future__ import annotations

from collections.abc import Callable

import ledger_mutants as ledger
import membership_mutants as membership
import outbox_mutants as outbox
import pytest
import test_protocol_mutants as protocol
import test_seeded_bugs as seeded
import wire_mutants as wire

import mutants as crdt

Mutant = Callable[[pytest.MonkeyPatch], None]

import inspect


def allof(m):
    return [
        f
        for n, f in vars(m).items()
        if inspect.isfunction(f)
        and f.__module__ == m.__name__
        and not n.startswith("_")
        and list(inspect.signature(f).parameters) == ["patch"]
    ]


MUTANTS: dict[str, list[Mutant]] = {
    "crdt": allof(crdt),
    "wire": allof(wire),
    "protocol": [
        *allof(ledger),
        *allof(seeded),
        *[m for m in allof(protocol) if m.__name__ not in ("vector_taken_from_a_cut_exchange",)],
    ],
    "membership": allof(membership),
    "outbox": allof(outbox),
}
