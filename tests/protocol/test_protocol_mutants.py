"""Every rule of the protocol has a scene that goes wrong without it.

A mutant takes one rule away.  The scene that protects the rule must succeed with it, and must fail without it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gossamer.crdt import vector_clock
from gossamer.options import Options
from gossamer.protocol import ledger as ledger_module
from gossamer.protocol.anti_entropy import AntiEntropy
from gossamer.protocol.beacons import Beacons
from gossamer.protocol.effects import Forked, Left
from gossamer.protocol.exchange import Asked
from gossamer.protocol.exchanges import Exchanges
from gossamer.protocol.ledger import Ledger
from gossamer.protocol.membership import Member, Membership
from gossamer.protocol.outbox import Outbox
from gossamer.protocol.repairs import Repairs
from gossamer.simulation import Simulation

Mutant = Callable[[pytest.MonkeyPatch], None]


def met(names: str, seed: object = 0, **how) -> Simulation:
    mesh = Simulation(seed, **how)
    for name in names:
        mesh.add(name)
    mesh.run(seconds=3)
    return mesh


# -- scenes -------------------------------------------------------------------------------------


def loss_is_repaired() -> None:
    mesh = met("abc")
    mesh.links.loss = 0.4
    for number in range(60):
        mesh.write("abc"[number % 3], f"key/{number}", number)
        mesh.run(seconds=0.1)
    mesh.links.loss = 0.0
    mesh.settle(within_s=20)


def the_last_write_is_lost() -> None:
    mesh = met("abc")
    mesh.links.loss = 1.0
    mesh.write("a", "last", 1)
    mesh.run(seconds=0.01)
    mesh.links.loss = 0.0
    mesh.settle(within_s=5)


def an_exchange_is_cut() -> None:
    for cut_at in range(300, 2500, 100):
        mesh = met("ab")
        mesh.partition("a", "b")
        for number in range(200):
            mesh.write("a", f"key/{number}", mesh.rng.random())
        mesh.run(seconds=12)
        mesh.heal()
        mesh.links.break_stream_after("a", "b", cut_at)
        mesh.settle(within_s=20)


def newcomers_come_while_one_key_is_written_all_the_time() -> None:
    mesh = Simulation(0, options=Options(bandwidth_bits_per_s=100_000))
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=3)
    for number in range(400):
        mesh.write("a", f"key/{number % 3}", number)
        mesh.run(seconds=0.002)
        if number % 80 == 40:
            mesh.add(f"late/{number}")
    mesh.settle(within_s=20)


def a_computer_is_cloned_and_both_die_after_writing_while_split() -> None:
    mesh = met("abcd")
    for number in range(10):
        mesh.write("a", f"key/{number}", number)
    mesh.settle()
    mesh.clone("a", "twin")
    mesh.partition("ab", ["c", "d", "twin"])
    for number in range(10):
        mesh.write("a", f"left/{number}", number)
        mesh.write("twin", f"right/{number}", number)
        mesh.run(seconds=0.01)
    mesh.run(seconds=5)
    mesh.crash("a")
    mesh.crash("twin")
    mesh.heal()
    mesh.settle(within_s=60)

    assert any(mesh.notices(name, Forked) for name in "bcd")
    assert sum(key.startswith(("left/", "right/")) for key in mesh.state("b")) >= 10


def many_beacon_under_a_small_budget() -> None:
    mesh = met([f"n{number}" for number in range(30)], options=Options(bandwidth_bits_per_s=200_000))
    mesh.run(seconds=10)
    mesh.traffic.clear()
    mesh.run(seconds=60)

    assert mesh.traffic.size_bytes("beacon", way="multicast") * 8 / 60 < 0.05 * 200_000


def a_writer_is_wiped_and_writes_again() -> None:
    mesh = met("ab")
    for number in range(5):
        mesh.write("a", f"key/{number}", "before")
    mesh.settle()
    mesh.restart("a")
    for number in range(5):
        mesh.write("a", f"key/{number}", "after")
    mesh.settle(within_s=10)


def a_computer_is_cloned() -> None:
    mesh = met("abc")
    mesh.write("a", "key", 1)
    mesh.settle()
    mesh.clone("a", "twin")
    for number in range(10):
        mesh.write("a", f"a/{number}", number)
        mesh.write("twin", f"twin/{number}", number)
        mesh.run(seconds=0.5)
    mesh.settle(within_s=60)

    assert mesh.nodes["a"].replica.ledger.origin != mesh.nodes["twin"].replica.ledger.origin
    assert all(mesh.read("b", f"{name}/9") == 9 for name in ("a", "twin"))


def thirty_lose_one_datagram() -> None:
    mesh = met([f"n{number}" for number in range(31)])
    mesh.traffic.clear()
    mesh.links.loss = 1.0
    mesh.write("n0", "lost", 1)
    mesh.run(seconds=0.002)
    mesh.links.loss = 0.0
    for number in range(3):
        mesh.write("n0", f"after/{number}", "x" * 1040)
        mesh.run(seconds=0.002)
    mesh.settle(within_s=5)

    assert mesh.traffic.count("repair") <= 12


def one_stands_still_for_a_minute() -> None:
    for seed in range(4):
        mesh = met("abcdef", seed)
        mesh.pause("c")
        mesh.partition("c", "abdef")  # a laptop that sleeps does not even buffer
        mesh.run(seconds=60)
        mesh.heal()
        mesh.resume("c")
        mesh.run(seconds=0.001)

        assert all(member.presence.value == "alive" for member in mesh.nodes["c"].replica.membership.members.values())
        mesh.run(seconds=20)
        assert not mesh.notices("c", Left)


def one_says_goodbye_in_a_network_that_holds_datagrams_up() -> None:
    mesh = met("abc")
    mesh.links.disorder, mesh.links.held_up_s = 0.6, 1.5
    mesh.run(seconds=5)
    for number in range(30):
        mesh.write("c", f"key/{number}", number)
        mesh.run(seconds=0.01)
    mesh.stop("c")
    for _ in range(30):
        mesh.run(seconds=0.1)

        assert len(mesh.nodes["a"].replica.membership.alive()) == 1


def a_direct_path_is_dead_and_others_are_not() -> None:
    mesh = met("abcd")
    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.run(seconds=40)

    assert not mesh.notices("a", Left)


def multicast_is_swallowed() -> None:
    mesh = Simulation(0)
    mesh.links.multicast = False
    mesh.add("a")
    mesh.add("b", peers=["a"])
    mesh.add("c", peers=["a"])
    mesh.run(seconds=15)
    for number in range(10):
        mesh.write("abc"[number % 3], "key", number)
        mesh.run(seconds=1.5)
        assert mesh.read("a", "key") == mesh.read("b", "key") == mesh.read("c", "key") == number


def one_key_is_written_a_thousand_times_a_second() -> None:
    mesh = met("ab", options=Options(bandwidth_bits_per_s=200_000))
    mesh.traffic.clear()
    for number in range(1000):
        mesh.write("a", "sensor", number)
        mesh.run(seconds=0.001)

    assert mesh.traffic.count("batch", node="a") < 600
    mesh.settle(within_s=5)


def a_late_joiner_is_answered_slowly_while_writes_go_on() -> None:
    mesh = met("ab")
    for number in range(3000):
        mesh.write("a", f"key/{number}", mesh.rng.randbytes(300))
    mesh.settle(within_s=5)
    mesh.links.bytes_per_s = 1e6
    mesh.add("late")
    for number in range(50):
        mesh.write("a", f"during/{number}", number)
        mesh.run(seconds=0.02)
    mesh.links.bytes_per_s = 50e6
    mesh.settle(within_s=20)


# -- mutants ------------------------------------------------------------------------------------


def vector_taken_from_a_beacon(patch: pytest.MonkeyPatch) -> None:
    plain = Repairs.compare

    def compare(self, member, beacon, now):
        known = self._ledger.state.known
        if beacon.origin is not None and beacon.head > known.sequence(beacon.origin):
            known.advance(beacon.origin, beacon.head)
        return plain(self, member, beacon, now)

    patch.setattr(Repairs, "compare", compare)


def vector_taken_from_a_cut_exchange(patch: pytest.MonkeyPatch) -> None:
    plain = Exchanges.closed

    def closed(self, number):
        link = self.links.get(number)
        if link is not None and link.asked is not None:
            self._ledger.state.known.join(link.heard.vector)
        return plain(self, number)

    patch.setattr(Exchanges, "closed", closed)


def part_of_an_exchange_joined(patch: pytest.MonkeyPatch) -> None:
    plain = Exchanges.closed

    def closed(self, number):
        link = self.links.get(number)
        if link is not None and link.asked is not None:
            for key, held in link.asked.siblings.items():
                self._ledger.state.live.setdefault(key, held)
        return plain(self, number)

    patch.setattr(Exchanges, "closed", closed)


def snapshot_inside_a_batch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "snapshot_delta", lambda self, since: self.state.delta(since))


def tag_ignored(patch: pytest.MonkeyPatch) -> None:
    plain = vector_clock._pair_hash
    patch.setattr(vector_clock, "_pair_hash", lambda origin, sequence, tag: plain(origin, sequence, b"\0\0\0\0"))
    patch.setattr(Exchanges, "look_for_forks", lambda self, vector, wall_ms: None)
    patch.setattr(Ledger, "our_tag", lambda self, sequence: None)


def beacon_interval_not_scaled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Beacons, "interval_s", lambda self: self._options.beacon_interval_s)


def sequence_restarted_after_a_wipe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger_module, "mint_origin", lambda wall_s, entropy: b"disk-serial!")


def origin_kept_by_a_clone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "remint", lambda self, wall_ms: None)


def nobody_holds_back_because_another_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AntiEntropy, "overheard", lambda self, *arguments: None)
    patch.setattr(AntiEntropy, "backoff_s", lambda self, members: 0.02)


def silence_counts_though_we_slept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Membership, "forgive", lambda self, now: None)


def goodbye_taken_back_by_any_packet(patch: pytest.MonkeyPatch) -> None:
    plain = Membership.heard

    def heard(self, boot, address, multicast, now):
        member = self.members.get(boot)
        if member is not None and member.presence.value == "left":
            del self.members[boot]
            self._alive = None
        return plain(self, boot, address, multicast, now)

    patch.setattr(Membership, "heard", heard)


def nobody_else_is_asked_before_one_is_given_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Membership, "helpers", lambda self, target: [])


def deafness_not_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Member, "hears_by_multicast", lambda self, now: True)


def every_write_closes_its_batch(patch: pytest.MonkeyPatch) -> None:
    plain = Outbox.add

    def add(self, key, write, before, known):
        told = plain(self, key, write, before, known)
        self.close_into(known)
        return told

    patch.setattr(Outbox, "add", add)


def batch_applied_though_it_follows_nothing_known(patch: pytest.MonkeyPatch) -> None:
    from gossamer.crdt.lww_map import LWWMap

    patch.setattr(LWWMap, "ready", lambda self, batch: True)


def beacons_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Repairs, "compare", lambda self, member, beacon, now: None)


def delta_claims_the_newest_vector_of_its_sender(patch: pytest.MonkeyPatch) -> None:
    """The end of a delta claims what its sender knows when it ends, not when it was taken."""
    plain = Ledger.snapshot_delta

    def snapshot_delta(self, since):
        delta = plain(self, since)
        delta.known = self.state.known  # the live vector, not a copy
        return delta

    patch.setattr(Ledger, "snapshot_delta", snapshot_delta)


def parts_of_a_delta_not_counted(patch: pytest.MonkeyPatch) -> None:
    plain = Asked.part

    def part(self, part, size_bytes, bytes_max):
        self.parts += 1
        if self.parts % 2:
            self.parts -= 1
            plain(self, part, size_bytes, bytes_max)

    patch.setattr(Asked, "part", part)


PROTECTED_BY: list[tuple[Mutant, Callable[[], None]]] = [
    (vector_taken_from_a_beacon, loss_is_repaired),
    (vector_taken_from_a_cut_exchange, an_exchange_is_cut),
    (part_of_an_exchange_joined, an_exchange_is_cut),
    (snapshot_inside_a_batch, newcomers_come_while_one_key_is_written_all_the_time),
    (tag_ignored, a_computer_is_cloned_and_both_die_after_writing_while_split),
    (beacon_interval_not_scaled, many_beacon_under_a_small_budget),
    (sequence_restarted_after_a_wipe, a_writer_is_wiped_and_writes_again),
    (origin_kept_by_a_clone, a_computer_is_cloned),
    (nobody_holds_back_because_another_asked, thirty_lose_one_datagram),
    (silence_counts_though_we_slept, one_stands_still_for_a_minute),
    (goodbye_taken_back_by_any_packet, one_says_goodbye_in_a_network_that_holds_datagrams_up),
    (nobody_else_is_asked_before_one_is_given_up, a_direct_path_is_dead_and_others_are_not),
    (deafness_not_noticed, multicast_is_swallowed),
    (every_write_closes_its_batch, one_key_is_written_a_thousand_times_a_second),
    (batch_applied_though_it_follows_nothing_known, loss_is_repaired),
    (beacons_not_compared, the_last_write_is_lost),
    (delta_claims_the_newest_vector_of_its_sender, a_late_joiner_is_answered_slowly_while_writes_go_on),
    (parts_of_a_delta_not_counted, a_late_joiner_is_answered_slowly_while_writes_go_on),
]


@pytest.mark.slow
@pytest.mark.parametrize("scene", dict.fromkeys(scene for _, scene in PROTECTED_BY), ids=lambda scene: scene.__name__)
def test_with_every_rule_in_place_nothing_goes_wrong(scene):
    scene()


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "scene"), PROTECTED_BY, ids=[mutant.__name__ for mutant, _ in PROTECTED_BY])
def test_without_one_rule_something_goes_wrong_and_is_noticed(mutant, scene, monkeypatch):
    mutant(monkeypatch)

    with pytest.raises(AssertionError):
        scene()
