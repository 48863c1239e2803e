"""Knowing that others know: asked for, answered once it is true, and never claimed too early."""

from __future__ import annotations

from gossamer.protocol.effects import Confirmed
from gossamer.simulation import Simulation


def met(names: str = "abc") -> Simulation:
    mesh = Simulation(0)
    for name in names:
        mesh.add(name)
    mesh.run(seconds=3)
    return mesh


def behind(mesh: Simulation, name: str) -> set[str]:
    replica = mesh.nodes[name].replica
    return {member.name for member in replica.unsettled(replica.ledger.origin, replica.ledger.head())}


def ask(mesh: Simulation, name: str) -> None:
    node = mesh.nodes[name]
    node.replica.ask_settled(node.replica.ledger.origin, node.replica.ledger.head(), node.now)
    node.turn_soon()


def test_a_write_is_settled_as_soon_as_all_have_said_that_they_know_it():
    mesh = met()
    mesh.write("a", "key", 1)
    ask(mesh, "a")

    mesh.run(seconds=0.05)

    assert behind(mesh, "a") == set()
    assert {confirmed.sequence for confirmed in mesh.notices("a", Confirmed)} == {1}


def test_who_cannot_be_reached_is_named_until_it_can():
    mesh = met()
    mesh.partition("ab", "c")
    mesh.write("a", "key", 1)
    ask(mesh, "a")
    mesh.run(seconds=1)
    assert behind(mesh, "a") == {"c"}

    mesh.heal()
    mesh.run(seconds=4)

    assert behind(mesh, "a") == set()


def test_a_lost_question_is_asked_again():
    mesh = met()
    mesh.links.loss = 0.7
    mesh.write("a", "key", 1)
    ask(mesh, "a")
    mesh.run(seconds=10)

    assert behind(mesh, "a") == set()


def test_nobody_confirms_what_it_does_not_know():
    mesh = met()
    for number in range(200):
        mesh.links.loss = 0.5 if number % 2 else 0.0
        mesh.write("a", f"key/{number}", number)
        ask(mesh, "a")
        mesh.run(seconds=0.02)
        known = {
            name: mesh.nodes[name].replica.ledger.state.known.sequence(mesh.nodes["a"].replica.ledger.origin)
            for name in "bc"
        }
        for member in mesh.nodes["a"].replica.membership.alive():
            confirmed = member.confirmed.get(mesh.nodes["a"].replica.ledger.origin, 0)

            assert confirmed <= known[member.name]


def test_a_beacon_that_agrees_settles_without_a_question():
    mesh = met()
    mesh.write("a", "key", 1)
    mesh.run(seconds=4)

    assert behind(mesh, "a") == set()
    assert mesh.traffic.count("settled query") == 0


def test_a_write_of_somebody_else_can_be_asked_for_too():
    mesh = met()
    mesh.write("b", "key", 1)
    mesh.run(seconds=0.05)
    origin, node = mesh.nodes["b"].replica.ledger.origin, mesh.nodes["a"]
    node.replica.ask_settled(origin, 1, node.now)
    node.turn_soon()

    mesh.run(seconds=0.5)

    assert {m.name for m in node.replica.unsettled(origin, 1)} == set()


def test_who_asks_no_more_is_quiet_again():
    mesh = met()
    mesh.partition("ab", "c")
    mesh.write("a", "key", 1)
    ask(mesh, "a")
    mesh.run(seconds=0.5)
    node = mesh.nodes["a"]
    node.replica.forget_question(node.replica.ledger.origin, 1)
    mesh.run(seconds=0.3)
    mesh.traffic.clear()
    mesh.run(seconds=1)

    assert mesh.traffic.count("settled query") == 0


def test_a_write_made_while_a_beacon_is_compared_is_not_taken_for_known():
    """Another thread writes between our look at the digests and what is concluded from them."""
    mesh = met("ab")
    mesh.write("a", "first", 1)
    mesh.run(seconds=4)
    node = mesh.nodes["a"]
    ledger, repairs = node.replica.ledger, node.replica.repairs
    compare, written = repairs.compare, []

    def written_to_meanwhile(*arguments):
        compare(*arguments)
        if not written:
            written.append(True)
            node.write("second", b"\x02")

    repairs.compare = written_to_meanwhile
    while not written:
        mesh.run(seconds=0.0001)
    [member] = node.replica.membership.alive()

    assert member.confirmed[ledger.origin] == 1
