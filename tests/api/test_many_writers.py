"""Many processes and threads write at once: nothing is lost, all agree, and then there is silence."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest

import gossamer

PROCESSES = 4

WRITERS = """
mesh = join(NAME)
mesh.wait(lambda m: "go" in m, timeout=20)
WORK
mesh.settled(timeout=20)
say("settled")
mesh.wait(lambda m: m.get("check"), timeout=30)
import hashlib
rows = sorted((str(key), value) for key, value in mesh.snapshot().items())
say(hashlib.sha256(repr(rows).encode()).hexdigest(), len(rows))
time.sleep(60)
"""


def writers(script, work):
    return [
        script(WRITERS.replace("NAME", repr(f"writer {n}")).replace("WORK", work.replace("MINE", str(n))))
        for n in range(PROCESSES)
    ]


def digest(mesh):
    import hashlib

    rows = sorted((str(key), value) for key, value in mesh.snapshot().items())
    return f"{hashlib.sha256(repr(rows).encode()).hexdigest()} {len(rows)}"


def start(mesh, programs):
    mesh.wait(lambda m: len(m.peers) == PROCESSES, timeout=20)
    mesh["go"] = True
    for program in programs:
        assert program.says(within_s=25) == "settled"


def test_a_thousand_writes_of_distinct_keys_from_each_of_four_processes_reach_everyone(join, script):
    mesh = join("reader")
    programs = writers(script, "for number in range(1000): mesh['MINE/' + str(number)] = number")
    start(mesh, programs)
    mesh["check"] = True
    said = [program.says(within_s=20) for program in programs]

    assert len(mesh) == 4000 + 2
    assert {key: value for key, value in mesh.items() if "/" in key} == {
        f"{n}/{number}": number for n in range(PROCESSES) for number in range(1000)
    }
    assert said == [digest(mesh)] * PROCESSES


@pytest.mark.slow
def test_a_thousand_writes_of_one_key_from_each_of_four_processes_end_in_one_value_and_silence(
    join, script, eventually
):
    mesh = join("reader")
    programs = writers(script, "for number in range(1000): mesh['x'] = (MINE, number)")
    start(mesh, programs)
    mesh["check"] = True
    said = [program.says(within_s=20) for program in programs]
    assert said == [digest(mesh)] * PROCESSES
    assert mesh["x"][1] == 999

    eventually(lambda: mesh.status().why.startswith("in step"), within_s=10)
    sent = mesh.statistics()
    heard_since = time.monotonic()
    eventually(lambda: time.monotonic() - heard_since > 1.0)
    quiet = {key: count - sent.get(key, 0) for key, count in mesh.statistics().items()}

    beacons = quiet["datagrams received"]
    assert quiet["batches applied"] == quiet["stream bytes sent"] == quiet["stream bytes received"] == 0
    assert 0 < beacons <= PROCESSES * 1.0 / 0.1 + 2  # beacons come every 0.1 to 0.3 s from each
    assert quiet["datagram bytes received"] <= 260 * beacons


@pytest.mark.parametrize("door", ["alone", "with a peer"])
def test_eight_threads_write_read_and_delete_and_nothing_is_lost(join, door):
    mesh = join("ada")
    other = join("bob") if door == "with a peer" else None
    errors = []
    begin = threading.Barrier(8)

    def work(me):
        try:
            begin.wait()
            for number in range(300):
                key = (me, number)
                mesh[key] = number
                assert mesh[key] == number
                if number % 3 == 0:
                    del mesh[key]
                    assert key not in mesh
                if number % 50 == 0:
                    with mesh.batch():
                        mesh[(me, "batch")] = number
                        mesh[(me, "batched")] = number
                    assert len(mesh.snapshot()) >= number // 2
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    expected = {(me, number): number for me in range(8) for number in range(300) if number % 3}
    expected |= {(me, word): 250 for me in range(8) for word in ("batch", "batched")}
    assert errors == []
    assert mesh == expected
    mesh._ledger.state.check()
    if other is not None:
        mesh.settled(timeout=20)
        assert other == expected


def test_setdefault_and_pop_give_each_key_to_exactly_one_thread(join):
    mesh = join()
    taken, made = Counter(), Counter()
    begin = threading.Barrier(4)

    def work(me):
        begin.wait()
        for number in range(200):
            made[number, mesh.setdefault(number, me)] += 1
        begin.wait()
        for number in range(200):
            if mesh.pop(number, None) is not None:
                taken[number] += 1

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(number for number, _ in made) == list(range(200))
    assert set(made.values()) == {4}
    assert taken == Counter(range(200))


def test_reading_never_fails_while_another_peer_writes_and_deletes(join):
    ada, bob = join("ada"), join("bob")
    ada.update({f"key {number}": [number] for number in range(300)})
    bob.wait(lambda mesh: len(mesh) == 300, timeout=5)
    stop, errors = threading.Event(), []

    def disturb(mesh, start):
        try:
            while not stop.is_set():
                for number in range(start, 300, 2):
                    mesh[f"key {number}"] = [number]
                    mesh.pop(f"key {(number * 7) % 300}", None)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=disturb, args=(mesh, n)) for n, mesh in enumerate((ada, bob))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 1.0
    try:
        while time.monotonic() < deadline:
            for key in bob:
                assert bob[key] == [int(key.split()[1])]
            for outer in bob:
                assert next(iter(reversed(bob)), None) is None or bob[outer]
                break
            dict(bob), list(bob.items()), list(bob.values()), sorted(bob), len(bob), bool(bob), bob.copy()
            json.dumps(bob.snapshot()), repr(bob), bob == {}, bob | {}, bob.conflicts(), bob.status(), bob.statistics()
            assert all(key.startswith("key") for key in bob.keys() | set())
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)

    assert errors == []


def test_another_peer_sees_each_batch_whole_or_not_at_all(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=5)
    keys = [f"key {number}" for number in range(40)]
    torn, told, seen = [], [], set()
    bob.on("*", lambda change: told.append(len(set(bob.snapshot().values()))))

    def watch(mesh):
        found = set(mesh.snapshot().values())
        seen.update(found)
        if len(found) > 1 or len(mesh.snapshot()) not in (0, 40):
            torn.append(found)
        return 300 in found

    def write():
        for round_number in range(301):
            with ada.batch():
                if round_number % 10 == 5:
                    ada.clear()
                else:
                    for key in keys:
                        ada[key] = round_number

    writer = threading.Thread(target=write)
    writer.start()
    while not watch(bob):
        pass
    writer.join(10)
    ada.settled(timeout=5)

    assert torn == []
    assert set(told) <= {0, 1}
    assert bob == ada == dict.fromkeys(keys, 300)


def test_a_batch_too_large_for_a_datagram_arrives_whole_too(join):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=5)
    sizes = set()
    with ada.batch():
        for number in range(5000):
            ada[number] = "x" * 20
    bob.wait(lambda mesh: sizes.add(len(mesh.snapshot())) or 5000 in sizes, timeout=10)

    assert sizes <= {0, 5000}


def test_a_large_value_arrives(join):
    ada, bob = join("ada"), join("bob")
    ada["x"] = b"x" * 5_000_000
    bob.wait(lambda mesh: "x" in mesh, timeout=20)

    assert bob["x"] == ada["x"]
    with pytest.raises(gossamer.ValueTooLarge):
        bob["y"] = b"x" * (gossamer.Options().value_bytes_max + 1)


def test_a_fast_writer_of_one_key_is_followed_by_the_others(join, eventually):
    ada, bob = join("ada"), join("bob")
    ada.wait(lambda mesh: mesh.peers, timeout=5)
    lags = []
    for number in range(20_000):
        ada["x"] = number
        if number % 1000 == 0:
            lags.append(number - bob.get("x", 0))
    eventually(lambda: bob["x"] == 19_999, within_s=5)

    assert ada.status().unsent == 0
    assert sorted(lags)[len(lags) // 2] < 15_000
