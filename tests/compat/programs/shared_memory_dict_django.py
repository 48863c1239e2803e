"""The README's settings of Django, and two workers: one is killed, one goes on."""

import os
import signal

from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "shared_memory_dict.caches.django.SharedMemoryCache",
            "LOCATION": "memory",
            "OPTIONS": {"MEMORY_BLOCK_SIZE": 1024},
        }
    }
)

from django.core.cache import cache  # noqa: E402

cache.set("visits", 0)
pid = os.fork()
if pid == 0:
    cache.incr("visits")
    cache.set("page", "<html>", timeout=300)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
print(cache.incr("visits"), cache.get("page"), cache.get("missing", "nothing"))
