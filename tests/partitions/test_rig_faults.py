"""The rig: real peers in network namespaces, and each of its faults seen to act and to be undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from gossamer.simulation import NoSuchFault, Wrong
from gossamer.simulation.rig import Rig, available

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available() or "-")]

QUICK = {"beacon_interval_s": 0.3, "probe_timeout_s": 0.2, "suspicion_s": 0.5, "retry_peers_s": 0.5}


@pytest.fixture
def rig():
    with Rig(1, size=3, options=QUICK) as world:
        yield world


def eventually(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_real_peers_meet_share_split_and_agree(rig):
    a, b, c = rig.start()
    rig.partition([a], [b, c])
    rig.write(a, "door", "open")
    rig.write(b, "door", "shut")
    eventually(lambda: rig.read(c, "door") == "shut")
    assert rig.read(a, "door") == "open"

    rig.heal()

    assert rig.settle(within_s=10) < 10
    assert rig.read(a, "door") == rig.read(c, "door")


def test_a_one_way_cut_is_one_way_and_what_it_holds_up_goes_round_it(rig):
    a, b, c = rig.start()
    rig.cut(a, b)
    rig.write(a, "x", 1)
    eventually(lambda: rig.read(c, "x") == 1)
    rig.write(b, "y", 2)
    eventually(lambda: rig.read(a, "y") == 2)

    assert rig.settle(within_s=20) < 20
    rig.mend(a, b)
    rig.mend(a, b)  # again does nothing


def test_datagrams_are_lost_as_often_as_asked_and_every_write_arrives(rig):
    names = rig.start()
    rig.weather(loss=0.4)
    for number in range(100):
        rig.write(names[number % 3], f"k{number}", number)

    assert rig.settle(within_s=20) < 20
    rig.weather(loss=0.0)


def test_a_slow_link_is_slow_and_then_it_is_not(rig):
    a, b, _ = rig.start()
    rig.weather(bandwidth_bits_per_s=1e6)
    rig.write(a, "large", rig.rng.randbytes(200_000).hex())
    began = rig.now
    eventually(lambda: rig.read(b, "large") is not None, within_s=30)
    slow_s = rig.now - began

    rig.weather(bandwidth_bits_per_s=400e6)
    rig.write(a, "large again", rig.rng.randbytes(200_000).hex())
    began = rig.now
    eventually(lambda: rig.read(b, "large again") is not None)

    assert slow_s > 1.0 > rig.now - began


def test_a_stopped_process_is_missed_and_welcomed_back(rig):
    a, b, c = rig.start()
    rig.pause(c)
    eventually(lambda: rig.sees(a) == {b}, within_s=20)
    rig.write(a, "meanwhile", 1)

    rig.resume(c)

    eventually(lambda: rig.read(c, "meanwhile") == 1)
    eventually(lambda: rig.sees(a) == {b, c})


def test_a_killed_process_and_a_computer_without_power_are_missed_and_come_back_empty(rig):
    a, b, c = rig.start()
    rig.write(a, "kept", 1)
    rig.settle(within_s=10)
    rig.kill(b)
    rig.crash(c)
    eventually(lambda: rig.sees(a) == set(), within_s=20)

    rig.restart(b)
    rig.restart(c)

    rig.settle(within_s=10)
    assert rig.read(c, "kept") == 1


def test_a_process_that_ends_in_an_orderly_way_is_missed_at_once(rig):
    a, b, c = rig.start()

    rig.stop(c)

    eventually(lambda: rig.sees(a) == {b}, within_s=1.0)


def test_without_multicast_one_address_is_enough(rig):
    rig.weather(multicast=False)
    rig.add("a")
    rig.add("b", peers=["a"])
    rig.add("c", peers=["a"])
    rig.write("b", "x", 1)
    eventually(lambda: rig.read("c", "x") == 1)

    eventually(lambda: rig.sees("b") == {"a", "c"}, within_s=20)


def test_a_clock_that_is_an_hour_ahead_wins_no_more_than_once(rig):
    a, b, _ = rig.start()
    rig.step_clock(a, 3_600_000)
    rig.write(a, "x", "from the future")
    rig.settle(within_s=10)

    rig.write(b, "x", "now")
    rig.settle(within_s=10)

    assert rig.read(a, "x") == "now"


def test_what_only_a_simulator_can_do_is_refused_in_words(rig):
    rig.add("a")

    for refused in (
        lambda: rig.clone("a", "b"),
        lambda: rig.roll_back("a", 1),
        lambda: rig.weather(doubling=0.5),
        lambda: rig.add("fast", clock_rate=2.0),
    ):
        with pytest.raises(NoSuchFault, match="simulator"):
            refused()


def test_who_does_not_agree_is_told_with_what_keeps_them_apart(rig):
    a, b, _ = rig.start()
    rig.partition([a], [b])
    rig.write(a, "x", 1)
    rig.write(b, "x", 2)

    with pytest.raises(Wrong, match=r"they differ in \{'x'"):
        rig.settle(within_s=0.5)


def test_a_program_of_ones_own_runs_on_a_host_of_the_rig(rig):
    program = "import socket; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); input()"
    mine = rig.popen("mine", [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(mine.stdout.readline())
    knock = f"import socket; socket.create_connection(('10.77.0.2', {port}), timeout=5)"
    done = rig.popen("other", [sys.executable, "-c", knock]).wait()
    mine.communicate("\n")

    assert (done, mine.returncode) == (0, 0)


def test_when_the_program_that_made_it_is_killed_nothing_of_a_rig_is_left(tmp_path):
    program = (
        "from gossamer.simulation.rig import Rig\n"
        "rig = Rig(1, size=2)\n"
        "rig.start()\n"
        "players, hosts = rig._players.values(), rig._lab.hosts.values()\n"
        "print(*[player._process.pid for player in players], *[host.pid for host in hosts], flush=True)\n"
        "input()\n"
    )
    maker = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in maker.stdout.readline().split()]
    maker.send_signal(signal.SIGKILL)
    maker.communicate()

    assert len(pids) == 4
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


@pytest.mark.skipif(os.geteuid() != 0, reason="the suite runs without root already")
def test_a_rig_needs_no_root_where_anybody_may_make_namespaces():
    unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    inside = [
        *unprivileged,
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
        sys.executable,
        "-c",
        "import gossamer.mesh",
    ]
    try:
        subprocess.run(inside, capture_output=True, text=True, cwd="/", check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nobody else may run this Python in a user namespace: {error}")
    program = (
        "from gossamer.simulation.rig import Rig\n"
        "with Rig(1, size=2) as rig:\n"
        "    a, b = rig.start()\n"
        "    rig.partition([a], [b])\n"
        "    rig.write(a, 'x', 1)\n"
        "    rig.heal()\n"
        "    rig.settle(within_s=20)\n"
        "    print(rig.read(b, 'x'))\n"
    )
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", program], capture_output=True, text=True, cwd="/", check=False
    )

    assert done.stdout.strip() == "1", done.stderr
