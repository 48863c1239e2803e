"""Each fault of the rig is seen to act on real processes, and to be undone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gossamer.simulation import Wrong
from gossamer.simulation.rig import Rig, RigError, available
from gossamer.simulation.scenario import NoSuchFault

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available())]

SEND = """
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
for _ in range(int(sys.argv[2])):
    s.sendto(bytes(int(sys.argv[3])), (sys.argv[1], 9))
"""
COUNT = """
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind(("", 9))
s.settimeout(3)
print("ready", flush=True)
n = 0
try:
    while s.recv(2000):
        n += 1
        s.settimeout(0.5)
except TimeoutError:
    print(n)
"""


@pytest.fixture
def rig():
    with Rig(seed=1) as rig:
        yield rig


@pytest.fixture
def hosts(rig):
    """Three computers without peers of ours."""
    for name in ("here", "there", "beside"):
        rig.add_host(name)
    return rig


def arrived(rig, sender, receiver, count=100, size=100):
    """Return how many of `count` datagrams arrive."""
    with rig.popen(receiver, [sys.executable, "-c", COUNT], stdout=subprocess.PIPE, text=True) as counting:
        assert counting.stdout.readline() == "ready\n"
        argv = [sys.executable, "-c", SEND, rig.host(receiver).address, str(count), str(size)]
        assert rig.popen(sender, argv).wait(20) == 0
        return int(counting.stdout.readline())


# -- the network ----------------------------------------------------------------------------------


def test_a_cut_is_one_way_until_it_is_mended(hosts):
    before = arrived(hosts, "here", "there"), arrived(hosts, "there", "here")
    hosts.cut("here", "there")
    during = arrived(hosts, "here", "there"), arrived(hosts, "there", "here")
    hosts.mend("here", "there")

    assert before == (100, 100)
    assert during == (0, 100)
    assert arrived(hosts, "here", "there") == 100


def test_a_partition_separates_its_sides_until_it_is_healed(hosts):
    hosts.partition(["here"], ["there", "beside"])
    during = arrived(hosts, "here", "there"), arrived(hosts, "beside", "there")
    hosts.heal()

    assert during == (0, 100)
    assert arrived(hosts, "here", "there", 50) > 0


def test_who_comes_during_a_partition_is_one_side_more(hosts):
    hosts.partition(["here"], ["there", "beside"])
    hosts.add_host("late")

    assert (arrived(hosts, "late", "here"), arrived(hosts, "late", "there")) == (0, 0)


def test_losses_are_of_the_share_that_was_asked_for(hosts):
    arrived(hosts, "there", "here")  # so that they know each other's hardware addresses
    hosts.lose(0.3)
    everywhere = arrived(hosts, "here", "there", 2000)
    hosts.lose(0)
    hosts.lose(0.5, sender="here", receiver="there", udp_only=True)
    one_way, other_way = arrived(hosts, "here", "there", 2000), arrived(hosts, "there", "here")
    hosts.lose(0, sender="here", receiver="there")

    assert 1300 < everywhere < 1500
    assert 900 < one_way < 1100
    assert (other_way, arrived(hosts, "here", "there")) == (100, 100)


def test_datagrams_above_the_mtu_never_arrive(hosts):
    hosts.weather(mtu_bytes=1000)
    during = arrived(hosts, "here", "there", size=1100), arrived(hosts, "here", "there", size=900)
    hosts.weather(mtu_bytes=1500)

    assert during == (0, 100)
    assert arrived(hosts, "here", "there", size=1100) == 100


def test_a_slow_link_is_as_slow_as_it_was_asked_to_be(hosts):
    hosts.weather(bandwidth_bits_per_s=256e3)
    began = hosts.now
    through = arrived(hosts, "here", "there", 200, 1000)
    took_s = hosts.now - began
    hosts.weather(bandwidth_bits_per_s=400e6)

    assert through * 8000 < 256e3 * took_s + 16_000 * 8 * 2
    assert through < 100
    assert arrived(hosts, "here", "there", 200, 1000) == 200


def test_without_multicast_peers_meet_by_an_address_alone(rig):
    rig.weather(multicast=False)
    rig.add("a")
    rig.add("b")
    rig.run(2)
    alone = rig.sees("a")
    rig.add("c", peers=["a"])
    rig.add("d", peers=["a"], multicast=False)
    for name, others in (("a", 2), ("c", 2), ("d", 2)):
        assert rig.host(name).tell("meet", peers=others, within_s=15)

    assert alone == set()
    assert rig.sees("a") == {"c", "d"}


def test_an_unplugged_peer_is_missed_and_found_again(rig):
    a, b = rig.start(2)
    rig.unplug(a)
    rig.write(a, "x", 1)
    with pytest.raises(Wrong, match="no agreement"):
        rig.settle(within_s=0.5)
    rig.plug_in(a)

    assert rig.settle(within_s=10) < 10
    assert rig.read(b, "x") == 1


@pytest.mark.parametrize("fault", ["burst_loss", "doubling", "disorder"])
def test_a_fault_that_only_the_simulator_has_is_refused(rig, fault):
    with pytest.raises(NoSuchFault, match=fault):
        rig.weather(**{fault: 0.1})


# -- processes and computers ------------------------------------------------------------------------


def test_a_paused_peer_hears_nothing_and_catches_up(rig):
    a, b = rig.start(2)
    rig.pause(b)
    rig.write(a, "x", 1)
    stopped = Path(f"/proc/{rig.host(b).peer.pid}/stat").read_text().rpartition(")")[2].split()[0]
    with pytest.raises(RigError, match="stands still"):
        rig.read(b, "x")
    rig.resume(b)
    rig.settle(within_s=10)

    assert stopped == "T"
    assert rig.read(b, "x") == 1


def test_what_a_killed_peer_wrote_is_there_and_its_next_life_gets_it_back(rig):
    a, b = rig.start(2)
    rig.write(a, "x", 1)
    assert rig.confirm(a, within_s=10)
    rig.kill(a)
    rig.restart(a)
    rig.settle(within_s=10)

    assert rig.state(a) == rig.state(b) == {"x": 1}


def test_a_computer_without_power_says_nothing_while_a_stopped_program_says_goodbye(rig):
    a, b, c = rig.start(3)
    rig.crash(a)
    still_counted = a in rig.sees(c)
    took_s = rig.stop(b)
    rig.host(c).tell("missed", names=[a, b], within_s=20)

    assert still_counted
    assert took_s < 3


def test_a_clock_can_be_set_and_runs_at_its_own_rate_and_survives_a_restart(rig):
    rig.add("a", skew_ms=60_000, clock_rate=2.0)
    rig.add("b")
    began_s = rig.now
    ahead_ms = rig.host("a").tell("clock") - rig.host("b").tell("clock")
    rig.run(1)
    later_ms = rig.host("a").tell("clock") - rig.host("b").tell("clock")
    passed_s = rig.now - began_s
    rig.step_clock("a", -3_600_000)
    rig.restart("a")
    stepped_ms = rig.host("a").tell("clock") - rig.host("b").tell("clock")

    assert 59_000 < ahead_ms < 90_000
    assert 900 < later_ms - ahead_ms < 1000 * passed_s + 100
    assert -3_541_000 < stepped_ms < -3_500_000


def test_a_peer_with_a_full_disk_goes_on_and_starts_again(rig):
    a, b = rig.start(2)
    rig.fill_disk(a)
    with pytest.raises(RigError, match="No space left"):
        rig.host(a).namespace.run("sh", "-c", f"head -c 100000 /dev/zero > {rig.host(a).disk}/more")
    rig.write(a, "x", 1)
    rig.settle(within_s=10)
    rig.restart(a)
    rig.write(b, "y", 2)
    rig.settle(within_s=10)
    rig.free_disk(a)

    assert rig.state(a) == {"x": 1, "y": 2}
    rig.host(a).namespace.run("sh", "-c", f"head -c 100000 /dev/zero > {rig.host(a).disk}/more")


@pytest.mark.parametrize(
    "ask", [lambda rig: rig.clone("a", "b"), lambda rig: rig.remember("a"), lambda rig: rig.roll_back("a", 1)]
)
def test_what_cannot_be_done_to_a_real_process_is_refused(rig, ask):
    with pytest.raises(NoSuchFault, match="simulator can"):
        ask(rig)
