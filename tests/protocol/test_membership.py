"""Who is there: any sign of life counts, silence is confirmed by others, and a goodbye is final."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gossamer.options import Options
from gossamer.protocol.effects import Presence
from gossamer.protocol.membership import Member, Membership, Overdue
from gossamer.wire.messages import Beacon, Introduce

OPTIONS = Options()
BOOT, OTHER = b"boot.......1", b"boot.......2"
ADDRESS = "10.0.0.5", 40001
BEACON = Beacon(b"p" * 16, 47474, b"origin.....!", 7, b"v" * 16, b"s" * 16, multicasts=1)


def members(count: int = 1, now: float = 100.0) -> tuple[Membership, list[Member]]:
    membership = Membership(OPTIONS, random.Random(0))
    boots = [b"boot....%4d" % number for number in range(count)]
    return membership, [membership.heard(boot, ADDRESS, True, now)[0] for boot in boots]


def silent_until(membership: Membership, until: float) -> list[tuple[float, Overdue]]:
    """Return when the first member was probed, and how, if nothing is heard until then."""
    found, now = [], 100.0
    while now < until:
        found += [
            (now, how) for member, how in membership.overdue(now) if member is next(iter(membership.members.values()))
        ]
        now += 0.1
    return found


def test_the_first_packet_of_a_boot_makes_a_member_and_the_second_does_not():
    membership, [member] = members()

    assert membership.heard(BOOT, ADDRESS, False, 100.0)[1]
    assert not membership.heard(BOOT, ADDRESS, False, 100.1)[1]
    assert membership.alive() == [member, membership.members[BOOT]]


def test_a_silent_member_is_probed_directly_then_through_others_and_given_up_last():
    membership, _ = members(5)
    probes = silent_until(membership, 120.0)

    assert [how for _, how in probes][:2] == [Overdue.SILENT, Overdue.STILL_SILENT]
    assert 104 < probes[0][0] < 106
    given_up = next(at for at, how in probes if how is Overdue.GIVEN_UP)
    assert given_up - probes[0][0] == pytest.approx(membership.suspicion_s(), abs=0.3)


def test_any_sign_of_life_clears_a_suspect():
    membership, [member] = members()
    membership.overdue(110.0)
    assert member.presence is Presence.SUSPECT

    membership.heard(member.boot, None, False, 110.5)

    assert member.presence is Presence.ALIVE
    assert membership.overdue(111.0) == []


def test_one_given_up_that_is_heard_is_back():
    membership, [member] = members()
    membership.gone(member, Presence.FAILED, 110.0)
    assert membership.alive() == []

    assert membership.heard(member.boot, ADDRESS, True, 120.0) == (member, True)
    assert membership.alive() == [member]


def test_a_goodbye_is_final():
    membership, [member] = members()
    membership.gone(member, Presence.LEFT, 110.0)

    assert membership.heard(member.boot, ADDRESS, True, 110.1) == (member, False)
    assert membership.alive() == []


def test_suspicion_lasts_longer_in_a_larger_mesh():
    assert members(2)[0].suspicion_s() < members(20)[0].suspicion_s() < members(200)[0].suspicion_s() < 10


def test_who_beacons_seldom_is_suspected_late():
    membership, [member] = members()
    membership.beacon(member, replace(BEACON, interval_ms=10_000), True, 100.0)

    assert membership.overdue(140.0) == []
    assert membership.overdue(146.0) == [(member, Overdue.SILENT)]


def test_who_wakes_after_a_stall_counts_nobodys_silence():
    membership, _ = members(5)

    membership.forgive(1000.0)

    assert membership.overdue(1000.0) == []
    assert len(membership.overdue(1000.0 + 5)) == 5


def test_three_others_are_asked_to_reach_a_suspect_and_never_itself():
    membership, all_members = members(10)
    target = all_members[3]

    for _ in range(50):
        helpers = membership.helpers(target)
        assert len(helpers) == 3
        assert target not in helpers


def test_suspects_are_asked_for_no_help():
    membership, all_members = members(3)
    all_members[1].presence = Presence.SUSPECT

    assert membership.helpers(all_members[0]) == [all_members[2]]


def test_reception_is_measured_over_twenty_datagrams_and_not_before():
    membership, [member] = members()
    membership.beacon(member, replace(BEACON, multicasts=100), True, 100.0)
    for number in range(1, 9):
        membership.heard(member.boot, ADDRESS, True, 100.0 + number)
    membership.beacon(member, replace(BEACON, multicasts=110), True, 109.0)
    assert member.reception == 1.0

    membership.heard(member.boot, ADDRESS, True, 110.0)
    membership.heard(member.boot, ADDRESS, True, 111.0)
    membership.beacon(member, replace(BEACON, multicasts=120), True, 111.0)

    assert member.reception == pytest.approx(0.5)
    assert not member.hears_by_multicast(111.0)
    assert membership.deaf(111.0) == [member]


def test_whoever_says_that_it_hears_us_badly_is_streamed_to():
    membership, [member] = members()
    member.deaf_to_us = True

    assert membership.deaf(100.0) == [member]


def test_who_was_never_heard_by_multicast_is_deaf_after_a_while_and_not_at_once():
    membership, [member] = members()

    assert membership.deaf(100.5) == []
    assert membership.deaf(110.0) == [member]


def test_an_introduction_names_the_ports_and_not_the_address():
    membership, [member] = members()
    membership.introduced(
        member, Introduce(b"p" * 16, None, "bench:7", 5001, False, unicast_port=6001, boot=member.boot)
    )

    assert member.name == "bench:7"
    assert member.address == ("10.0.0.5", 6001)
    assert member.stream_address == ("10.0.0.5", 5001)


def test_members_that_are_long_gone_are_forgotten():
    membership, [member] = members()
    membership.gone(member, Presence.FAILED, 100.0)

    assert membership.forget(100.0 + OPTIONS.forget_peer_after_s - 1) == []
    assert membership.forget(100.0 + OPTIONS.forget_peer_after_s + 1) == [member]
    assert membership.members == {}


def test_the_median_of_the_offsets_is_what_corrects_our_clock():
    membership, all_members = members(4)
    for member, offset_ms in zip(all_members, (100, 200, 90_000, 300), strict=True):
        membership.measured(member, offset_ms)
    assert membership.offset_ms() == 200

    membership.gone(all_members[2], Presence.FAILED, 110.0)

    assert membership.offset_ms() == 100


def test_the_writer_of_an_origin_is_found_while_it_lives():
    membership, [member, _] = members(2)
    membership.beacon(member, BEACON, True, 100.0)
    assert membership.writer(b"origin.....!") is member

    membership.gone(member, Presence.FAILED, 110.0)

    assert membership.writer(b"origin.....!") is None
