"""Each check of the simulator, shown that it can fail: the thing it watches is broken on purpose."""

from __future__ import annotations

import pytest
from scenes import fill, mesh_of

from gossamer.crdt.lww_map import LWWMap
from gossamer.crdt.writes import Write
from gossamer.protocol import exchanges
from gossamer.protocol.beacons import Beacons
from gossamer.protocol.membership import Membership
from gossamer.simulation import Simulation, Wrong
from gossamer.simulation.promises import Check, Silence


def test_a_write_that_its_own_writer_does_not_see_is_wrong(monkeypatch):
    mesh = mesh_of(1, "ab")
    plain = LWWMap.write

    def unseen(self, origin, key, value, stamp, meta=0):
        write, before = plain(self, origin, key, value, stamp, meta)
        self.live[key] = Write(stamp + 1, b"somebodyelse", 1, value, meta)
        return write, before

    monkeypatch.setattr(LWWMap, "write", unseen)

    with pytest.raises((Wrong, StopIteration)):
        mesh.write("a", "key", 1)


def test_a_log_that_is_out_of_order_is_wrong():
    mesh = mesh_of(1, "ab")
    fill(mesh, "a", 5)
    mesh.settle(within_s=5)
    [log] = mesh.nodes["a"].replica.ledger.state.logs.values()
    log.sequences[-1], log.sequences[-2] = log.sequences[-2], log.sequences[-1]
    log.keys[-1], log.keys[-2] = log.keys[-2], log.keys[-1]

    with pytest.raises((Wrong, AssertionError), match=r"applied|I6"):
        mesh.settle(within_s=5)


def test_a_ring_that_is_never_shortened_is_wrong():
    mesh = mesh_of(1, "ab")
    mesh.nodes["a"].options = mesh.options.__class__(batch_ring_bytes=2000)

    with pytest.raises(Wrong, match="bytes of batches to be sent again"):
        fill(mesh, "a", 2000, "x" * 50)


def test_who_speaks_though_nothing_happens_is_named(monkeypatch):
    mesh = mesh_of(1, "ab")
    mesh.settle(within_s=5)
    monkeypatch.setattr(Beacons, "interval_s", lambda self: 0.01)

    with pytest.raises(Wrong, match="bytes a second though nothing happens"):
        Silence(within_s=20).judge(mesh)


def test_who_is_not_seen_is_named():
    mesh = mesh_of(1, "abc")
    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.cut("b", "c")
    mesh.cut("c", "b")

    with pytest.raises(Wrong, match="sees"):
        Silence(within_s=20).judge(mesh)


class Counting(Check):
    """Counts what it is fed, and dislikes one key."""

    def __init__(self):
        self.steps, self.agreements = 0, 0

    def wrote(self, node, writes):
        if any(key == "cursed" for key, _ in writes):
            raise Wrong("somebody wrote it")

    def stepped(self, node):
        self.steps += 1

    def agreed(self, simulation):
        self.agreements += 1


def test_a_check_of_ones_own_is_fed_like_the_others():
    mesh = Simulation(1, size=2)
    check = Counting()
    mesh.checks.add(check)
    names = mesh.start()
    mesh.write(names[0], "plain", 1)
    mesh.settle(within_s=5)

    assert check.steps > 10
    assert check.agreements == 1
    with pytest.raises(Wrong, match="somebody wrote it"):
        mesh.write(names[0], "cursed", 1)


def test_keeping_what_those_who_have_gone_knew_is_wrong(monkeypatch):
    plain = Membership.gone

    def gone(self, member, presence, now):
        bases = member.heard_base, member.sent_base
        plain(self, member, presence, now)
        member.heard_base, member.sent_base = bases

    monkeypatch.setattr(Membership, "gone", gone)
    monkeypatch.setattr(exchanges, "WHOLE_PAIRS_MAX", 0)  # as if there were thousands of origins
    mesh = mesh_of(1, "abc")
    fill(mesh, "a", 5)
    mesh.stop("c")
    mesh.restart("c")
    mesh.run(seconds=5)
    mesh.stop("c")

    with pytest.raises(Wrong, match="keeps the vector of c, which has gone"):
        mesh.settle(within_s=10)
