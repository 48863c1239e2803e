"""Another process of the host reads what a peer holds, and writes through it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

import gossamer
from gossamer import (
    AlreadyShared,
    ConfigurationError,
    MeshClosed,
    MeshTimeout,
    NoPublisher,
    UnsendableValue,
    ValueTooLarge,
)
from gossamer.cache.inheritance import Inheritance
from gossamer.cache.layout import GENERATION_AT
from gossamer.cache.places import place_of
from gossamer.cache.publisher import Publisher
from gossamer.cache.reader import SharedReader

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def shared(join: Callable[..., Any]) -> Any:
    """A mesh whose peer publishes."""
    return join(share=True)


@pytest.fixture
def cache(shared: Any) -> Iterator[gossamer.Cache]:
    with gossamer.attach(shared.name) as cache:
        yield cache


def in_another_process(program: str, name: str) -> str:
    """Run a program that has `cache`; return what it prints."""
    start = f"import gossamer, os, sys, time\ncache = gossamer.attach({name!r}, timeout=20)\n"
    done = subprocess.run([sys.executable, "-c", start + program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_another_process_reads_what_is_held_and_imports_nothing_heavy(shared):
    shared["bench/3/temp"] = {"c": 21.5}
    program = """
print(cache["bench/3/temp"], dict(cache), len(cache), "x" in cache)
print([name for name in ("trio", "zeroconf", "cryptography", "asyncio", "ssl") if name in sys.modules])
"""

    said = in_another_process(program, shared.name)

    assert said == "{'c': 21.5} {'bench/3/temp': {'c': 21.5}} 1 False\n[]"


def test_a_write_is_seen_by_all_processes_when_it_returns(shared, cache):
    with gossamer.attach(shared.name) as other:
        for number in range(100):
            cache["n"] = number
            assert (cache["n"], other["n"], shared["n"]) == (number, number, number)


def test_what_an_attached_process_writes_reaches_the_other_peers(shared, cache, join):
    other = join("another peer")

    cache["x"] = 1

    assert other.wait(lambda mesh: mesh.get("x"), timeout=10) == 1


def test_an_attached_process_has_what_a_dict_has(cache):
    cache.update(a=1, b=2, c=3)
    cache["a"] = 10

    assert cache.pop("b") == 2
    assert cache.pop("b", None) is None
    assert cache.setdefault("c", 4) == 3
    assert cache.setdefault("d", [4]) == [4]
    assert cache.popitem() == ("d", [4])
    assert list(cache.items()) == [("a", 10), ("c", 3)]
    assert cache == {"a": 10, "c": 3}
    assert cache | {"z": 0} == {"a": 10, "c": 3, "z": 0}
    del cache["a"]
    with pytest.raises(KeyError):
        del cache["a"]
    cache.clear()
    assert (len(cache), list(cache), cache.read()) == (0, [], {})


def test_a_batch_is_one_step_for_everybody_and_is_read_inside_it(shared, cache):
    seen = []
    shared.on("*", lambda change: seen.append(shared.snapshot()))

    with cache.batch():
        cache["x"] = 1
        cache["y"] = 2
        assert (cache["x"], "y" in cache) == (1, True)
        assert shared.snapshot() == {}

    assert cache.read() == {"x": 1, "y": 2}
    shared.wait(lambda mesh: len(seen) == 2, timeout=10)
    assert seen == [{"x": 1, "y": 2}] * 2


def test_a_batch_that_fails_writes_nothing(cache):
    def fail() -> None:
        with cache.batch():
            cache["x"] = 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert "x" not in cache


def test_a_value_with_a_time_to_live_ceases_to_be_seen(cache, eventually):
    cache.set("soon", 1, ttl=0.2)
    assert cache["soon"] == 1

    eventually(lambda: "soon" not in cache)
    eventually(lambda: len(cache) == 0)
    cache["soon"] = 2
    assert len(cache) == 1


def test_what_cannot_travel_is_refused_where_it_is_written_and_nothing_is_stored(shared, cache):
    with pytest.raises(UnsendableValue):
        cache["x"] = object()
    with pytest.raises(ValueTooLarge, match="value_bytes_max"):
        cache["x"] = b"x" * (shared.options.value_bytes_max + 1)
    with pytest.raises(gossamer.InvalidKey):
        cache[1.5] = 1

    cache["x"] = 1
    assert shared.snapshot() == {"x": 1}


def test_four_processes_lose_none_of_their_writes(shared):
    program = """
