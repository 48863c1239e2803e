"""dogpile.cache on a mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from worker_processes import Workers

from gossamer.contrib.shelf import Shelf

pytest.importorskip("dogpile.cache", reason="dogpile.cache is not installed")

from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE

from gossamer.contrib.dogpile import LOCKS, GossamerBackend

REGION = """
from dogpile.cache import make_region
region = make_region().configure("gossamer", arguments={
    "location": LOCATION, "distributed_lock": True, "lock_timeout": 30, **FOR_HOST})
def make():
    say("making")
    return hear()
say(bool(region.get("x")))
while hear() == "get":
    say(region.get_or_create("x", make))
"""


@pytest.fixture
def arguments(mesh_name: str, for_host: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"location": f"{mesh_name}/cache", "timeout": 20, **for_host}
    Shelf(mesh_name).close()


@pytest.fixture
def region(arguments: dict[str, Any]) -> Callable[..., Any]:
    def region(region_arguments: Any = None, **more: Any) -> Any:
        return make_region(**region_arguments or {}).configure("gossamer", arguments=arguments | more)

    return region


@pytest.fixture
def workers(mesh_name: str, for_host: dict[str, Any]) -> Iterator[Workers]:
    with Workers(f"{mesh_name}/cache", for_host) as workers:
        yield workers


def test_it_is_found_by_its_name():
    (found,) = entry_points(group="dogpile.cache", name="gossamer")

    assert found.load() is GossamerBackend


def test_values_of_any_type_and_when_they_were_made(region):
    ours = region()
    ours.set("x", {"a": [1, 2j]})
    ours.set_multi({"y": None, "z": {3}})

    assert ours.get("x") == {"a": [1, 2j]}
    assert ours.get_multi(["y", "no", "z"]) == [None, NO_VALUE, {3}]
    assert ours.get_value_metadata("x").cached_time > 1e9
    ours.delete("x")
    ours.delete_multi(["y", "no"])
    assert ours.get_multi(["x", "y", "z"]) == [NO_VALUE, NO_VALUE, {3}]


def test_a_function_is_called_once_for_its_arguments(region):
    calls = []

    @region().cache_on_arguments()
    def double(x):
        calls.append(x)
        return 2 * x

    assert [double(2), double(3), double(2)] == [4, 6, 4]
    double.invalidate(2)
    assert (double(2), calls) == (4, [2, 3, 2])


def test_what_a_region_serializes_is_nothing_to_one_that_does_not(region):
    plain = region()
    textual = region({"serializer": lambda value: repr(value).encode(), "deserializer": lambda data: data.decode()})
    textual.set("x", [1])
    textual.set_multi({"y": 2})
    plain.set("z", 3)

    assert (textual.get("x"), textual.get_multi(["y", "z"])) == ("[1]", ["2", NO_VALUE])
    assert (plain.get("x"), plain.get("z")) == (NO_VALUE, 3)


def test_with_a_ttl_what_nobody_asks_for_is_gone(region, eventually):
    ours = region(ttl=0.3)
    ours.set("x", 1)
    ours.set_multi({"y": 2})
    assert ours.get_multi(["x", "y"]) == [1, 2]

    eventually(lambda: len(ours.backend._shelf) == 0)


def test_arguments_may_come_from_a_file(mesh_name, mesh_port):
    file = {
        "cache.backend": "gossamer",
        "cache.expiration_time": "60",
        "cache.arguments.location": f"{mesh_name}/cache",
        "cache.arguments.port": str(mesh_port),
        "cache.arguments.peers": "127.0.0.1:9, 127.0.0.1:10",
        "cache.arguments.timeout": "20",
    }
    ours = make_region()
    ours.configure_from_config(file, "cache.")
    try:
        ours.set("x", 1)
        assert ours.get("x") == 1
        assert ours.backend._shelf._arguments == {
            "port": mesh_port,
            "peers": ["127.0.0.1:9", "127.0.0.1:10"],
            "timeout": 20,
        }
    finally:
        ours.backend._shelf.close()


def test_without_a_distributed_lock_each_process_has_its_own(region):
    assert region().backend.get_mutex("x") is None
    assert not region().backend.has_lock_timeout()


def test_of_the_processes_of_a_host_one_makes_a_value_and_the_others_wait(workers, region, eventually):
    first, second = workers(REGION), workers(REGION)
    assert (first.says(), second.says()) == (False, False)
    assert first.asked("get") == "making"
    second.hears("get")
    mutex = region(distributed_lock=True).backend.get_mutex("x")
    assert (mutex.locked(), mutex.acquire(False)) == (True, False)

    first.hears([1, 2])

    assert first.says() == second.says() == [1, 2]
    assert (mutex.locked(), mutex.acquire(False), mutex.locked()) == (False, True, True)


def test_the_lock_of_one_that_was_killed_lapses(workers, region, eventually):
    keeper = workers(REGION)  # so that no other need take over
    assert keeper.says() is False
    dead = workers(REGION.replace('"lock_timeout": 30', '"lock_timeout": 1'))
    dead.says()
    assert dead.asked("get") == "making"

    dead.kill()

    ours = region(distributed_lock=True)
    assert ours.backend.get_mutex("x").locked()
    assert ours.get_or_create("x", lambda: 5) == 5


def test_who_was_too_late_does_not_give_back_what_another_has_by_now(region, eventually):
    backend = region(distributed_lock=True, lock_timeout=0.2).backend
    late, next_one = backend.get_mutex("x"), backend.get_mutex("x")
    late.acquire()
    next_one.acquire()  # once the other's has lapsed
    backend._shelf.touch(LOCKS + "x", None)

    late.release()
    assert next_one.locked()
    next_one.release()
    assert not late.locked()
