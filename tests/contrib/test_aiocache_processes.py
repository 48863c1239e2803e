"""aiocache on a mesh: what several processes do at one time, and several tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiocache_peers import PEER, gone, run, until
from worker_processes import Workers

pytest.importorskip("aiocache", reason="aiocache is not installed")

from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock

from gossamer.contrib.aiocache import GossamerCache


@pytest.fixture
def make(location: str, for_host: dict[str, Any]) -> Callable[..., GossamerCache]:
    return lambda **more: GossamerCache(location, publisher_timeout=20, **for_host, **more)


@pytest.fixture
def workers(location: str, for_host: dict[str, Any]) -> Iterator[Workers]:
    with Workers(location, for_host) as workers:
        yield workers


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
