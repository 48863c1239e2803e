"""Two replicas catch up on a stream: whole, cheaply, one join at a time, and nobody waits for who stands still."""

from __future__ import annotations

import pytest

from gossamer.options import Options
from gossamer.simulation import Simulation
from gossamer.wire.codec import decode_message
from gossamer.wire.messages import Abort, Known, Message
from gossamer.wire.values import encode_value


def met(*names: str, seed: object = 0, **how) -> Simulation:
    mesh = Simulation(seed)
    for name in names:
        mesh.add(name, **how)
    mesh.run(seconds=3)
    return mesh


def apart(mesh: Simulation, *sides: str, seconds: float = 12.0) -> None:
    mesh.partition(*sides)
    mesh.run(seconds=seconds)


def spoken(mesh: Simulation, kind: type[Message]) -> list[Message]:
    """Return what was pulled for streams of this kind since `listen`."""
    return [message for message in mesh.spoken if isinstance(message, kind)]


@pytest.fixture
def listen(monkeypatch):
    """Record every message that goes on a stream."""

    def record(mesh: Simulation) -> None:
        mesh.spoken = []
        plain = mesh.links.sent_on_stream

        def sent(sender, messages):
            mesh.spoken += [decode_message(message) for message in messages]
            plain(sender, messages)

        monkeypatch.setattr(mesh.links, "sent_on_stream", sent)

    return record


def with_origins(count: int) -> Simulation:
    """Two nodes that both know so many past writers."""
    mesh = met("a", "b")
    ledger, node = mesh.nodes["a"].replica.ledger, mesh.nodes["a"]
    for number in range(count):
        with ledger.lock:
            ledger.close_batch()
            ledger.origin = ledger.outbox = None
        node.write(f"key/{number}", encode_value(number))
    mesh.settle(within_s=20)
    return mesh


def split_and_heal(mesh: Simulation) -> None:
    apart(mesh, "a", "b", seconds=2)
    mesh.write("a", "left", 1)
    mesh.write("b", "right", 1)
    mesh.run(seconds=0.5)
    mesh.heal()
    mesh.settle(within_s=20)
    mesh.run(seconds=5)


# -- vectors ------------------------------------------------------------------------------------


def test_a_vector_of_few_origins_travels_whole(listen):
    mesh = with_origins(20)
    listen(mesh)
    split_and_heal(mesh)

    assert all(known.base is None for known in spoken(mesh, Known))


def test_a_vector_of_many_origins_travels_as_what_changed_since_the_last(listen):
    mesh = with_origins(1500)
    for _ in range(3):
        split_and_heal(mesh)
    listen(mesh)
    for _ in range(3):
        split_and_heal(mesh)
    since_a_base = [known for known in spoken(mesh, Known) if known.base is not None]

    assert since_a_base
    assert all(len(known.vector) < 20 for known in since_a_base)
    assert mesh.settle() == 0


def test_who_lost_its_memory_of_the_base_asks_for_the_whole_vector(listen):
    mesh = with_origins(1500)
    split_and_heal(mesh)
    for member in mesh.nodes["b"].replica.membership.members.values():
        member.heard_base = None
    for link in mesh.nodes["b"].replica.exchanges.links.values():
        link.heard = type(link.heard)(0, link.heard.vector)
    listen(mesh)
    for _ in range(3):
        split_and_heal(mesh)

    assert any(abort.send_whole for abort in spoken(mesh, Abort))
    assert mesh.settle() == 0


def test_a_restarted_peer_is_not_answered_from_what_its_last_run_knew():
    mesh = met("a", "b")
    for number in range(100):
        mesh.write("a", f"key/{number}", number)
    mesh.settle()

    mesh.restart("b")
    mesh.settle(within_s=5)

    assert len(mesh.state("b")) == 100


# -- cost ---------------------------------------------------------------------------------------


def test_a_difference_of_a_hundred_keys_in_ten_thousand_costs_a_hundred_keys():
    mesh = met("a", "b")
    for start in range(0, 10_000, 500):
        mesh.batch("a", {f"key/{number}": number for number in range(start, start + 500)})
    mesh.settle(within_s=10)
    apart(mesh, "a", "b")
    for number in range(100):
        mesh.write("a", f"key/{number}", "changed")
    mesh.traffic.clear()
    mesh.heal()
    mesh.settle(within_s=15)

    assert mesh.traffic.size_bytes(way="stream") < 6000


