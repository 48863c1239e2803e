"""How silence becomes death, message by message: asked directly, then through three others, and only then given up."""

from __future__ import annotations

import random
from contextlib import nullcontext

from gossamer.options import Options
from gossamer.protocol.effects import Joined, Left, Presence
from gossamer.protocol.ledger import Unobserved
from gossamer.protocol.replica import Identity, Replica
from gossamer.simulation import Simulation
from gossamer.wire.codec import encode_message
from gossamer.wire.messages import Beacon, Goodbye, Introduce, Message

WALL_MS = 1_800_000_000_000
PEER = b"the same key...!"
FIRST, SECOND = b"first boot..", b"second boot."
LOOK_S = 0.01


def met(count: int) -> Simulation:
    mesh = Simulation("confirming")
    for number in range(count):
        mesh.add(f"n{number}")
    mesh.run(seconds=4)
    mesh.traffic.clear()
    return mesh


def moments(mesh: Simulation, name: str, *kinds: str, until_s: float, last: str = "left") -> dict[str, float]:
    """Return when, from now on, a node first sent each kind of message and when it called a peer gone ("left")."""
    began, found = mesh.now, {}
    while mesh.now < began + until_s and last not in found:
        mesh.run(seconds=LOOK_S)
        for kind in kinds:
            if kind not in found and mesh.traffic.count(kind, node=name):
                found[kind] = mesh.now - began
        if mesh.notices(name, Left, since=began):
            found["left"] = mesh.now - began
    return found


def test_a_computer_that_lost_power_is_asked_then_asked_for_and_given_up_after_the_suspicion_time():
    mesh = met(6)
    mesh.crash("n5")
    at = moments(mesh, "n0", "ping", "ping request", until_s=30)

    assert at["ping"] < at["ping request"] < at["left"]
    assert at["ping"] > 3  # beacon intervals of silence
    assert at["ping request"] - at["ping"] >= Options().probe_timeout_s - LOOK_S
    assert at["left"] - at["ping"] >= Options().suspicion_s
    assert at["left"] < 10


def test_each_time_three_others_are_asked_to_reach_it():
    mesh = met(8)
    mesh.crash("n7")
    moments(mesh, "n0", "ping request", until_s=6.5, last="ping request")

    assert mesh.traffic.count("ping request", node="n0") == 3


def test_among_two_there_is_nobody_else_to_ask_and_death_is_noticed_all_the_same():
    mesh = met(2)
    mesh.crash("n1")
    mesh.run(seconds=10)

    assert [notice.presence for notice in mesh.notices("n0", Left)] == [Presence.FAILED]
    assert mesh.traffic.count("ping request") == 0


def test_whoever_cannot_hear_a_peer_that_others_hear_does_not_accuse_it():
    mesh = met(5)
    mesh.cut("n1", "n0")
    mesh.run(seconds=60)

    assert mesh.traffic.count("ping request", node="n0") > 0
    assert not any(mesh.notices(name, Left) for name in mesh.nodes)
    assert "n1" in mesh.sees("n0")


def test_who_was_heard_while_suspected_was_never_gone():
    mesh = met(4)
    mesh.partition({"n3"})
    moments(mesh, "n0", "ping", until_s=10, last="ping")
    assert any(m.presence is Presence.SUSPECT for m in mesh.nodes["n0"].replica.membership.alive())

    mesh.heal()
    mesh.run(seconds=10)

    assert not mesh.notices("n0", Left)


# -- boots --------------------------------------------------------------------------------------


class Ear:
    """One replica, and what it is told by boots of one peer."""

    def __init__(self) -> None:
        identity = Identity(b"p" * 16, b"our own boot", "ear", 47474, 40001)
        self.now = 0.0
        self.replica = Replica(
            identity, Options(), random.Random(0), lock=nullcontext(), observer=Unobserved(), now=self.now
        )

    def hear(self, boot: bytes, *messages: Message) -> None:
        self.now += 0.1
        data = [encode_message(message) for message in messages]
        self.replica.hear(boot, ("10.0.0.9", 40009), True, data, self.now, WALL_MS)

    def notices(self) -> list[Joined | Left]:
        return [effect for effect in self.replica.effects if isinstance(effect, Joined | Left)]

    def alive(self) -> list[bytes]:
        return [member.boot for member in self.replica.membership.alive()]


def introduction(boot: bytes) -> Introduce:
    return Introduce(PEER, None, "peer", 47474, False, unicast_port=40009, boot=boot)


BEACON = Beacon(PEER, 47474, None, 0, b"v" * 16, b"s" * 16, multicasts=1)


def test_a_new_run_of_a_peer_takes_the_place_of_the_old():
    ear = Ear()
    ear.hear(FIRST, introduction(FIRST))
    ear.hear(SECOND, introduction(SECOND))

    assert ear.notices() == [Joined(FIRST), Left(FIRST, Presence.LEFT), Joined(SECOND)]
    assert ear.alive() == [SECOND]


def test_what_comes_late_of_the_old_run_does_not_bring_it_back():
    ear = Ear()
    ear.hear(FIRST, introduction(FIRST))
    ear.hear(SECOND, introduction(SECOND))
    ear.hear(FIRST, BEACON, introduction(FIRST))

    assert ear.alive() == [SECOND]
    assert ear.notices()[3:] == []


def test_a_goodbye_is_heard_at_once_and_for_good():
    ear = Ear()
    ear.hear(FIRST, introduction(FIRST))
    ear.hear(FIRST, Goodbye(None, 0))
    ear.hear(FIRST, BEACON, introduction(FIRST))

    assert ear.notices() == [Joined(FIRST), Left(FIRST, Presence.LEFT)]
    assert ear.alive() == []


def test_after_a_goodbye_the_next_run_of_the_same_peer_is_welcome():
    ear = Ear()
    ear.hear(FIRST, introduction(FIRST), Goodbye(None, 0))
    ear.hear(SECOND, introduction(SECOND))

    assert ear.alive() == [SECOND]
    assert ear.notices()[-1] == Joined(SECOND)
