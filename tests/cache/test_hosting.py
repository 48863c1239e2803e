"""All processes of a host are one peer, and remain it when the one that publishes ends."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gossamer
from gossamer.cache.host_lock import Following
from gossamer.cache.places import place_of
from gossamer.settings import new_secret

PROGRAM = """
import gossamer, os, sys
hosted = gossamer.host({name!r}, port={port}, timeout=20)
"""
WRITER = """
print(json.dumps({"peer": hosted.mesh is not None}), flush=True)
number, began = 0, time.monotonic()
while True:
    asked = time.monotonic()
    hosted[(os.getpid(), number)] = number
    print(json.dumps([number, time.monotonic() - asked]), flush=True)
    number += 1
"""


class Process:
    """A program that has `hosted`."""

    def __init__(self, start: str, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", start + "import json, time\n" + program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def says(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "it has ended"
        return json.loads(line)

    def rest(self) -> list[Any]:
        """What it said until it was killed."""
        assert self._process.stdout is not None
        return [json.loads(line) for line in self._process.stdout if line.endswith("\n")]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> int:
        assert self._process.stdout is not None
        self.close_input()
        try:
            return self._process.wait(20)
        finally:
            self.kill()
            self._process.stdout.close()


@pytest.fixture
def process(mesh_name: str, mesh_port: int) -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def start(program: str) -> Process:
        one = Process(PROGRAM.format(name=mesh_name, port=mesh_port), program)
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.end()


@pytest.fixture
def host(mesh_name: str, mesh_port: int, options: Any) -> Iterator[Callable[..., gossamer.Hosted]]:
    opened: list[gossamer.Hosted] = []

    def host(name: str = mesh_name, **how: Any) -> gossamer.Hosted:
        opened.append(gossamer.host(name, port=mesh_port, options=options, timeout=20, **how))
        return opened[-1]

    yield host
    for one in opened:
        one.close()


COUNTER = """
hosted.insert("n", 0)
print(json.dumps(True), flush=True)
for _ in range(500):
    while not hosted.replace("n", seen := hosted["n"], seen + 1):
        pass
