"""Banks, which need transactions: what is *not* promised, shown to break.

Jepsen's bank moves money between accounts; the sum must stay, and no account may go below
zero.  There are two ways to write one on a shared dict, and both fail when the network splits:

* `BalanceBank` keeps a balance an account.  A transfer reads two, and writes both in one
  batch.  Two transfers at two nodes that touch one account each replace what the other
  wrote there, but not what it wrote elsewhere: **the sum changes**.
* `LedgerBank` keeps every transfer under a key of its own, and adds them up.  Nothing is
  ever lost and the sum stays; but two nodes may each spend the same money: **an account
  goes below zero**.

No system can keep a bank in order on both sides of a split; one that refuses on one side
is another kind of system.
"""

from __future__ import annotations

import random
from typing import Any

from ..scenario import World
from .history import History, Verdict, some

ACCOUNTS = 8
OPENING = 10
PREFIX = "bank/"


class BalanceBank:
    """A balance an account."""

    name = "balance-bank"

    def __init__(self, nodes: int | None = None) -> None:
        self._nodes = nodes

    def cast(self, world: World) -> list[str]:
        """Nodes that have all seen the opening of the accounts."""
        names = world.start(self._nodes)
        world.batch(names[0], {f"{PREFIX}{account}": OPENING for account in range(ACCOUNTS)})
        world.settle()
        return names

    def next_call(self, rng: random.Random, client: str) -> tuple[str, Any]:
        """Move money, or look at all accounts."""
        if rng.random() < 0.3:
            return "read", None
        source, target = rng.sample(range(ACCOUNTS), 2)
        return "transfer", {"from": source, "to": target, "amount": rng.randint(1, 10)}

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """A transfer that the balance, as this node sees it, does not allow is refused."""
        balances = [world.read(client, f"{PREFIX}{account}") or 0 for account in range(ACCOUNTS)]
        if function != "transfer":
            return balances
        source, target, amount = (argument[name] for name in ("from", "to", "amount"))
        if balances[source] < amount:
            raise LookupError("not enough money")
        world.batch(
            client,
            {f"{PREFIX}{source}": balances[source] - amount, f"{PREFIX}{target}": balances[target] + amount},
        )
        return argument

    def check(self, history: History) -> Verdict:
        """See `check`."""
        return check(history)


class LedgerBank(BalanceBank):
    """Every transfer under a key of its own."""

    name = "ledger-bank"

    def __init__(self, nodes: int | None = None) -> None:
        super().__init__(nodes)
        self._transfers = 0

    def perform(self, world: World, client: str, function: str, argument: Any) -> Any:
        """Balances are what the transfers add up to, as this node has heard of them."""
        balances = [OPENING] * ACCOUNTS
        for key, transfer in world.state(client).items():
            if str(key).startswith(PREFIX + "transfer/"):
                source, target, amount = transfer
                balances[source] -= amount
                balances[target] += amount
        if function != "transfer":
            return balances
        source, target, amount = (argument[name] for name in ("from", "to", "amount"))
        if balances[source] < amount:
            raise LookupError("not enough money")
        self._transfers += 1
        world.write(client, f"{PREFIX}transfer/{self._transfers}", [source, target, amount])
        return argument


def check(history: History) -> Verdict:
    """Judge a history of transfers as Jepsen's bank does: every read has the whole sum, and nothing below zero."""
    reads = history.acknowledged("read", "final")
    wrong_sums = [sum(read.result) for read in reads if sum(read.result) != ACCOUNTS * OPENING]
    below = [min(read.result) for read in reads if min(read.result) < 0]
    problems = []
    if wrong_sums:
        problems.append(f"sums other than {ACCOUNTS * OPENING} were read: {some(dict.fromkeys(wrong_sums))}")
    if below:
        problems.append(f"accounts below zero were read: {some(dict.fromkeys(below))}")
    return Verdict(
        tuple(problems),
        {
            "transfers_count": len(history.acknowledged("transfer")),
            "wrong_sums_count": len(wrong_sums),
            "below_zero_count": len(below),
        },
    )
