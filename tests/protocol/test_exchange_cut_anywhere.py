"""An exchange that breaks off, wherever it does, has changed nothing; the next one starts anew and repairs all."""

from __future__ import annotations

import pytest

from gossamer.options import Options
from gossamer.simulation import Simulation

KEYS = 1100
"""More than a repair is asked for: only an exchange brings them."""
VALUE_BYTES = 400
"""Of random bytes, which nothing deflates: each answer takes several messages."""
ANSWER_BYTES = KEYS * VALUE_BYTES
CUTS = [
    1,
    1000,
    ANSWER_BYTES // 2,
    *(pytest.param(at, marks=pytest.mark.slow) for at in (150, 400, *range(20_000, ANSWER_BYTES, ANSWER_BYTES // 5))),
]


@pytest.fixture
def split() -> Simulation:
    """Two who have been apart for long; each has deleted what it had, and written much."""
    mesh = Simulation("cut anywhere", options=Options(batch_ring_bytes=1))
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=3)
    for name in "ab":
        mesh.batch(name, {f"{name}/{number}": "old" for number in range(50)})
    mesh.settle(within_s=5)
    mesh.partition("a", "b")
    for name in "ab":
        for number in range(KEYS):
            mesh.write(name, f"{name}/new/{number}", mesh.rng.randbytes(VALUE_BYTES))
        for number in range(50):
            mesh.delete(name, f"{name}/{number}")
    mesh.run(seconds=30)  # until every stream is given up
    assert not any(node.replica.exchanges.links for node in mesh.nodes.values())
    mesh.traffic.clear()
    return mesh


def holds_of(mesh: Simulation, name: str, other: str) -> tuple[int, int]:
    """Return how much `name` holds of what `other` wrote and of what it deleted."""
    held = mesh.nodes[name].replica.ledger.state.live
    new = sum(key.startswith(f"{other}/new") for key in held)
    return new, sum(key.startswith(f"{other}/") for key in held) - new


def run_to_the_cut(mesh: Simulation, sender: str, receiver: str, cut_at: int) -> None:
    """Heal, and run until the exchange has been cut; all the time, each holds all of what the other did or nothing."""
    mesh.heal()
    mesh.links.break_stream_after(sender, receiver, cut_at)
    deadline, links = mesh.now + 10, mesh.nodes[receiver].replica.exchanges.links
    first: set[int] = set()
    sizes = dict.fromkeys("ab", 0)
    while not first or first & links.keys():
        assert mesh.now < deadline, "nothing was cut"
        mesh.run(seconds=0.001)
        first = first or set(links)
        for one, other in ("ab", "ba"):
            if (size := len(mesh.nodes[one].replica.ledger.state.live)) != sizes[one]:
                sizes[one] = size
                assert holds_of(mesh, one, other) in [(0, 50), (KEYS, 0)]


@pytest.mark.parametrize("cut_at", CUTS)
@pytest.mark.parametrize(("sender", "receiver"), ["ab", "ba"])
def test_an_exchange_cut_at_any_byte_is_all_or_nothing_and_the_next_repairs_all(split, sender, receiver, cut_at):
    run_to_the_cut(split, sender, receiver, cut_at)
    assert holds_of(split, receiver, sender) == (0, 50)

    split.settle(within_s=20)

    assert len(split.state("a")) == 2 * KEYS


def test_an_answer_of_that_size_takes_several_messages(split):
    split.heal()
    split.settle(within_s=10)

    assert split.traffic.count("delta", node="a") >= 3
    assert split.traffic.count("batch") <= 2


def test_an_exchange_cut_again_and_again_gets_through_once_it_is_let(split):
    for _ in range(6):
        run_to_the_cut(split, "a", "b", 100_000)
        split.partition("a", "b")
        split.run(seconds=30)  # until every stream is given up
        assert holds_of(split, "b", "a") == (0, 50)
    split.heal()

    split.settle(within_s=20)

    assert len(split.state("b")) == 2 * KEYS