for number in range(250):
    cache[(os.getpid(), number)] = number
    cache.add("steps")
"""
    threads = [threading.Thread(target=in_another_process, args=(program, shared.name)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(shared) == 1000
    assert shared.counter("steps") == 1000


def test_of_many_that_pop_one_gets_it(shared, cache):
    shared["ticket"] = 1
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(cache.pop("ticket", None))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(got, key=bool) == [None] * 7 + [1]


def test_events_of_an_attached_process_are_handled_everywhere(shared, cache, join, eventually):
    other, heard = join("another"), []
    other.events.on("knock", lambda *args, **kwargs: heard.append((args, kwargs)))

    cache.emit("knock", 1, who="ada")

    eventually(lambda: heard == [((1,), {"who": "ada"})])


# -- waiting ----------------------------------------------------------------------------------------------


def test_whoever_waits_is_woken_by_a_write(shared, cache):
    threading.Thread(target=lambda: shared.__setitem__("x", 1)).start()

    assert cache.wait(lambda cache: cache.get("x"), timeout=10) == 1


def test_waiting_in_vain_ends_in_time(cache):
    with pytest.raises(MeshTimeout, match=r"waited 0\.05 s"):
        cache.wait(lambda cache: False, timeout=0.05)


def test_a_listener_is_told_of_changes_old_and_new(shared, cache, eventually):
    shared["a"] = 1
    told: list[Any] = []

    @cache.on("a")
    def listen(change: Any) -> None:
        told.append((change.key, change.old, change.new, change.kind))

    shared["b"] = 0
    shared["a"] = 2
    eventually(lambda: told == [("a", 1, 2, "set")])
    del shared["a"]

    eventually(lambda: told[1:] == [("a", 2, None, "delete")])
    cache.off(listen)
    with pytest.raises(ValueError, match="no listener"):
        cache.off(listen)


def test_a_listener_is_told_when_a_value_expires(cache, eventually):
    told: list[Any] = []
    cache.on("soon", lambda change: told.append((change.old, change.new)))

    cache.set("soon", 1, ttl=0.3)

    eventually(lambda: told == [(None, 1), (1, None)])


def test_a_listener_that_fails_harms_no_other(shared, cache, eventually, caplog):
    told = []
    cache.on("*", lambda change: 1 / 0)
    cache.on("*", lambda change: told.append(change.key))

    shared["a"] = 1
    eventually(lambda: told == ["a"])
    shared["b"] = 1

    eventually(lambda: told == ["a", "b"])
    assert "a listener of the cache" in caplog.text


def test_a_listener_misses_nothing_while_the_segment_grows(shared, cache, eventually):
    latest: dict[Any, Any] = {}
    cache.on("*", lambda change: latest.__setitem__(change.key, change.new))

    for number in range(30_000):
        shared[number % 100] = "x" * 100 + str(number)

    eventually(lambda: latest == shared.snapshot())
    assert cache._reader.current().words[GENERATION_AT] > 1


# -- the end ----------------------------------------------------------------------------------------------


def test_where_nobody_shares_that_is_said(mesh_name):
    with pytest.raises(NoPublisher, match="share=True"):
        gossamer.attach(mesh_name, timeout=0.05)


def test_a_mesh_is_shared_once_on_a_host(shared, join):
    with pytest.raises(AlreadyShared, match="attach"):
        join("another", share=True)


def test_when_the_publisher_closes_what_it_held_can_be_read_and_not_written(shared, cache):
    cache["x"] = 1
    shared.close()
    cache._link.timeout_s = 0.1

    assert cache["x"] == 1
    with pytest.raises(NoPublisher):
        cache["x"] = 2
    with pytest.raises(NoPublisher):
        gossamer.attach(shared.name, timeout=0.05)


def test_who_shares_next_is_found_by_those_who_are_attached(shared, cache, join):
    cache["x"] = "first"
    other = join("keeps it")
    other.wait(lambda mesh: mesh.get("x"), timeout=10)
    shared.close()

    join("the next", share=True)
    cache["y"] = 2

    assert other.wait(lambda mesh: mesh.get("y"), timeout=10) == 2


def test_a_publisher_that_is_killed_leaves_a_state_that_is_whole(mesh_name, mesh_port, private_directories):
    program = f"""
