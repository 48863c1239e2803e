"""cachelib's interface on a mesh."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from worker_processes import Workers, forked

from gossamer.contrib.shelf import Shelf

pytest.importorskip("cachelib", reason="cachelib is not installed")

from gossamer.contrib.cachelib import GossamerCache

A_SECOND = dt.timedelta(seconds=1) if hasattr(GossamerCache, "_to_seconds") else 1  # durations are of cachelib 0.17
COUNTER = """
from gossamer.contrib.cachelib import GossamerCache
cache = GossamerCache(LOCATION, **FOR_HOST)
cache.get("x")
say("open")
hear()
say([cache.inc("count"), cache.add("one", os.getpid())] + [cache.inc("count") for _ in range(99)])
hear()  # who ends while others count would leave one of them in doubt
"""
PEER = """
from gossamer.contrib.cachelib import GossamerCache
cache = GossamerCache(LOCATION, **FOR_HOST)
say(cache.has("x"))
while True:
    name, *arguments = hear()
    say(getattr(cache, name)(*arguments))
"""


@pytest.fixture
def make(mesh_name: str, for_host: dict[str, Any]) -> Iterator[Callable[..., GossamerCache]]:
    yield lambda **more: GossamerCache(f"{mesh_name}/cache", **for_host, timeout=20, **more)
    Shelf(mesh_name).close()


@pytest.fixture
def workers(mesh_name: str, for_host: dict[str, Any]) -> Iterator[Workers]:
    with Workers(f"{mesh_name}/cache", for_host) as workers:
        yield workers


def test_each_method(make):
    cache = make()

    assert (cache.get("x"), cache.has("x"), cache.delete("x")) == (None, False, False)
    assert (cache.set("x", [1]), cache.get("x"), cache.has("x")) == (True, [1], True)
    assert (cache.add("x", 2), cache.add("y", 2)) == (False, True)
    assert cache.set_many({"a": 1, "b": {"c": 3 + 4j}}) == ["a", "b"]
    assert cache.get_many("a", "no", "b") == [1, None, {"c": 3 + 4j}]
    assert cache.get_dict("a", "no") == {"a": 1, "no": None}
    assert (cache.inc("a"), cache.inc("a", 10), cache.dec("a", 2), cache.dec("new", 5)) == (2, 12, 10, -5)
    assert (cache.delete_many("a", "no", "b"), cache.has("a"), cache.has("b")) == (["a", "no", "b"], False, False)
    assert (cache.clear(), cache.get_many("x", "y")) == (True, [None, None])


@pytest.mark.parametrize("value", ["text", None, True, [1]], ids=repr)
def test_what_is_no_number_is_not_counted(make, value):
    cache = make()
    cache.set("x", value)

    with pytest.raises(TypeError, match="no number"):
        cache.inc("x")
    assert cache.get("x") == value


def test_a_timeout_of_0_is_for_ever_none_is_the_default_and_what_has_expired_is_gone_unread(make, eventually):
    cache = make(default_timeout=1, key_prefix="of this test/")
    cache.set("for ever", 1, timeout=0)
    cache.set("by default", 1)
    cache.set("a second", 1, timeout=A_SECOND)
    cache.set("before now", 1, timeout=-1)
    cache.set_many({"many": 1}, timeout=1)
    cache.add("added", 1, timeout=1)
    cache.set("counted", 1, timeout=1)
    cache.inc("counted")
    cache.inc("begun")
    cache.set("overwritten", 1, timeout=1)
    cache.set("overwritten", 2, timeout=0)
    assert cache.get_many("for ever", "by default", "a second", "before now", "many", "added", "counted", "begun") == [
        *(1, 1, 1, None, 1, 1, 2, 1)
    ]

    eventually(lambda: len(cache._shelf) == 2)
    assert cache.get_many("for ever", "overwritten") == [1, 2]


def test_a_prefix_is_before_every_key_and_clearing_ends_there(make):
    cache, other = make(key_prefix="a/"), make()
    cache.set("x", 1)
    cache.set_many({"y": 2})
    other.set("x", 3)

    assert (other.get("a/x"), other.get("a/y"), cache.get("x")) == (1, 2, 1)
    cache.clear()
    assert (cache.get("x"), other.get("x"), other.get("a/y")) == (None, 3, None)


def test_processes_lose_no_step_and_of_all_that_add_one_does(workers, make):
    counting = [workers(COUNTER) for _ in range(3)]
    assert [one.says() for one in counting] == ["open"] * 3
    for one in counting:
        one.hears("go")
    said = [one.says() for one in counting]

    cache = make()
    assert cache.get("count") == 300
    assert sorted(number for steps in said for number in steps[:1] + steps[2:]) == list(range(1, 301))
    assert sorted(added for _, added, *_ in said) == [False, False, True]


def test_a_server_may_make_a_cache_before_it_forks_or_use_it_before(make):
    made, used = make(), make(key_prefix="used/")
    used.set("count", 10)

    assert forked(*[lambda: [made.inc("count") + used.inc("count") for _ in range(20)]] * 3) == [0] * 3
    assert (made.get("count"), used.get("count")) == (60, 70)


def test_two_hosts_are_one_cache(workers, tmp_path: Path, eventually):
    def host(name: str) -> Any:
        return workers(PEER, os.environ | {"GOSSAMER_RUNTIME_DIR": str(tmp_path / name)})

    here, there = host("here"), host("there")
    assert (here.says(), there.says()) == (False, False)

    here.asked(["set", "x", [1, "two"], 0])
    eventually(lambda: there.asked(["get", "x"]) == [1, "two"], 20)
    there.asked(["set", "x", 2, 1])
    there.asked(["set", "y", 3, 0])
    eventually(lambda: here.asked(["get", "y"]) == 3)
    assert here.asked(["get", "x"]) in (2, None)  # from there, for a second
    eventually(lambda: not here.asked(["has", "x"]))
    here.asked(["clear"])
    eventually(lambda: not there.asked(["has", "y"]))


def test_who_was_killed_is_followed_and_nothing_is_lost(workers, make, eventually):
    first = workers(PEER)
    first.says()
    cache = make()
    first.asked(["set", "x", 1, 0])
    first.asked(["set", "soon", 1, 2])

    first.kill()

    assert (cache.get("x"), cache.inc("x"), cache.has("soon")) == (1, 2, True)
    eventually(lambda: not cache.has("soon"))


def test_an_argument_that_nobody_takes_is_refused(mesh_name):
    with pytest.raises(TypeError, match="unexpected arguments: secrte"):
        GossamerCache(mesh_name, secrte="x")


def test_without_a_mesh_name_there_is_no_cache():
    with pytest.raises(ValueError, match="names no shelf"):
        GossamerCache("")


def test_once_it_is_closed_a_write_opens_it_again(make, mesh_name):
    cache = make()
    cache.set("x", 1)
    Shelf(mesh_name).close()

    assert (cache.get("x"), cache.set("x", 2), cache.get("x")) == (None, True, 2)  # who was alone took it along
