"""Leases over real sockets: in scripts, in trio, across a fork, and when a process stands still."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest
import trio

from gossamer.errors import LeaseHeld, LeaseLost, MeshTimeout
from gossamer.net.clocks import Clock
from gossamer.surroundings import Surroundings


@pytest.fixture
def options(options):
    return replace(options, lease_dissemination_s=0.02, lease_margin_s=0.01)


def test_scripts_take_turns_under_an_advisory_lease(join, eventually):
    ada, bob = join("ada"), join("bob")
    eventually(lambda: ada.peers and bob.peers)
    with ada.advisory_lease("cron", ttl=30) as lease:
        with pytest.raises(LeaseHeld, match="ada"):
            bob.advisory_lease("cron", ttl=30).acquire(timeout=0.5)
        assert lease.valid(margin=20)
        assert lease.renew()

    with bob.advisory_lease("cron", ttl=30, timeout=10) as lease:
        assert lease.holder() == "bob"


def test_scripts_elect_a_leader_by_their_votes_and_a_lost_one_is_told(join, eventually):
    ada, bob = join("ada"), join("bob")
    eventually(lambda: ada.peers and bob.peers)
    lost = threading.Event()
    lease = ada.quorum_lease("leader", voters=["ada", "bob"], ttl=1)
    lease.on_lost(lost.set)
    lease.acquire(timeout=20)
    assert lease.has_quorum
    assert lease.renew()

    lease.wait_lost(timeout=10)

    assert lost.wait(5)
    with pytest.raises(LeaseLost):
        lease.keep()
    with bob.quorum_lease("leader", voters=["bob", "ada"], ttl=1, timeout=20) as second:
        assert second.token > 0
        with pytest.raises(MeshTimeout):
            second.wait_lost(timeout=0.01)


async def test_trio_programs_have_the_same_leases(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        await ada.wait(lambda mesh: mesh.peers, timeout=5)
        async with ada.advisory_lease("cron", ttl=30, timeout=5) as lease:
            assert lease.valid()
            with pytest.raises(LeaseHeld):
                await bob.advisory_lease("cron", ttl=30).acquire(timeout=0.2)
            await lease.keep()
            assert await lease.renew()
            ada.fenced("robot").put("speed", 1, lease)
            await bob.wait(lambda mesh: mesh.fenced("robot").get("speed") == 1, timeout=5)
        async with bob.quorum_lease("leader", voters=["ada", "bob"], ttl=1, timeout=20) as leader:
            assert await leader.renew()
            await leader.wait_lost(timeout=10)
            assert not await leader.renew()


async def test_a_task_that_is_cancelled_while_it_acquires_leaves_no_claim(open_mesh):
    async with open_mesh("ada", options=options_of_a_patient_claim()) as ada:
        with trio.move_on_after(0.05):
            await ada.advisory_lease("cron", ttl=30).acquire()

        assert ada.advisory_lease("cron").holder() is None


def options_of_a_patient_claim():
    from gossamer.options import Options

    return Options(settle_s=0.03, lease_dissemination_s=60)


def test_threads_of_one_process_take_turns(join):
    ada = join("ada")
    holding, most, done = [], [], []

    def work(number):
        with ada.advisory_lease("cron", ttl=30):
            holding.append(number)
            most.append(len(holding))
            holding.remove(number)
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(done) == list(range(4))
    assert set(most) == {1}


def test_a_machine_that_slept_holds_nothing_though_its_clock_stood_still(join):
    slept_s = [100.0]
    ada = join("ada", surroundings=Surroundings(clock=Clock(slept=lambda: slept_s[0])))
    lease = ada.advisory_lease("cron", ttl=30)
    lease.acquire()
    assert lease.valid()

    slept_s[0] += 60

    assert not lease.valid()
    with pytest.raises(LeaseLost):
        ada.fenced("robot").put("speed", 1, lease)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_holds_nothing_of_its_parents(join):
    ada = join("ada")
    lease = ada.advisory_lease("cron", ttl=30)
    lease.acquire()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        held = lease.valid()
        lease.release()
        os.write(writing, f"{held} {lease.holder()}".encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 40) == b"False ada"
    assert lease.valid()
    os.close(reading)
    os.close(writing)


def test_a_lease_ends_with_its_mesh(join):
    ada = join("ada")
    lease = ada.advisory_lease("cron", ttl=30)
    lease.acquire()
    ada.close(0)

    assert not lease.valid()
    lease.release()