def test_a_newcomer_is_answered_by_one_and_not_by_everybody():
    mesh = met(*"abcdefgh")
    for number in range(2000):
        mesh.write("a", f"key/{number}", number)
    mesh.settle(within_s=5)
    mesh.traffic.clear()

    mesh.add("late")
    mesh.settle(within_s=5)

    assert mesh.traffic.count("delta") <= 4


def test_everyone_who_heals_at_once_still_agrees_soon_and_at_bounded_cost():
    names = [f"n{number}" for number in range(16)]
    mesh = met(*names)
    apart(mesh, names[:8], names[8:])
    for name in names:
        for number in range(20):
            mesh.write(name, f"{name}/{number}", number)
    mesh.run(seconds=2)
    mesh.traffic.clear()
    mesh.heal()

    assert mesh.settle(within_s=15) < 8
    assert mesh.traffic.count("delta") < 16 * 16


# -- manners ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_who_is_asked_by_too_many_says_so_and_they_come_again(listen):
    mesh = Simulation(0, options=Options(exchanges_max=1))
    mesh.add("server")
    for number in range(3000):
        mesh.write("server", f"key/{number}", mesh.rng.randbytes(500))
    mesh.links.bytes_per_s = 300_000
    listen(mesh)
    for name in "abcdef":
        mesh.add(name)

    mesh.settle(within_s=30)

    assert any(not abort.send_whole for abort in spoken(mesh, Abort))


@pytest.mark.slow
def test_a_peer_that_stands_still_in_the_middle_of_an_answer_holds_up_no_newcomer():
    mesh = met("a", "b")
    for number in range(20_000):
        mesh.write("a", f"key/{number}", number)
        if number % 500 == 0:
            mesh.run(seconds=0.01)
    mesh.settle(within_s=10)
    mesh.links.bytes_per_s = 100_000
    mesh.add("late")
    mesh.run(seconds=0.8)
    asked = next(link for link in mesh.nodes["late"].replica.exchanges.links.values() if link.asked)
    slow = mesh.nodes["late"].replica.membership.members[asked.boot].name
    other = {"a": "b", "b": "a"}[slow]

    mesh.pause(slow)
    mesh.links.bytes_per_s = 50e6

    assert mesh.settle(within_s=30, among=["late", other]) < 15


@pytest.mark.slow
def test_a_large_join_leaves_room_for_writes_between_its_slices():
    mesh = met("a")
    for start in range(0, 20_000, 1000):
        mesh.batch("a", {f"key/{number}": number for number in range(start, start + 1000)})
    mesh.add("late")
    node = mesh.nodes["late"]
    while node.replica.ledger.joining is None:
        mesh.run(seconds=0.001)
    mesh.write("late", "key/5", "mine")
    mesh.write("late", "own", 1)
    assert node.replica.ledger.joining is not None
    assert len(node.replica.ledger.state.live) == 2

    mesh.settle(within_s=10)

    assert mesh.read("late", "own") == 1
    assert len(mesh.nodes["a"].dots("key/5")) == 2


def test_equal_vectors_with_different_states_are_noticed_and_both_versions_are_put_again():
    """A fault that must not happen: a replica whose table was damaged."""
    mesh = met("a", "b", "c")
    for number in range(10):
        mesh.write("a", f"key/{number}", number)
    mesh.settle()
    mesh.run(seconds=5)
    mesh.checks.honest = False
    state = mesh.nodes["b"].replica.ledger.state
    damaged = state.live["key/3"]._replace(value=encode_value("damaged"))
    state.digest.touched["key/3"], state.live["key/3"] = state.live["key/3"], damaged
    mesh.nodes["b"].mirror["key/3"] = damaged

    mesh.run(seconds=30)

    assert any(mesh.nodes[name].counts()["divergences"] for name in "abc")
    mesh.settle(within_s=30)
    assert len({repr(mesh.read(name, "key/3")) for name in "abc"}) == 1
