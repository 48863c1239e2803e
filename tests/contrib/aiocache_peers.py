"""Processes that have an aiocache cache, and what tests of one await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

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


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def gone(cache: Any, key: str) -> None:
    async def is_gone() -> bool:
        return not await cache.exists(key)

    await until(is_gone)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(30):
            return await main()

    return asyncio.run(limited())
