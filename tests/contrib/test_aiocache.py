"""aiocache on a mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from aiocache_peers import run, until

pytest.importorskip("aiocache", reason="aiocache is not installed")

from aiocache import Cache, cached, caches
from aiocache.plugins import HitMissRatioPlugin
from aiocache.serializers import JsonSerializer, NullSerializer, PickleSerializer, StringSerializer

from gossamer.contrib.aiocache import GossamerCache


class Key(Enum):
    X = "x"


@pytest.fixture
def make(location: str, for_host: dict[str, Any]) -> Callable[..., GossamerCache]:
    return lambda **more: GossamerCache(location, publisher_timeout=20, **for_host, **more)


def test_each_command(make):
    async def main() -> None:
        async with make() as cache:
            assert (await cache.get("x"), await cache.get("x", 5), await cache.exists("x")) == (None, 5, False)
            assert await cache.add("x", [1, 2j])
            assert (await cache.get("x"), await cache.exists(Key.X)) == ([1, 2j], True)
            with pytest.raises(ValueError, match="Key 'x' already exists"):
                await cache.add(Key.X, 2)
            assert await cache.multi_set([("y", 1), ("z", None)]) is True
            assert await cache.multi_get(["y", "no", "z"]) == [1, None, None]
            assert (await cache.increment("y", 2), await cache.increment("n", -2)) == (3, -2)
            assert (await cache.delete("y"), await cache.delete("y"), await cache.delete("z")) == (1, 0, 1)
            assert (await cache.expire("no", 1), await cache.expire("x", 0)) == (False, True)
            assert sorted(await cache.raw("keys")) == ["n", "x"]
            assert (await cache.clear(), await cache.raw("keys")) == (True, [])

    run(main)


def test_a_ttl_may_be_of_the_cache_or_of_a_call_and_what_has_expired_is_gone_unread(make):
    async def main() -> None:
        cache = make(ttl=0.3)
        await cache.set("of the cache", 1)
        await cache.set("for ever", 1, ttl=None)
        await cache.set("0 is for ever", 1, ttl=0)
        await cache.multi_set([("several", 1)])
        await cache.set("counted", 1)
        await cache.increment("counted")
        await cache.set("expires", 1, ttl=None)
        await cache.expire("expires", 0.3)
        await cache.set("overwritten", 1)
        await cache.set("overwritten", 2, ttl=None)
        await cache.set("does not", 1)
        await cache.expire("does not", 0)

        async def are_gone() -> bool:
            return len(await cache.raw("keys")) == 4

        await until(are_gone)
        assert sorted(await cache.raw("keys")) == ["0 is for ever", "does not", "for ever", "overwritten"]

    run(main)


@pytest.mark.parametrize("serializer", [NullSerializer, StringSerializer, JsonSerializer, PickleSerializer])
def test_what_was_counted_is_read_through_the_serializer(make, serializer):
    async def main() -> None:
        cache = make(serializer=serializer())
        kind = str if serializer is StringSerializer else int
        assert (await cache.increment("n", 2), await cache.get("n")) == (2, kind(2))
        assert (await cache.increment("n"), await cache.get("n")) == (3, kind(3))
        await cache.set("m", 40)
        assert (await cache.increment("m", 2), await cache.get("m")) == (42, kind(42))
        for value in ("text", [1], 1.5):
            await cache.set("m", value)
            with pytest.raises(TypeError, match="not an integer"):
                await cache.increment("m")

    run(main)


def test_a_namespace_is_before_the_key_and_can_be_cleared_alone(make):
    async def main() -> None:
        cache, plain = make(namespace="shop:"), make()
        await cache.set("x", 1)
        await plain.set("x", 2)
        await cache.set("x", 3, namespace="other:")

        assert (await plain.get("shop:x"), await plain.get("x"), await plain.get("other:x")) == (1, 2, 3)
        await plain.clear(namespace="shop:")
        assert (await cache.get("x"), await plain.get("x"), await plain.get("other:x")) == (None, 2, 3)

    run(main)


def test_reading_is_done_in_the_loop_and_writing_is_not(make, monkeypatch):
    async def main() -> None:
        cache, in_thread, to_thread = make(), [], asyncio.to_thread
        monkeypatch.setattr(asyncio, "to_thread", lambda fn, *given: in_thread.append(fn) or to_thread(fn, *given))
        await cache.get("x")  # joins the mesh, which takes a moment
        await cache.set("x", [1])
        assert [fn.__name__ for fn in in_thread] == ["get", "set"]
        monkeypatch.setattr(asyncio, "to_thread", lambda *_: pytest.fail("a thread was asked"))

        assert (await cache.get("x"), await cache.multi_get(["x", "y"]), await cache.exists("x")) == (
            [1],
            [[1], None],
            True,
        )

    run(main)


def test_it_is_configured_by_name_by_address_and_for_a_decorator(location, make, for_host, mesh_port):
    async def main() -> None:
        mine = {"cache": "gossamer.contrib.aiocache.GossamerCache", "location": location, "publisher_timeout": 20}
        text = {"serializer": {"class": "aiocache.serializers.JsonSerializer"}}
        plugins = {"plugins": [{"class": "aiocache.plugins.HitMissRatioPlugin"}]}
        caches.set_config({"default": mine | text | plugins | for_host})
        named = caches.get("default")
        await named.set("x", {"a": (1,)})
        assert (await named.get("x"), await make().get("x")) == ({"a": [1]}, '{"a": [1]}')
        assert isinstance(named.plugins[0], HitMissRatioPlugin)
        assert named.hit_miss_ratio["hit_ratio"] == 1.0

        @cached(alias="default", key="double")
        async def double() -> list[int]:
            return [2]

        assert await double() == await named.get("double") == [2]

    run(main)
    here = Cache.from_url(
        f"gossamer:///{location}?ttl=5&namespace=a&port={mesh_port}&peers=a:1,b:2&publisher_timeout=3"
    )
    assert isinstance(here, GossamerCache)
    assert (here.ttl, here.namespace, here._shelf._arguments["peers"]) == (5.0, "a", ["a:1", "b:2"])
    assert repr(here) == f"GossamerCache({location!r})"


def test_an_argument_that_nobody_takes_is_refused(location):
    with pytest.raises(TypeError, match="secrte"):
        GossamerCache(location, secrte="x")
