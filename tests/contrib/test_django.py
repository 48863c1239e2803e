"""A mesh as a cache of Django: what a program sees of it.  Without Django, all of it is skipped."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gossamer

pytest.importorskip("django", reason="Django is not installed here")

from django.core.cache import CacheHandler, CacheKeyWarning
from django.core.cache.backends.base import BaseCache
from django.core.exceptions import ImproperlyConfigured

from gossamer.contrib.django import GossamerCache

BACKEND = "gossamer.contrib.django.GossamerCache"


@pytest.fixture
def open_cache(mesh_name: str, mesh_port: int, options: gossamer.Options) -> Iterator[Callable[..., GossamerCache]]:
    """Make a cache as Django does, from its settings: of this test's mesh, or of a prefix in it."""
    opened: list[GossamerCache] = []

    def open_cache(prefix: str = "", **settings: Any) -> GossamerCache:
        own = {"port": mesh_port, "options": options, "timeout": 20} | settings.pop("OPTIONS", {})
        location = f"{mesh_name}/{prefix}" if prefix else mesh_name
        handler = CacheHandler({"default": {"BACKEND": BACKEND, "LOCATION": location, "OPTIONS": own, **settings}})
        opened.append(handler["default"])
        return opened[-1]

    yield open_cache
    for cache in opened:
        cache._shelf.close()


@pytest.fixture
def cache(open_cache: Callable[..., GossamerCache]) -> GossamerCache:
    return open_cache()