"""
WAIT = "sys.stdin.read()\nhosted.close()\n"


def test_who_is_alone_is_the_peer(host):
    hosted = host()
    hosted["x"] = 1

    assert hosted.mesh is not None
    assert hosted.mesh["x"] == hosted["x"] == 1


def test_of_many_processes_one_is_the_peer_and_all_share_one_state(process, host):
    others = [process("print(json.dumps(hosted.mesh is not None), flush=True)\n" + WAIT) for _ in range(4)]
    peers = [one.says() for one in others]
    hosted = host()
    hosted["x"] = 1

    assert sum(peers) == 1
    assert hosted.mesh is None
    assert [one.end() for one in others] == [0] * 4


def test_when_the_peer_is_killed_another_goes_on_and_no_write_that_returned_is_lost(process, host, eventually):
    first = process(WRITER)
    assert first.says() == {"peer": True}
    hosted = host()
    told: dict[Any, Any] = {}
    hosted.on("*", lambda change: told.__setitem__(change.key, change.new))
    hosted.wait(lambda cache: len(cache) > 50, timeout=20)

    first.kill()
    hosted["after"] = True

    written = {(first.pid, number): number for number, _ in first.rest()}
    assert len(written) >= 50
    eventually(lambda: hosted.mesh is not None)  # it publishes before it has found its peers
    assert written.items() <= hosted.read().items()
    eventually(lambda: "after" in told)


def test_the_next_peer_knows_what_the_dead_one_knew_and_others_agree_with_it(process, host, join, eventually, caplog):
    outside = join("outside", options=gossamer.Options(beacon_interval_s=0.2))
    first = process("hosted['a'] = 1\nhosted['b'] = 2\ndel hosted['a']\nprint(1, flush=True)\n" + WAIT)
    first.says()
    hosted = host()
    outside.wait(lambda mesh: "b" in mesh, timeout=20)

    first.kill()
    hosted["c"] = 3
    outside["d"] = 4

    eventually(lambda: outside.snapshot() == hosted.read() == {"b": 2, "c": 3, "d": 4})
    assert caplog.text == ""


def test_what_is_first_asked_after_the_peer_died_is_asked_of_the_next(process, host):
    first = process("print(1, flush=True)\n" + WAIT)
    first.says()
    hosted = host()
    hosted["x"] = 1

    first.kill()

    assert hosted.pop("x") == 1  # which is never asked twice: nobody would know whether it was done
    assert hosted.add("n") == 1


def test_a_peer_that_ends_in_order_hands_everything_over(process, host, eventually):
    first = process("hosted['x'] = 1\nprint(1, flush=True)\n" + WAIT)
    first.says()
    hosted = host()
    assert hosted.mesh is None

    assert first.end() == 0
    hosted["y"] = 2

    assert hosted.read() == {"x": 1, "y": 2}
    eventually(lambda: hosted.mesh is not None)


def test_while_peers_end_in_order_what_may_be_done_once_is_done_once(host, mesh_name, eventually):
    """Nobody need wonder whether an insertion or a `pop` was done: a peer that ends says what it has not done."""
    peers = [host() for _ in range(6)]
    done: list[tuple[bool, int]] = []
    ending = threading.Event()

    def work() -> None:
        with gossamer.attach(mesh_name, timeout=20) as cache:
            while not ending.is_set():
                number = len(done)
                done.append((cache.insert(number, number), cache.pop(number)))

    worker = threading.Thread(target=work)
    worker.start()
    while len(peers) > 1:
        until = len(done) + 10
        eventually(lambda until=until: len(done) > until or not worker.is_alive())
        [peer] = [one for one in peers if one.mesh is not None]
        peers = [one for one in peers if one is not peer]  # not `remove`: all are equal
        peer.close()
        eventually(lambda peers=peers: any(one.mesh is not None for one in peers))
    ending.set()
    worker.join()

    assert len(done) > 50
    assert done == [(True, number) for number in range(len(done))]


def test_when_a_peer_ends_in_order_nothing_that_was_asked_just_then_is_in_doubt(process, host):
    peers = [process("print(1, flush=True)\n" + WAIT) for _ in range(3)]
    for peer in peers:
        peer.says()
    hosted = host()
    counters = [process(COUNTER) for _ in range(3)]
    for counter in counters:
        counter.says()

    for peer in peers:
        assert peer.end() == 0

    assert [counter.rest() for counter in counters] == [[]] * 3
    assert [counter.end() for counter in counters] == [0] * 3
    assert hosted["n"] == 1500


def test_who_ends_when_it_has_just_taken_over_leaves_what_it_inherited(process, host, mesh_name):
    first = process("hosted['x'] = 1\nprint(1, flush=True)\n" + WAIT)
    first.says()
    first.kill()
    other = Following(place_of(mesh_name).lock)  # who has not found the one that takes over

    host().close()
    other.close()

    assert host()["x"] == 1


def test_when_the_last_has_closed_nothing_is_left(host, mesh_name):
    hosted = host()
    hosted["x"] = 1
    hosted.close()
    hosted.close()

    assert [path.name for path in place_of(mesh_name).files() if path.exists()] == []
    assert "x" not in host()


def test_what_a_killed_publisher_left_half_made_is_removed_by_the_next(host, mesh_name):
    place = place_of(mesh_name)
    draft = place.segment.with_name(f".{place.segment.name}.3.1.abc")
    draft.write_bytes(b"half")

    host()

    assert not draft.exists()


def test_programs_that_end_without_a_word_and_all_at_once_leave_nothing(process, mesh_name):
    programs = [process("hosted[os.getpid()] = 1\nprint(1, flush=True)\nsys.stdin.read()\n") for _ in range(4)]
    for program in programs:
        program.says()
    for program in programs:
        program.close_input()

    assert [program.end() for program in programs] == [0] * 4
    assert [path.name for path in place_of(mesh_name).files() if path.exists()] == []


def test_a_server_that_forks_its_workers_has_one_peer(host):
    hosted = host()
    hosted["opened"] = True
    pids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                hosted[f"worker {number}"] = hosted["opened"]
                code = 0 if hosted.mesh is None else 2
            finally:
                os._exit(code)
        pids.append(pid)

    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert len(hosted) == 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_two_hundred_peers_that_are_killed_under_load_no_write_is_lost(process, host, mesh_name):
    rng = random.Random(1)
    keeper = process("print(1, flush=True)\n" + WAIT)
    keeper.says()
    workers = [process(WRITER) for _ in range(2)]
    for one in workers:
        one.says()
    lost, waits = [], []
    for _ in range(200):
        for one in workers:
            for _ in range(rng.randrange(5, 30)):
                waits.append(one.says()[1])
        victim = workers.pop(rng.randrange(len(workers)))
        victim.kill()
        said = victim.rest()
        newcomer = process(WRITER)
        newcomer.says()
        workers.append(newcomer)
        state = gossamer.attach(mesh_name, timeout=20)
        lost += [number for number, _ in said if (victim.pid, number) not in state]
        state.close()
        victim.end()

    for one in workers:
        one.kill()
    assert keeper.end() == 0
    directory = place_of(mesh_name).directory
    left = [path.name for path in directory.iterdir() if place_of(mesh_name).stem in path.name]
    waits.sort()
    print(
        f"{len(waits)} writes; p50 {waits[len(waits) // 2]:.4f} s, p99 {waits[len(waits) * 99 // 100]:.3f} s, "
        f"longest {waits[-1]:.3f} s"
    )
    assert left == []
    assert lost == []
    assert waits[len(waits) * 99 // 100] < 1


def test_a_derived_key_is_that_of_the_secret_the_mesh_and_the_purpose(host, mesh_name):
    token = new_secret()
    first, second = host(secret=token, interfaces=["lo"]), host(secret=token, interfaces=["lo"])
    without = host(f"{mesh_name} without a secret")
    keys = {first.derived_key("a"), second.derived_key("a"), first.derived_key("b"), without.derived_key("a")}

    assert (len(keys), {len(key) for key in keys}) == (3, {32})


def test_a_mesh_open_to_everybody_has_no_secret_key(host):
    with pytest.raises(gossamer.SecretError, match="keygen"):
        host(insecure_lan=True, interfaces=["lo"]).derived_key("a")
