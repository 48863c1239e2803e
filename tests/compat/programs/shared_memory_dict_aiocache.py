"""The README's configuration of aiocache."""

import asyncio

from aiocache import caches

caches.set_config(
    {
        "default": {
            "cache": "shared_memory_dict.caches.aiocache.SharedMemoryCache",
            "size": 1024,
        },
    }
)


async def main():
    cache = caches.get("default")
    await cache.set("key", ["value"], ttl=60)
    print(await cache.get("key"), await cache.exists("other"))


asyncio.run(main())
