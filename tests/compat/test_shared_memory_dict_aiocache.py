"""The rows S16 and S17 of what users of shared-memory-dict have in aiocache, by the old dotted path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from memories import Other

import gossamer
from gossamer.contrib.shelf import Shelf

pytest.importorskip("aiocache", reason="aiocache is not installed")

import aiocache
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from aiocache.plugins import HitMissRatioPlugin
from aiocache.serializers import JsonSerializer

PATH = "gossamer.compat.shared_memory_dict.caches.aiocache.SharedMemoryCache"


@pytest.fixture(autouse=True)
def own_settings(mesh_port: int, mesh_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")
    yield
    Shelf(f"sm_{mesh_name}").close()


@pytest.fixture
def run(mesh_name: str, options: gossamer.Options) -> Callable[..., Any]:
    """Run `use(cache)` with the cache that a configuration names by its dotted path."""

    def run(use: Callable[[Any], Awaitable[Any]], **more: Any) -> Any:
        async def main() -> Any:
            config = {"cache": PATH, "name": mesh_name, "size": 1024, "options": options} | more
            aiocache.caches.set_config({"default": config})
            return await use(aiocache.caches.get("default"))

        return asyncio.run(main())

    return run


def test_s16_every_command_does_what_aiocache_says(run):
    async def use(cache: Any) -> None:
        assert await cache.add("a", 1)
        with pytest.raises(ValueError, match="already exists"):
            await cache.add("a", 2)
        assert await cache.set("b", {"x": (1, 2)})
        assert await cache.multi_set([("c", 0), ("d", "")])
        assert await cache.multi_get(["a", "b", "c", "d", "e"]) == [1, {"x": (1, 2)}, 0, "", None]
        assert (await cache.get("b"), await cache.get("e", default=5)) == ({"x": (1, 2)}, 5)
        assert (await cache.increment("a", 2), await cache.increment("n")) == (3, 1)
        with pytest.raises(TypeError):
            await cache.increment("d")
        assert (await cache.exists("a"), await cache.exists("e")) == (True, False)
        assert (await cache.expire("a", 100), await cache.expire("e", 1)) == (True, False)
        assert (await cache.delete("c"), await cache.delete("d"), await cache.delete("e")) == (1, 1, 0)
        assert await cache.raw("keys") == ["a", "b", "n"]
        assert await cache.clear()
        assert await cache.raw("keys") == []

    run(use)


def test_s16_namespaces_serializers_and_plugins_are_there(run):
    async def use(cache: Any) -> None:
        await cache.set("a", (1, 2))
        await cache.set("a", 3, namespace="two")

        assert (await cache.get("a"), await cache.get("a", namespace="two")) == ([1, 2], 3)
        assert await cache.raw("get", "onea") == "[1, 2]"
        assert cache.hit_miss_ratio["hits"] == 2
        await cache.clear(namespace="two")
        assert (await cache.exists("a"), await cache.exists("a", namespace="two")) == (True, False)

    run(use, namespace="one", serializer={"class": JsonSerializer}, plugins=[{"class": HitMissRatioPlugin}])


def test_s16_locks_lock(run):
    async def use(cache: Any) -> None:
        order = []

        async def hold(who: int) -> None:
            async with RedLock(cache, "key", 5):
                order.append(who)
                await asyncio.sleep(0)
                order.append(who)

        await asyncio.gather(*map(hold, range(3)))
        assert order[0] == order[1]  # all others have waited until it was done, and then went on together, as ever
        assert sorted(order) == [0, 0, 1, 1, 2, 2]

        await cache.set("x", 1)
        async with OptimisticLock(cache, "x") as lock:
            await lock.cas(2)
        async with OptimisticLock(cache, "x") as lock:
            await cache.set("x", 3)
            with pytest.raises(OptimisticLockError):
                await lock.cas(4)
        assert await cache.get("x") == 3

    run(use)


def test_s16_the_old_arguments_are_taken_as_they_were():
    from gossamer.compat.shared_memory_dict.caches.aiocache import SharedMemoryCache

    cache = SharedMemoryCache(None, "tokens", 10, ttl=5, timeout=3, namespace="n")

    assert (SharedMemoryCache.NAME, SharedMemoryCache.parse_uri_path("/x")) == ("shared_memory", {})
    assert (cache.ttl, cache.timeout, cache.namespace, cache._location) == (5, 3, "n", "sm_tokens")
    assert SharedMemoryCache()._location == "sm_smc"


def test_s17_a_ttl_holds_when_its_writer_has_been_killed_and_an_overwrite_cancels_it(run, mesh_name):
    other = Other()
    try:
        other.does("import asyncio")
        other.does(f"from {PATH.rpartition('.')[0]} import SharedMemoryCache")
        other.does(f"cache = SharedMemoryCache(name={mesh_name!r}, publisher_timeout=20)")

        async def use(cache: Any) -> None:
            await cache.set("ours", 1)
            for key in ("ours", "theirs", "overwritten"):
                other.does(f"asyncio.run(cache.set({key!r}, 2, ttl=0.3))")
            await cache.set("overwritten", 3)
            other.kill()

            async with asyncio.timeout(10):
                while await cache.exists("ours") or await cache.exists("theirs"):  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
            assert await cache.get("overwritten") == 3

        run(use)
    finally:
        other.kill()