import gossamer
mesh = gossamer.join({mesh_name!r}, share=True, port={mesh_port})
print("shared", flush=True)
number = 0
while True:
    number += 1
    with mesh.batch():
        for key in range(20):
            mesh[key] = number
"""
    publisher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert publisher.stdout is not None
    publisher.stdout.readline()
    with publisher.stdout, gossamer.attach(mesh_name, timeout=20) as cache:
        cache.wait(lambda cache: cache.get(0, 0) > 100, timeout=20)
        os.kill(publisher.pid, signal.SIGKILL)
        publisher.wait()

        assert len(set(cache.read().values())) == 1
        assert [cache[key] for key in range(20)] == [cache[0]] * 20
        assert cache.age_s >= 0


def test_a_closed_cache_is_read_and_not_written(shared, cache):
    cache["x"] = 1
    cache.close()
    cache.close()

    assert cache["x"] == 1
    with pytest.raises(MeshClosed):
        cache["x"] = 2


def test_nothing_is_left_on_disk_when_the_publisher_has_closed(shared, cache, private_directories):
    cache["x"] = 1
    shared.close()

    assert {path.suffix for path in (private_directories / "runtime").iterdir()} <= {".lock"}


def test_a_forked_child_writes_by_a_stream_of_its_own(shared, cache):
    cache["before"] = 1
    pid = os.fork()
    if pid == 0:
        try:
            cache["child"] = os.getpid()
        finally:
            os._exit(0)
    cache["parent"] = os.getpid()
    os.waitpid(pid, 0)

    assert cache.read() == {"before": 1, "child": pid, "parent": os.getpid()}


def test_a_forked_child_of_the_publisher_leaves_the_segment_to_its_parent(shared, cache):
    shared["x"] = 1
    pid = os.fork()
    if pid == 0:
        try:
            shared["x"] = "of the child"
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    shared["y"] = 2

    assert cache["y"] == 2
    cache["z"] = 3
    assert shared["z"] == 3


def test_insert_replace_touch_and_discard_go_by_what_is_seen(shared, cache, eventually):
    assert (cache.insert("x", 1), cache.insert("x", 2)) == (True, False)
    assert (cache.replace("x", 2, 3), cache.replace("x", 1, 4)) == (False, True)
    assert (cache["x"], shared["x"]) == (4, 4)
    assert (cache.replace("y", None, 1), cache.touch("y", 1), cache.discard("y")) == (False, False, False)
    assert (cache.discard("x"), cache.discard("x"), "x" in shared) == (True, False, False)
    with pytest.raises(ConfigurationError, match="outside"), cache.batch():
        cache.insert("x", 1)


def test_only_what_is_the_same_when_encoded_is_replaced(cache):
    cache["x"] = True

    assert not cache.replace("x", 1, 2)
    assert not cache.replace("x", 1.0, 2)
    assert cache.replace("x", True, 2)


def test_a_replaced_value_ends_when_the_one_before_would_have(cache, eventually):
    cache.set("x", 1, ttl=1.0)
    assert cache.replace("x", 1, 2)
    assert cache["x"] == 2
    eventually(lambda: "x" not in cache)

    cache.set("x", 1, ttl=1.0)
    assert cache.replace("x", 1, 2, ttl=None)
    cache.insert("witness", 1, ttl=1.1)
    eventually(lambda: "witness" not in cache)
    assert cache["x"] == 2


def test_touch_lengthens_and_shortens_a_life(cache, eventually):
    cache.set("x", [1], ttl=1.0)
    cache["y"] = 2
    assert cache.touch("x", None)
    assert cache.touch("y", 0.5)
    cache.insert("witness", 1, ttl=1.1)

    eventually(lambda: "witness" not in cache)
    assert dict(cache) == {"x": [1]}
    assert cache.insert("y", 3)  # nothing was seen there


def insert_and_count(name: str, said: Any) -> None:
    with gossamer.attach(name, timeout=20) as cache:
        firsts = sum(cache.insert(number, os.getpid()) for number in range(100))
        for _ in range(100):
            while not cache.replace("count", seen := cache["count"], seen + 1):
                pass
        said.put(firsts)


def test_of_several_processes_one_inserts_and_no_replacement_is_lost(shared):
    shared["count"] = 0
    said = SPAWN.SimpleQueue()
    processes = [SPAWN.Process(target=insert_and_count, args=(shared.name, said)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert (sum(said.get() for _ in processes), shared["count"]) == (100, 300)


def test_a_forced_write_in_a_batch_is_one(shared, cache, eventually):
    shared["x"] = 1
    told = []
    shared.on("x", lambda change: told.append(change.new))

    with cache.batch():
        cache["x"] = 1
    with cache.batch():
        cache.set("x", 1, force=True)
    cache["x"] = 2

    eventually(lambda: told == [1, 2])


def test_changes_can_be_iterated_and_end_with_the_stream_or_the_cache(shared, cache):
    stream, others = cache.changes("bench/*"), cache.changes()
    cache["bench/1"] = 1
    cache["door"] = 2
    with cache.batch():
        cache["bench/1"] = 3
        cache["bench/2"] = 4
    cache.pop("bench/2")

    first = next(stream)
    rest = [next(stream)] if first.new == 1 else []
    assert (first.key, first.old, (rest or [first])[-1].new) == ("bench/1", None, 3)
    shared["bench/3"] = 5
    assert [change.new for change in stream.take()][-1] == 5
    told: list[Any] = []
    reader = threading.Thread(target=lambda: told.extend(others))
    reader.start()
    stream.close()
    assert list(stream) == []
    cache.close()
    reader.join(10)
    assert not reader.is_alive()
    assert {change.key for change in told} >= {"bench/1", "door", "bench/3"}


def test_a_stream_that_waits_ends_when_it_is_closed(cache):
    stream = cache.changes()
    told: list[Any] = []
    reader = threading.Thread(target=lambda: told.extend(stream))
    reader.start()
    cache["x"] = 1
    cache.wait(lambda _: told, timeout=10)

    stream.close()
    reader.join(10)

    assert [(change.key, change.new) for change in told] == [("x", 1)]
    assert not reader.is_alive()


def test_the_changes_of_a_batch_come_in_one_list(shared, cache):
    stream = cache.changes()
    shared.update(a=1, b=2)

    assert [(change.key, change.kind) for change in stream.take()] == [("a", "set"), ("b", "set")]


def test_a_value_of_many_megabytes_goes_in_pieces_and_comes_back_whole(shared, cache):
    value = random.Random(1).randbytes(20 << 20)

    cache["x"] = value
    popped = cache.pop("x")

    assert popped == value
    assert "x" not in shared


def test_a_publisher_that_does_not_answer_is_given_up_in_time(shared, mesh_name):
    with gossamer.attach(mesh_name, timeout=0.3) as cache:
        cache["x"] = 1
        with shared._ledger.lock:  # so that its loop stands still
            began = time.monotonic()
            with pytest.raises(NoPublisher, match="nobody knows"):
                cache.insert("y", 2)
            with pytest.raises(NoPublisher, match=r"did not answer \(waited 0.3 s\)"):
                cache["x"] = 2
            took = time.monotonic() - began
        cache["x"] = 3

        assert 0.5 < took < 5
        assert cache["x"] == 3


# -- some prefixes only ---------------------------------------------------------------------------------------


@pytest.fixture
def in_part(join: Callable[..., Any]) -> Any:
    """A mesh whose peer publishes what is under two prefixes."""
    mesh = join(share=("bench/", "door"))
    mesh.update({"bench/1": 1, "door": 2, "secret": 3, 4: 4})
    return mesh


def test_under_some_prefixes_others_see_nothing_else(in_part):
    with gossamer.attach(in_part.name) as cache:
        seen: list[Any] = []
        cache.on("*", lambda change: seen.append(change.key))
        assert dict(cache) == {"bench/1": 1, "door": 2}
        assert (len(cache), "secret" in cache, 4 in cache) == (2, False, False)

        in_part["secret"] = 5
        in_part["bench/2"] = 6
        in_part["bench/2"] = 7
        in_part.pop("secret")
        in_part.pop("bench/1")

        assert (len(cache), dict(cache)) == (2, {"door": 2, "bench/2": 7})
        cache.wait(lambda cache: "bench/1" in seen, timeout=10)
        assert set(seen) <= {"bench/1", "bench/2"}


def test_under_some_prefixes_others_write_nothing_else(in_part):
    with gossamer.attach(in_part.name) as cache:
        cache["bench/3"] = 1
        assert cache.pop("bench/1") == 1
        for write in (
            lambda: cache.__setitem__("secret", 1),
            lambda: cache.insert("other", 1),
            lambda: cache.update({"bench/4": 1, "secret": 1}),
        ):
            with pytest.raises(ConfigurationError, match="begin with 'bench/' or 'door'"):
                write()

        cache.clear()

        assert dict(cache) == {}
        assert in_part.snapshot() == {"secret": 3, 4: 4}


def test_from_some_of_a_mesh_nobody_takes_over(in_part):
    tag = int.from_bytes(in_part.mesh_tag[:8], "big")

    assert Inheritance(place_of(in_part.name).segment, tag).delta() is None


@pytest.mark.parametrize("share", ["bench/", [""], [1]], ids=repr)
def test_prefixes_are_a_list_of_texts(mesh_name, share):
    with pytest.raises(ConfigurationError, match="list of prefixes"):
        gossamer.join(mesh_name, share=share)


def test_what_had_expired_before_is_not_counted(join):
    mesh = join()
    mesh.set("x", 1, ttl=0.05)
    mesh["y"] = 1
    mesh.wait(lambda mesh: "x" not in mesh, timeout=10)
    state, now_ms = mesh._ledger.state, mesh.seen_ms()
    publisher = Publisher(place_of(mesh.name).segment, state, now_ms=now_ms)

    assert len(SharedReader(place_of(mesh.name).segment, lambda: now_ms)) == 1
    publisher.close()


async def test_each_door_shares(open_mesh):
    async with open_mesh(share=True) as mesh:
        mesh["x"] = 1
        with gossamer.attach(mesh.name) as cache:
            assert cache["x"] == 1
            await trio.to_thread.run_sync(lambda: cache.__setitem__("x", 2))
        assert mesh["x"] == 2


def test_the_door_of_asyncio_shares(mesh_name, mesh_port):
    async def share() -> None:
        async with gossamer.aio.open_mesh(mesh_name, port=mesh_port, share=["x"]) as mesh:
            mesh["x"] = 1
            with gossamer.attach(mesh.name) as cache:
                await asyncio.to_thread(lambda: cache.__setitem__("x", 2))
                assert dict(cache) == {"x": 2}
            assert mesh["x"] == 2

    asyncio.run(share())