class Point:
    """A class of the program: no value of a mesh."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x


# -- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, 7, -1.5, "text", b"bytes", [1, [2]], (1, 2), {"a": {"b": 1}}, {1, 2}])
def test_a_value_comes_back_as_it_was_put(cache, value):
    cache.set("key", value)

    assert cache.get("key") == value
    assert type(cache.get("key")) is type(value)


def test_an_object_of_the_program_comes_back(cache):
    cache.set_many({"a": Point(1), "b": [Point(2)]})

    assert cache.get_many(["a", "b"]) == {"a": Point(1), "b": [Point(2)]}


def test_what_was_read_is_the_readers_own(cache):
    cache.set("list", [1, [2]])
    found = cache.get("list")
    found[1].append(3)
    found.append(4)

    assert cache.get("list") == [1, [2]]


def test_a_value_that_cannot_be_pickled_is_refused_and_nothing_is_stored(cache):
    with pytest.raises((pickle.PickleError, AttributeError, TypeError)):
        cache.set_many({"a": 1, "b": lambda: None})

    assert cache.get_many(["a", "b"]) == {}


# -- keys -------------------------------------------------------------------------------------


def test_a_prefix_a_version_and_a_function_make_keys(open_cache):
    plain, prefixed = open_cache(), open_cache(KEY_PREFIX="site", VERSION=2)
    own = open_cache(KEY_FUNCTION=lambda key, prefix, version: f"site:2:{key}")
    prefixed.set("a", 1)

    assert plain.get("a") is None
    assert prefixed.get("a", version=1) is None
    assert own.get("a") == 1


def test_caches_of_one_mesh_see_each_other_only_at_one_location(open_cache):
    root, pages, other_pages, sessions = open_cache(), open_cache("pages"), open_cache("pages"), open_cache("sessions")
    for number, one in enumerate((root, pages, sessions)):
        one.set("key", number)

    assert [one.get("key") for one in (root, pages, other_pages, sessions)] == [0, 1, 1, 2]

    pages.clear()
    assert [one.get("key") for one in (root, pages, other_pages, sessions)] == [0, None, None, 2]
    root.clear()
    assert [one.get("key") for one in (root, sessions)] == [None, 2]


def test_a_key_that_memcached_would_refuse_is_warned_of(cache):
    for call in (
        lambda key: cache.add(key, 1),
        lambda key: cache.set(key, 1),
        cache.get,
        cache.has_key,
        cache.touch,
        cache.incr,
        cache.delete,
        lambda key: cache.get_many([key]),
        lambda key: cache.set_many({key: 1}),
        lambda key: cache.delete_many([key]),
    ):
        with pytest.warns(CacheKeyWarning, match="characters that will cause errors"):
            call("with space")


def test_a_key_that_no_mesh_can_hold_is_refused_and_nothing_is_stored(cache):
    key = "k" * 2000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheKeyWarning)
        with pytest.raises(ValueError, match="key"):
            cache.set(key, 1)

        assert cache.get(key) is None


# -- settings ---------------------------------------------------------------------------------


def test_an_option_that_is_none_is_named(open_cache):
    with pytest.raises(ImproperlyConfigured, match=r"secrte, which GossamerCache does not know; it knows .*secret"):
        open_cache(OPTIONS={"secrte": "x"})


@pytest.mark.parametrize("location", ["", None, ["shop"], "/pages", "shop/", "shop/pages/old"])
def test_a_location_is_a_mesh_or_a_prefix_in_one(location):
    with pytest.raises(ImproperlyConfigured, match="is a mesh, or a prefix in one"):
        GossamerCache(location, {})


def test_every_argument_of_host_may_be_an_option():
    for name in inspect.signature(gossamer.host).parameters.keys() - {"name"}:
        GossamerCache("shop", {"OPTIONS": {name: None}})


def test_making_a_cache_opens_no_mesh(open_cache, mesh_name):
    before = threading.active_count()
    open_cache()

    assert threading.active_count() == before
    with pytest.raises(gossamer.NoPublisher):
        gossamer.attach(mesh_name, timeout=0)


# -- expiry -----------------------------------------------------------------------------------


def test_an_entry_expires_without_being_read(cache, mesh_name, eventually):
    cache.set("kept", 1)
    seen = []
    with gossamer.attach(mesh_name) as attached:
        attached.on("*", lambda change: seen.append(change.new is None))
        cache.set("key", 1, timeout=0.3)
        eventually(lambda: seen)
        eventually(lambda: seen[-1])

        assert len(attached) == 1
    assert cache.get("kept") == 1


def test_the_default_timeout_is_that_of_the_settings(open_cache, eventually):
    cache = open_cache(TIMEOUT=1)
    cache.set("a", 1)
    cache.add("b", 1)
    cache.set_many({"c": 1})
    cache.set("for-ever", 1, timeout=None)
    assert len(cache.get_many("abc")) == 3

    eventually(lambda: not cache.get_many("abc"))
    assert cache.get("for-ever") == 1


def test_an_overwrite_and_a_touch_cancel_the_expiry_and_an_increment_keeps_it(cache, eventually):
    cache.set_many({"set": 1, "touched": 1, "set_many": 1, "counted": 1, "doomed": 1}, timeout=0.5)
    cache.set("set", 2, timeout=None)
    cache.set_many({"set_many": 2}, timeout=60)
    assert cache.touch("touched", timeout=None)
    assert cache.incr("counted") == 2

    eventually(lambda: "doomed" not in cache)
    eventually(lambda: "counted" not in cache)
    assert cache.get_many(["set", "touched", "set_many"]) == {"set": 2, "touched": 1, "set_many": 2}


@pytest.mark.parametrize("timeout", [0, -1])
def test_an_entry_of_no_time_is_gone_at_once(cache, timeout):
    cache.set("old", 1)
    cache.set("old", 2, timeout)
    cache.set("touched", 1)

    assert cache.get("old") is None
    assert cache.add("added", 1, timeout) is True
    assert cache.touch("touched", timeout) is True
    assert cache.set_many({"many": 1}, timeout) == []
    assert cache.get_many(["old", "added", "touched", "many"]) == {}


def test_a_timeout_of_a_thousand_years_is_for_ever(cache):
    cache.set("key", 1, timeout=1000 * 365 * 86400)
    cache.touch("key", timeout=1000 * 365 * 86400)

    assert cache.get("key") == 1


# -- counting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, "1", 1.5, [1], Point(1)])
def test_what_is_no_integer_is_not_counted(cache, value):
    cache.set("key", value)

    with pytest.raises(TypeError):
        cache.incr("key")
    with pytest.raises(TypeError):
        cache.decr("key")
    assert cache.get("key") == value


@pytest.mark.parametrize("delta", [None, True, "1", 1.5])
def test_nothing_but_an_integer_is_added(cache, delta):
    cache.set("key", 1)

    with pytest.raises(TypeError):
        cache.incr("key", delta)
    assert cache.get("key") == 1


def test_adding_nothing_adds_nothing_and_what_is_absent_is_not_counted(cache):
    cache.set("key", 5)

    assert cache.incr("key", 0) == 5
    assert cache.decr("key", 7) == -2
    with pytest.raises(ValueError, match="not found"):
        cache.incr("absent")
    assert "absent" not in cache


# -- the rest of the interface --------------------------------------------------------------------


def test_delete_says_whether_there_was_something(cache):
    cache.set_many({"a": 0, "b": None, "c": 1})

    assert cache.delete("a") is True
    assert cache.delete("a") is False
    assert cache.delete_many(["b", "c", "d"]) is None
    assert cache.get_many("abcd") == {}


def test_of_two_who_add_one_does(cache, open_cache):
    assert cache.add("key", 1) is True
    assert open_cache().add("key", 2) is False
    assert cache.get("key") == 1


def test_get_or_set_asks_for_the_value_only_if_there_is_none(cache):
    asked = []

    assert cache.get_or_set("key", lambda: asked.append(1) or 7) == 7
    assert cache.get_or_set("key", lambda: asked.append(1) or 8) == 7
    assert asked == [1]


def test_a_version_moves(cache):
    cache.set("key", 1)

    assert cache.incr_version("key") == 2
    assert (cache.get("key"), cache.get("key", version=2)) == (None, 1)
    assert cache.decr_version("key", version=2) == 1
    assert cache.get("key") == 1


def test_the_end_of_a_request_leaves_the_cache_open(cache):
    cache.set("key", 1)
    before = threading.active_count()
    cache.close(signal=object())

    assert threading.active_count() == before
    assert cache.get("key") == 1


# -- culling ----------------------------------------------------------------------------------


def test_a_full_cache_loses_its_oldest_third(open_cache):
    cache = open_cache(OPTIONS={"MAX_ENTRIES": 30})
    for number in range(30):
        cache.set(f"key{number}", number)
    assert len(cache._shelf) == 30
    cache.set("key0", "again")  # takes no room
    assert len(cache._shelf) == 30
    cache.add("another", 1)

    assert len(cache._shelf) == 21
    assert all(f"key{number}" in cache for number in range(11, 30))
    assert "another" in cache


def test_culling_all_at_once(open_cache):
    cache = open_cache(OPTIONS={"MAX_ENTRIES": 30, "CULL_FREQUENCY": 0})
    for number in range(31):
        cache.set(f"key{number}", number)

    assert cache.get_many([f"key{number}" for number in range(31)]) == {"key30": 30}


def test_many_at_once_make_room_for_all_of_them(open_cache):
    cache = open_cache(OPTIONS={"MAX_ENTRIES": 30})
    cache.set_many({f"old{number}": 0 for number in range(25)})
    new = {f"new{number}": 1 for number in range(20)}
    cache.set_many(new)

    assert len(cache._shelf) == 30
    assert cache.get_many(new) == new


def test_a_cache_of_another_location_is_not_culled(open_cache):
    small, other = open_cache("small", OPTIONS={"MAX_ENTRIES": 5}), open_cache("other")
    other.set_many({f"key{number}": 1 for number in range(20)})
    for number in range(20):
        small.set(f"key{number}", number)

    assert len(small._shelf) <= 5
    assert len(other._shelf) == 20


# -- asyncio ----------------------------------------------------------------------------------


def test_every_asynchronous_method_is_our_own():
    names = {name for name in dir(BaseCache) if inspect.iscoroutinefunction(getattr(BaseCache, name))}

    assert len(names) >= 16
    assert names <= vars(GossamerCache).keys()


def test_every_asynchronous_method_does_what_the_other_does(cache):
    async def program() -> None:
        assert await cache.aget("a") is None
        await cache.aset("a", 1, 60)
        assert await cache.aget("a") == 1
        assert await cache.aadd("a", 2) is False
        assert await cache.aadd("b", Point(2)) is True
        assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": Point(2)}
        assert await cache.ahas_key("a") is True
        assert await cache.aincr("a", 2) == 3
        assert await cache.adecr("a") == 2
        assert await cache.atouch("a", 60) is True
        assert await cache.atouch("c") is False
        assert await cache.aget_or_set("c", lambda: 5, 60) == 5
        assert await cache.aget_or_set("c", 6) == 5
        assert await cache.aset_many({"d": 1, "e": 2}, 60) == []
        assert await cache.aincr_version("d") == 2
        assert await cache.adecr_version("d", version=2) == 1
        assert await cache.aget("d", version=1) == 1
        assert await cache.adelete("d") is True
        assert await cache.adelete("d") is False
        assert await cache.adelete_many(["a", "b"]) is None
        assert await cache.aget_many("abcde") == {"c": 5, "e": 2}
        await cache.aclear()
        assert await cache.aget_many("abcde") == {}
        with pytest.raises(ValueError, match="not found"):
            await cache.aincr("a")
        await cache.aclose()

    asyncio.run(program())


def test_an_event_loop_reads_by_itself_and_neither_opens_nor_writes(cache, monkeypatch):
    where: dict[str, set[int]] = {"get": set(), "set": set()}
    for name, threads in where.items():
        method = getattr(type(cache._shelf), name)

        def noted(shelf: Any, *arguments: Any, method: Any = method, threads: set[int] = threads) -> Any:
            threads.add(threading.get_ident())
            return method(shelf, *arguments)

        monkeypatch.setattr(type(cache._shelf), name, noted)

    async def program() -> None:
        await cache.aget("a")
        assert threading.get_ident() not in where["get"]  # this was the first use
        where["get"].clear()
        await cache.aset("a", 1)
        assert await cache.aget("a") == 1
        assert where["get"] == {threading.get_ident()}
        assert where["set"]
        assert threading.get_ident() not in where["set"]

    asyncio.run(program())


def test_increments_of_many_tasks_are_all_counted(cache):
    async def program() -> None:
        await cache.aset("n", 0)
        await asyncio.gather(*(cache.aincr("n") for _ in range(100)))
        assert await cache.aget("n") == 100

    asyncio.run(program())
