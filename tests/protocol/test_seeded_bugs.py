"""Bugs of exchanges and batches, put in on purpose: each scene holds without its bug and is noticed to break with it.

`test_protocol_mutants` takes rules away; here a machine does what a hasty author might have written instead.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gossamer.crdt.joining import join
from gossamer.crdt.vector_clock import VectorClock
from gossamer.protocol.exchanges import Exchanges
from gossamer.protocol.ledger import Ledger
from gossamer.simulation import Simulation
from gossamer.simulation.node import Node
from gossamer.simulation.oracle import Wrong
from gossamer.wire.messages import DeltaEnd, DeltaPart

Bug = Callable[[pytest.MonkeyPatch], None]


def met(names: str) -> Simulation:
    mesh = Simulation("seeded bugs")
    for name in names:
        mesh.add(name)
    mesh.run(seconds=3)
    return mesh


def run_until(mesh: Simulation, condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = mesh.now + within_s
    while not condition():
        assert mesh.now < deadline, "the scene does not come about"
        mesh.run(seconds=0.0005)


def questions(node: Node) -> int:
    return sum(link.asked is not None for link in node.replica.exchanges.links.values())


# -- scenes -------------------------------------------------------------------------------------


def two_answers_come_at_once() -> None:
    """`c` was away, and asks `a` and `b` at once, each of which has deleted what the other still holds."""
    mesh = met("abc")
    mesh.write("a", "seen by all", 1)
    mesh.settle()
    mesh.partition("ab", "c")
    for name in "ab":
        mesh.batch(name, {f"{name}/{number}": number for number in range(1000)})
    mesh.settle(within_s=5, among="ab")
    mesh.run(seconds=20)  # until the streams to c are given up
    mesh.partition("a", "b", "c")
    for number in range(1000):
        mesh.delete("a", f"b/{number}")
        mesh.delete("b", f"a/{number}")
    mesh.heal()
    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.links.bytes_per_s = 5_000  # so that the first answer has not come when the second is asked for
    run_until(mesh, lambda: questions(mesh.nodes["c"]) == 2)
    mesh.pause("c")
    mesh.links.bytes_per_s = 50e6
    mesh.run(seconds=4)
    mesh.resume("c")
    mesh.heal()

    mesh.settle(within_s=20)
    assert mesh.state("c") == {"seen by all": 1}


def a_peer_loses_its_memory_and_comes_back_at_its_address() -> None:
    mesh = met("ab")
    mesh.batch("a", {f"key/{number}": number for number in range(50)})
    mesh.settle()
    mesh.partition("a", "b")
    mesh.write("a", "meanwhile", 1)
    mesh.run(seconds=20)
    mesh.heal()
    mesh.settle(within_s=10)  # by an exchange, in which b tells what it knows

    mesh.restart("b")

    mesh.settle(within_s=10)
    assert len(mesh.state("b")) == 51


def a_stream_breaks_in_the_middle_of_an_answer() -> None:
    mesh = met("a")
    for number in range(5000):
        mesh.write("a", f"key/{number}", mesh.rng.randbytes(20))
    mesh.links.break_stream_after("a", "late", 60_000)
    mesh.add("late")
    exchanges = mesh.nodes["late"].replica.exchanges
    run_until(mesh, lambda: any(link.asked and link.asked.parts for link in exchanges.links.values()))
    staged = [number for number, link in exchanges.links.items() if link.asked]
    run_until(mesh, lambda: exchanges.links.keys().isdisjoint(staged))

    assert mesh.state("late") == {}
    mesh.settle(within_s=10)


def a_user_batch_takes_more_than_a_datagram() -> None:
    mesh = met("abc")
    mesh.write("a", "before", 1)
    for round_number in range(5):
        mesh.batch("a", {f"key/{number}": f"{round_number}" * 100 for number in range(60)})
        mesh.run(seconds=0.1)
    mesh.settle(within_s=5)


# -- bugs ---------------------------------------------------------------------------------------


def a_second_delta_is_joined_while_the_first_is_prepared(patch: pytest.MonkeyPatch) -> None:
    plain = Exchanges._finish

    def finish(self, now, wall_ms):
        if self._joins:
            _, delta = self._joins.popleft()
            self._ledger._applied(join(self._ledger.state, delta) or [], wall_ms)
        plain(self, now, wall_ms)

    patch.setattr(Exchanges, "_finish", finish)


def what_a_peer_knew_is_remembered_by_its_address(patch: pytest.MonkeyPatch) -> None:
    """And so outlives its boot: the delta is for more than it knows."""
    plain = Ledger.snapshot_delta
    known = Exchanges.known
    remembered: dict[tuple[int, str], VectorClock] = {}
    asking: list[VectorClock] = []

    def from_memory(self, link, member, message, now, wall_ms):
        vector = remembered.setdefault((id(self), link.address[0]), VectorClock())
        vector.join(message.vector)
        asking[:] = [vector]
        known(self, link, member, message, now, wall_ms)
        asking.clear()

    def snapshot_delta(self, since):
        return plain(self, asking[0].copy() if asking else since)

    patch.setattr(Exchanges, "known", from_memory)
    patch.setattr(Ledger, "snapshot_delta", snapshot_delta)


def parts_are_joined_as_they_come(patch: pytest.MonkeyPatch) -> None:
    plain = Exchanges.staged

    def staged(self, link, member, message, size_bytes, now):
        plain(self, link, member, message, size_bytes, now)
        asked = link.asked
        if isinstance(message, DeltaPart) and asked is not None and asked.number == message.exchange:
            end = DeltaEnd(asked.number, asked.parts, 0, link.heard.vector, False)
            self._joins.append((member.boot, asked.delta(end, VectorClock())))

    patch.setattr(Exchanges, "staged", staged)


def a_user_batch_is_written_one_by_one(patch: pytest.MonkeyPatch) -> None:
    def write_many(self, items, wall_ms):
        for key, value, meta in items:
            self.write(key, value, wall_ms, meta)

    patch.setattr(Ledger, "write_many", write_many)


NOTICED_IN: list[tuple[Bug, Callable[[], None], str]] = [
    (
        a_second_delta_is_joined_while_the_first_is_prepared,
        two_answers_come_at_once,
        "came back from the dead",
    ),
    (
        what_a_peer_knew_is_remembered_by_its_address,
        a_peer_loses_its_memory_and_comes_back_at_its_address,
        "b lost",
    ),
    (parts_are_joined_as_they_come, a_stream_breaks_in_the_middle_of_an_answer, "late lost"),
    (a_user_batch_is_written_one_by_one, a_user_batch_takes_more_than_a_datagram, "a batch is torn"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "scene", "wrong"), NOTICED_IN, ids=[bug.__name__ for bug, _, _ in NOTICED_IN])
def test_a_scene_that_holds_goes_wrong_with_its_bug_and_that_is_noticed(bug, scene, wrong, monkeypatch):
    scene()
    bug(monkeypatch)

    with pytest.raises(Wrong, match=wrong):
        scene()
