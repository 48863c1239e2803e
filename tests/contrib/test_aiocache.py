"""aiocache on a mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Any

import pytest
from worker_processes import Workers

from gossamer.contrib.shelf import Shelf

pytest.importorskip("aiocache", reason="aiocache is not installed")

from aiocache import Cache, cached, caches
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from aiocache.plugins import HitMissRatioPlugin
from aiocache.serializers import JsonSerializer, NullSerializer, PickleSerializer, StringSerializer

from gossamer.contrib.aiocache import GossamerCache

PEER = """
import asyncio
from aiocache import cached_stampede
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from gossamer.contrib.aiocache import GossamerCache
FOR_HOST["publisher_timeout"] = FOR_HOST.pop("timeout")
cache = GossamerCache(LOCATION, **FOR_HOST)

async def slow():
    say("making")
    return await asyncio.to_thread(hear)

async def main():
    say(await cache.exists("x"))
    while True:
        name, *arguments = await asyncio.to_thread(hear)
        if name == "stampede":
            decorated = cached_stampede(lease=20, key="slow", cache=GossamerCache, location=LOCATION, **FOR_HOST)
            say(await decorated(slow)())
        elif name == "steps":
            say([await cache.increment("count") for _ in range(arguments[0])])
        else:
            say(await getattr(cache, name)(*arguments))
asyncio.run(main())
"""


class Key(Enum):
    X = "x"


@pytest.fixture
def for_host(mesh_port: int, options: Any) -> dict[str, Any]:
    return {"port": mesh_port, "options": options}


@pytest.fixture
def location(mesh_name: str) -> Iterator[str]:
    yield f"{mesh_name}/cache"
    Shelf(mesh_name).close()


@pytest.fixture
def make(location: str, for_host: dict[str, Any]) -> Callable[..., GossamerCache]:
    return lambda **more: GossamerCache(location, publisher_timeout=20, **for_host, **more)


@pytest.fixture
def workers(location: str, for_host: dict[str, Any]) -> Iterator[Workers]:
    with Workers(location, for_host) as workers:
        yield workers


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def gone(cache: GossamerCache, key: str) -> None:
    async def is_gone() -> bool:
        return not await cache.exists(key)

    await until(is_gone)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(30):
            return await main()

    return asyncio.run(limited())


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


def test_a_ttl_holds_when_its_writer_has_ended_and_an_overwrite_cancels_it_everywhere(workers, make):
    writer, other = workers(PEER), workers(PEER)
    assert (writer.says(), other.says()) == (False, False)
    writer.asked(["set", "soon", 1, 2])
    writer.asked(["set", "overwritten", 1, 2])
    other.asked(["set", "overwritten", 2, None])
    writer.kill()

    async def main() -> None:
        cache = make()
        assert await cache.multi_get(["soon", "overwritten"]) == [1, 2]
        await gone(cache, "soon")
        assert await cache.get("overwritten") == 2

    run(main)


def test_processes_lose_no_step(workers, make):
    counting = [workers(PEER) for _ in range(3)]
    for one in counting:
        one.says()
    for one in counting:
        one.hears(["steps", 100])
    said = [one.says() for one in counting]

    assert sorted(number for steps in said for number in steps) == list(range(1, 301))


def test_of_processes_that_want_a_value_one_makes_it_and_the_others_wait_for_it(workers, make):
    first, second, third = (workers(PEER) for _ in range(3))
    for one in (first, second, third):
        one.says()
    assert first.asked(["stampede"]) == "making"
    second.hears(["stampede"])
    third.hears(["stampede"])

    async def main() -> None:
        cache = make()
        lock = RedLock(cache, "slow", lease=20)
        waiting = asyncio.create_task(lock.__aenter__())

        async def waits() -> bool:
            return "slow-lock" in RedLock._EVENTS

        await until(waits)
        assert await cache.get("slow") is None
        first.hears({"made": "once"})
        await waiting
        assert await cache.get("slow") == {"made": "once"}
        await lock.__aexit__(None, None, None)
        assert "slow-lock" not in RedLock._EVENTS

    run(main)
    assert first.says() == second.says() == third.says() == {"made": "once"}


def test_who_waits_for_a_lock_goes_on_when_its_lease_has_ended(workers, make):
    worker = workers(PEER)
    worker.says()
    worker.asked(["set", "x-lock", "somebody's", 0.3])

    async def main() -> None:
        cache = make()
        async with RedLock(cache, "x", lease=20):  # waits for the other's
            assert not await cache.exists("x-lock")

    run(main)


def test_tasks_of_one_process_wait_for_each_other_however_their_threads_are_scheduled(make, monkeypatch):
    async def main() -> None:
        cache = make()
        inserted = type(cache)._add
        calls = []

        async def late(self: Any, *arguments: Any, **more: Any) -> Any:
            """As when the thread of the one that has the lock is the last to come back to the loop."""
            done = await inserted(self, *arguments, **more)
            await asyncio.sleep(0.1)
            return done

        async def task() -> None:
            async with RedLock(cache, "x", lease=20):
                if await cache.get("x") is None:
                    calls.append(1)
                    await cache.set("x", 1)

        monkeypatch.setattr(type(cache), "_add", late)
        await asyncio.gather(*(task() for _ in range(5)))
        assert calls == [1]

    run(main)


def test_only_who_has_a_lock_gives_it_back(make):
    async def main() -> None:
        cache = make()
        assert await cache._add("x-lock", "mine", ttl=20)
        assert (await cache._redlock_release("x-lock", "yours"), await cache.exists("x-lock")) == (0, True)
        assert (await cache._redlock_release("x-lock", "mine"), await cache.exists("x-lock")) == (1, False)
        assert await cache._redlock_release("x-lock", "mine") == 0

    run(main)


def test_who_was_overtaken_by_another_process_hears_of_it(workers, make):
    worker = workers(PEER)
    worker.says()

    async def main() -> None:
        cache = make()
        for before in (1, 2j):  # what travels, and what is pickled
            await cache.set("x", before)
            async with OptimisticLock(cache, "x") as lock:
                assert await lock.cas(3)
                with pytest.raises(OptimisticLockError):
                    await lock.cas(4)
        async with OptimisticLock(cache, "x") as lock:
            worker.asked(["set", "x", "overtaken"])
            with pytest.raises(OptimisticLockError):
                await lock.cas(4)
        assert await cache.get("x") == "overtaken"
        async with OptimisticLock(cache, "new") as lock:
            assert await lock.cas(5, ttl=0.2)
        await gone(cache, "new")

    run(main)
