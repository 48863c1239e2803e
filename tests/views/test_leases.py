"""Leases as a program holds them: who has one, who loses it, and what is then refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_copy import Copy

from gossamer.errors import ConfigurationError, LeaseHeld, LeaseLost, MeshClosed, MeshTimeout, NoQuorum, StaleToken
from gossamer.views.fenced import Fenced

TOKENS = st.integers(1, 6)
VOTERS = ["ann", "bob", "cat"]


@pytest.fixture
def trio_of(mesh_factory, net):
    """Three peers that have voted nowhere for so long that they may vote now."""
    meshes = [mesh_factory(name) for name in VOTERS]
    net.run(12)
    return meshes


# -- advisory -----------------------------------------------------------------------------------------


def test_who_is_alone_holds_an_advisory_lease_after_settling(mesh, net):
    began = net.now
    with mesh.advisory_lease("cron", ttl=10) as lease:
        assert lease.valid()
        assert lease.valid(margin=5)
        assert not lease.valid(margin=10)
        assert lease.holder() == mesh.me.name
        assert lease.token > 0
        assert net.now - began >= 2 * mesh.options.lease_dissemination_s

    assert (lease.valid(), lease.holder(), dict(mesh)) == (False, None, {})
    with pytest.raises(LeaseLost, match="cron"):
        lease.token


def test_a_second_peer_gets_an_advisory_lease_only_when_it_is_released(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    first = north.advisory_lease("cron", ttl=10)
    first.acquire()
    second = south.advisory_lease("cron", ttl=10)

    with pytest.raises(LeaseHeld, match="north"):
        second.acquire(timeout=1)
    token = first.token
    first.release()
    second.acquire(timeout=5)

    assert second.token > token
    assert second.holder() == first.holder() == "south"


def test_a_holder_that_does_not_renew_loses_an_advisory_lease_and_is_told(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    lost = []
    lease = north.advisory_lease("cron", ttl=3)
    lease.on_lost(lambda: lost.append(net.now))
    lease.acquire()
    net.run(1.5)
    assert lease.renew()
    net.run(2)
    assert lease.valid()

    lease.wait_lost(timeout=10)
    south.advisory_lease("cron", ttl=3).acquire(timeout=5)
    net.run(1)

    assert len(lost) == 1
    assert not lease.renew()
    with pytest.raises(LeaseLost):
        lease.keep()


def test_both_sides_of_a_partition_may_hold_an_advisory_lease_and_one_loses_it_when_they_meet(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    with net.partition(north, south):
        leases = [mesh.advisory_lease("cron", ttl=60) for mesh in (north, south)]
        for lease in leases:
            lease.acquire(timeout=5)
        assert [lease.valid() for lease in leases] == [True, True]

    net.run(15)

    assert sorted(lease.valid() for lease in leases) == [False, True]
    assert {lease.holder() for lease in leases} == {
        next(mesh.me.name for mesh, lease in zip((north, south), leases, strict=True) if lease.valid())
    }


def test_keeping_a_lease_renews_it_for_as_long_as_work_goes_on_and_no_longer(mesh, net):
    with mesh.advisory_lease("cron", ttl=2) as lease:
        for _ in range(20):
            net.run(0.5)
            lease.keep()
        net.run(3)  # stuck

        assert not lease.valid()
        with pytest.raises(LeaseLost):
            lease.keep()


def test_a_claim_of_one_who_saw_it_free_a_moment_too_long_ago_takes_it_from_nobody(mesh):
    first, second = mesh.advisory_lease("cron", ttl=10), mesh.advisory_lease("cron", ttl=10)
    first.acquire()

    assert not second._state._write(anew=True)
    assert first.valid()


# -- quorum -------------------------------------------------------------------------------------------


def test_a_majority_grants_a_quorum_lease_and_a_second_candidate_waits_for_its_release(trio_of, net, converged):
    ann, bob, cat = trio_of
    first = ann.quorum_lease("leader", voters=VOTERS, ttl=10)
    first.acquire(timeout=5)
    assert first.valid()
    assert first.has_quorum
    second = bob.quorum_lease("leader", voters=VOTERS, ttl=10)
    with pytest.raises(LeaseHeld, match="ann"):
        second.acquire(timeout=2)
    token = first.token

    first.release()
    assert (first.holder(), first.valid()) == (None, False)
    second.acquire(timeout=5)
    converged([ann, bob, cat])

    assert second.token > token
    assert first.holder() == "bob"
    assert not first.valid()


def test_a_minority_cannot_acquire_and_is_told_who_is_missing(trio_of, net):
    ann, bob, cat = trio_of
    with net.partition(ann, [bob, cat]):
        net.run(15)
        lease = ann.quorum_lease("leader", voters=VOTERS, ttl=10)

        assert not lease.has_quorum
        with pytest.raises(NoQuorum, match="without an answer: bob, cat"):
            lease.acquire(timeout=3)
        bob.quorum_lease("leader", voters=VOTERS, ttl=10).acquire(timeout=3)


def test_a_holder_that_is_cut_off_loses_its_lease_before_another_gets_it(trio_of, net):
    ann, bob, cat = trio_of
    lost = []
    first = ann.quorum_lease("leader", voters=VOTERS, ttl=10)
    first.on_lost(lambda: lost.append(net.now))
    first.acquire(timeout=5)
    token = first.token
    with net.partition(ann, [bob, cat]):
        net.run(5)
        assert not first.renew() or first.left < 6  # nobody answers: it holds what it held
        second = bob.quorum_lease("leader", voters=VOTERS, ttl=10)
        second.acquire(timeout=20)

        assert not first.valid()
        assert lost
        assert lost[0] < net.now
        assert second.token > token


def test_a_renewed_quorum_lease_goes_on_under_its_token(trio_of, net):
    lease = trio_of[0].quorum_lease("leader", voters=VOTERS, ttl=10)
    lease.acquire(timeout=5)
    token = lease.token
    for _ in range(10):
        net.run(4)
        lease.keep()

    assert lease.valid(margin=5)
    assert lease.token == token


def test_a_voter_that_has_just_started_does_not_vote_for_a_ttl(mesh_factory, net):
    ann, _ = mesh_factory("ann"), mesh_factory("bob")
    lease = ann.quorum_lease("leader", voters=VOTERS, ttl=10)

    with pytest.raises(NoQuorum):
        lease.acquire(timeout=2)
    began = net.now
    lease.acquire(timeout=20)

    assert net.now - began > 5


def test_two_peers_of_one_name_are_not_counted_as_a_voter(net, mesh_factory):
    ann = mesh_factory("ann")
    mesh_factory("bob")
    twin = mesh_factory("cat")
    object.__setattr__(twin.replica.identity, "name", "bob")
    twin.replica.start(twin.clock.monotonic())
    net.run(12)

    with pytest.raises(NoQuorum, match="two peers call themselves 'bob'"):
        ann.quorum_lease("leader", voters=["ann", "bob"], ttl=10).acquire(timeout=2)


def test_a_program_with_other_voters_than_the_holder_is_told(trio_of, converged):
    ann, bob, _ = trio_of
    ann.quorum_lease("leader", voters=VOTERS, ttl=10).acquire(timeout=5)
    converged(trio_of)

    for voters, ttl in ((["bob"], 10), (VOTERS, 5)):
        with pytest.raises(ConfigurationError, match="ann holds the lease"):
            bob.quorum_lease("leader", voters=voters, ttl=ttl).acquire(timeout=5)


def test_one_voter_alone_may_be_oneself(mesh_factory, net):
    ann = mesh_factory("ann")
    net.run(3)
    with ann.quorum_lease("leader", voters=[ann.me], ttl=2, timeout=5) as lease:
        assert lease.valid()
        other = ann.quorum_lease("leader", voters=[ann.me], ttl=2)
        with pytest.raises(LeaseHeld):
            other.acquire(timeout=0.5)


def test_nonsense_is_refused(mesh):
    for ttl in (0, -1, "x", 1e9, float("nan")):
        with pytest.raises(ConfigurationError):
            mesh.advisory_lease("a", ttl=ttl)
    for voters in ([], "ann", ["a", "a"], [1], [str(n) for n in range(40)]):
        with pytest.raises(ConfigurationError):
            mesh.quorum_lease("a", voters=voters)
    with pytest.raises(ConfigurationError), mesh.batch(), mesh.advisory_lease("a"):
        pass
    mesh.close()
    with pytest.raises(MeshClosed):
        mesh.advisory_lease("a").acquire()


# -- fenced cells -------------------------------------------------------------------------------------


def test_the_late_write_of_a_paused_holder_loses_everywhere(mesh_factory, net, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    north.fenced("robot").put("speed", 1, 5)
    converged([north, south])
    with net.partition(north, south):
        south.fenced("robot").put("speed", 2, 6)
        net.run(1)
        north.fenced("robot").put("speed", 99, 5)  # later by any clock
        assert north.fenced("robot")["speed"] == 99

    converged([north, south])

    for mesh in (north, south):
        assert mesh.fenced("robot")["speed"] == 2
        assert mesh.fenced("robot").token("speed") == 6
        with pytest.raises(StaleToken, match="6 was seen"):
            mesh.fenced("robot").put("another", 1, 5)


def test_fenced_cells_are_read_as_a_mapping_and_removed_ones_go_on_fencing(mesh_factory, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    cells = north.fenced("robot")
    cells.update({"a": 1, ("b", 2): [1, 2], "c": None}, 7)
    cells.remove("a", 8)
    converged([north, south])
    there = south.fenced("robot")

    assert (dict(there), len(there), "a" in there, "c" in there) == ({("b", 2): [1, 2], "c": None}, 2, False, True)
    assert (there.token(), there.token("a"), there.token("c"), there.token("never")) == (8, 8, 7, 0)
    assert (dict(north), dict(south.fenced("other"))) == ({}, {})
    with pytest.raises(KeyError):
        there["a"]
    with pytest.raises(StaleToken):
        there.put("a", 1, 7)


def test_a_successor_that_adopts_the_cells_hears_no_more_of_its_predecessor(mesh_factory, net, converged):
    north, south = mesh_factory("north"), mesh_factory("south")
    north.fenced("robot").update({"a": 1, "b": 2}, 5)
    converged([north, south])
    with net.partition(north, south):
        south.fenced("robot").adopt(6)
        north.fenced("robot").update({"a": -1, "b": -2}, 5)

    converged([north, south])

    assert dict(north.fenced("robot")) == dict(south.fenced("robot")) == {"a": 1, "b": 2}


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["put", "remove", "adopt", "hear"]), st.integers(0, 2), TOKENS),
        max_size=30,
    )
)
def test_whatever_was_written_where_the_greatest_token_that_was_accepted_is_read_everywhere(steps):
    copies = [Copy(name) for name in "abc"]
    cells = [Fenced(copy.mapping, "robot") for copy in copies]
    accepted: dict[int, dict[int, set[int]]] = {}
    for number, (at, what, other, token) in enumerate(steps):
        if what == "hear":
            copies[at].hear(copies[other])
            continue
        written = {"put": {other: number}, "remove": {other: None}, "adopt": dict(cells[at])}[what]
        try:
            if what == "put":
                cells[at].put(other, number, token)
            elif what == "remove":
                cells[at].remove(other, token)
            else:
                cells[at].adopt(token)
        except StaleToken:
            assert token < cells[at].token()
            continue
        for key, value in written.items():
            accepted.setdefault(key, {}).setdefault(token, set()).add(value)
    for _ in range(2):
        for copy in copies:
            for one in copies:
                copy.hear(one)

    for cell in cells:
        assert dict(cell) == dict(cells[0])
        for key, values in accepted.items():
            assert cell.token(key) == max(values)
            assert cell.get(key) in values[max(values)]


def test_a_lease_that_is_lost_writes_nothing(mesh, net):
    lease = mesh.advisory_lease("cron", ttl=2)
    lease.acquire()
    cells = mesh.fenced("robot")
    cells.put("a", 1, lease)
    net.run(3)

    with pytest.raises(LeaseLost):
        cells.put("a", 2, lease)
    assert dict(cells) == {"a": 1}
    with pytest.raises(ConfigurationError):
        cells.put("a", 2, True)
    with pytest.raises(MeshTimeout):
        mesh.wait(lambda m: m.fenced("robot").get("a") == 2, timeout=1)
