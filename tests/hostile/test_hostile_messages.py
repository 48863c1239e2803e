"""Messages of a member gone bad, or damaged in memory: they are refused, quickly, and nobody else is harmed.

The messages to begin with are real ones: all that a small mesh says in a busy minute.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import Malformed
from gossamer.options import Options
from gossamer.protocol.candidacy import Candidacy
from gossamer.protocol.effects import Forked
from gossamer.simulation import Simulation
from gossamer.wire.codec import decode_batch, decode_message
from gossamer.wire.framing import DATAGRAM_BODY_MAX, FrameParser, frames
from gossamer.wire.messages import EncodedBatch, Kind

SECONDS_EACH_MAX = 0.25
DISLIKED = [b"\x9b" + b"\xff" * 8, b"\x5f", b"\xc2\x41\x01", b"\xf7", b"\x81" * 40, b"\xbf"]
"""A huge array, an endless string, a tag, `undefined`, deep nesting, an endless map."""
KINDS_HEARD = set(Kind) - {Kind.EVENTS, Kind.EVENTS_REPAIR}


def busy_mesh() -> Simulation:
    """A mesh that lives through enough for every kind of message to be said."""
    mesh = Simulation("busy", options=Options(forget_deletes_after_s=5))
    for name in "abc":
        mesh.add(name)
    mesh.add("far", multicast=False, peers=["a"])
    mesh.links.loss = 0.2
    for number in range(60):
        mesh.write("abc"[number % 3], f"key/{number % 20}", {"n": number, "text": "x" * number})
        mesh.run(seconds=0.1)
    mesh.links.loss = 0.0
    mesh.settle(within_s=20)
    mesh.partition("ab", ["c", "far"])
    for number in range(10):
        mesh.delete("a", f"key/{number}")
    mesh.write("c", "key/15", 1)
    mesh.run(seconds=20)
    mesh.heal()
    mesh.settle(within_s=20)
    mesh.write("b", "question", "does anybody know of this?")
    node = mesh.nodes["b"]
    node.replica.ask_settled(node.replica.ledger.origin, node.replica.ledger.head(), node.now)
    node.replica.voting.run(Candidacy("leader", ("a", "b", "c"), 5000, 0.0, 1), node.now)
    mesh.run(seconds=8)  # it holds the lease, and loses it
    call_and_send(mesh)
    return mesh


def call_and_send(mesh: Simulation) -> None:
    """Let two call each other and send through a channel, as their programs would."""
    a, b = mesh.nodes["a"], mesh.nodes["b"]
    boot, channel = a.replica.identity.boot, (0, "work")
    b.replica.serving.offer("work", 1, 9)
    b.replica.inlets.open(channel)
    b.replica.inlets.senders(channel, [boot])
    b.replica.inlets.watch(channel, b.now)
    for number in range(1, 20):
        a.replica.calls.ask("work", bytes(number), [b.replica.identity.boot], a.now)
        a.replica.outlets.post(channel, bytes(number), [], a.now)
        b.replica.inlets.want(channel, number, b.now)
        for node in (a, b):
            node.turn_soon()
        mesh.run(seconds=0.5)
        b.replica.serving.finished(boot, number, 0, bytes(number))
        b.replica.inlets.done(channel, boot, number, b"", kept=True)
        a.replica.calls.give_up(number - 1 if number % 2 else number)


@cache
def heard() -> dict[int, list[bytes]]:
    """Return, by kind, messages that were really sent."""
    found: dict[int, dict[bytes, None]] = defaultdict(dict)
    from gossamer.simulation import traffic

    plain = traffic.Traffic.sent
    with pytest.MonkeyPatch.context() as patch:

        def sent(self, node, way, messages):
            messages = list(messages)
            for message in messages:
                found[message[2] if message[1] == 0x18 else message[1]][message] = None
            plain(self, node, way, messages)

        patch.setattr(traffic.Traffic, "sent", sent)
        mesh = busy_mesh()
        mesh.stop("b")
        for name in ("c", "far"):
            mesh.kill(name)
            mesh.restart(name)
    return {kind: list(messages)[:40] for kind, messages in found.items()}


def mangled(rng: random.Random, data: bytes) -> bytes:
    """Return `data` with a few bits flipped, pieces removed, doubled or replaced by what decoders dislike."""
    new = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, size = rng.randrange(len(new) + 1), rng.choice([1, 1, 2, 4, 16])
        match rng.randrange(6):
            case 0 if at < len(new):
                new[at] ^= 1 << rng.randrange(8)
            case 1:
                del new[at : at + size]
            case 2:
                new[at:at] = new[at : at + size]
            case 3:
                new[at : at + size] = rng.randbytes(size)
            case 4:
                new[at:at] = rng.choice(
                    [b"\x9b" + b"\xff" * 8, b"\x5f", b"\xc2\x41\x01", b"\xf7", b"\x81" * 40, b"\xbf"]
                )
            case _:
                del new[at:]
    return bytes(new)


def test_a_busy_mesh_says_messages_of_almost_every_kind():
    assert KINDS_HEARD - set(heard()) <= {Kind.ABORT}


@given(st.binary(max_size=120))
def test_any_bytes_are_a_message_a_stranger_to_us_or_refused(data):
    try:
        decode_message(data)
    except Malformed:
        return


@pytest.mark.parametrize("kind", sorted(heard()), ids=lambda kind: Kind(kind).name.lower())
def test_a_mangled_message_is_taken_or_refused_and_never_takes_long(kind):
    rng = random.Random(kind)
    for number in range(1500):
        data = mangled(rng, heard()[kind][number % len(heard()[kind])])
        began = time.perf_counter()
        try:
            message = decode_message(data)
            if isinstance(message, EncodedBatch):
                decode_batch(message)
        except Malformed:
            pass

        assert time.perf_counter() - began < SECONDS_EACH_MAX


@pytest.mark.parametrize("seed", range(6))
def test_a_replica_survives_mangled_datagrams_of_a_member_and_still_works(seed):
    rng = random.Random(seed)
    mesh = Simulation(seed)
    mesh.checks.honest = False  # somebody lies: what was written is no longer what is told
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=2)
    victim, liar = mesh.nodes["a"], mesh.nodes["b"]
    known = [message for messages in heard().values() for message in messages]
    for _ in range(400):
        messages = [m for m in (mangled(rng, rng.choice(known)) for _ in range(3)) if len(m) < DATAGRAM_BODY_MAX // 4]
        victim.replica.hear(
            liar.replica.identity.boot, liar.unicast_address, rng.random() < 0.5, messages, victim.now, victim.wall_ms
        )
        victim.turn_soon()
        mesh.run(seconds=0.01)
    victim.replica.ledger.state.check()

    mesh.write("c", "after", "all")
    mesh.run(seconds=30)

    assert mesh.read("a", "after") == "all"
    assert not victim.replica.ledger.closed


@pytest.mark.parametrize("seed", range(6))
def test_a_stream_of_mangled_messages_is_closed_and_changes_nothing_untrue(seed):
    rng = random.Random(seed)
    mesh = Simulation(seed)
    mesh.checks.honest = False
    for name in "ab":
        mesh.add(name)
    mesh.write("a", "mine", 1)
    mesh.run(seconds=3)
    victim, liar = mesh.nodes["a"].replica, mesh.nodes["b"]
    introduction = next(m for m in liar_messages(liar) if m[1] == Kind.INTRODUCE)
    known = [message for messages in heard().values() for message in messages]
    closed = 0
    for number in range(300):
        now, wall_ms = mesh.nodes["a"].now, mesh.nodes["a"].wall_ms
        victim.link_opened(1000 + number, liar.replica.identity.peer, (liar.host, 5), False, now)
        try:
            victim.link_heard(1000 + number, introduction, now, wall_ms)
            for _ in range(10):
                victim.link_heard(1000 + number, mangled(rng, rng.choice(known)), now, wall_ms)
        except Malformed:
            closed += 1
        victim.link_closed(1000 + number, now)
        victim.effects.clear()
        victim.ledger.state.check()

    assert closed > 200
    mesh.run(seconds=5)
    assert mesh.read("a", "mine") == 1


def liar_messages(node) -> list[bytes]:
    node.replica.effects.clear()
    node.replica.link_opened(999, b"p" * 16, ("10.9.9.9", 1), True, node.now)
    return node.replica.pull(999)


def test_a_delta_that_claims_writes_its_sender_does_not_know_is_refused():
    from gossamer.crdt.vector_clock import VectorClock
    from gossamer.crdt.writes import Write
    from gossamer.protocol.exchange import Asked
    from gossamer.wire.messages import DeltaEnd, DeltaPart

    asked = Asked(1, VectorClock())
    asked.part(DeltaPart(1, {"key": Write(5, b"origin.....!", 9, b"\x01")}), 10, 1000)

    with pytest.raises(Malformed, match="does not know"):
        asked.delta(DeltaEnd(1, 1, 0, VectorClock({b"origin.....!": 8}), False), VectorClock())


def test_a_delta_larger_than_allowed_is_refused_while_it_comes():
    from gossamer.crdt.vector_clock import VectorClock
    from gossamer.protocol.exchange import Asked
    from gossamer.wire.messages import DeltaPart

    asked = Asked(1, VectorClock())
    asked.part(DeltaPart(1), 900, 1000)

    with pytest.raises(Malformed, match="more than 1000 bytes"):
        asked.part(DeltaPart(1), 101, 1000)


def test_a_member_that_claims_our_own_origin_is_a_fork_and_costs_us_nothing():
    """Whoever has the secret can say anything; what it says of us makes us take another origin, no more."""
    mesh = Simulation(1)
    mesh.checks.honest = False
    for name in "ab":
        mesh.add(name)
    mesh.write("a", "mine", 1)
    mesh.settle()
    origin = mesh.nodes["a"].replica.ledger.origin
    batch = next(m for m in heard()[Kind.BATCH])
    forged = batch.replace(decode_message(batch).origin, origin)
    victim = mesh.nodes["a"]
    victim.replica.hear(
        mesh.nodes["b"].replica.identity.boot,
        mesh.nodes["b"].unicast_address,
        True,
        [forged],
        victim.now,
        victim.wall_ms,
    )
    mesh.run(seconds=5)

    assert len(mesh.notices("a", Forked)) <= 1
    assert mesh.read("a", "mine") == mesh.read("b", "mine") == 1


def test_frames_of_mangled_bytes_end_in_messages_or_a_refusal():
    rng = random.Random(3)
    stream = b"".join(frame for messages in heard().values() for m in messages[:5] for frame in frames(m))
    for _ in range(300):
        parser = FrameParser(1 << 20)
        try:
            for message in parser.feed(mangled(rng, stream)):
                decode_message(message)
        except Malformed:
            continue
