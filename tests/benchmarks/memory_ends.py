"""One process of a host that shares a dict: `memory_ends.py KIND NAME PORT`.

KIND is `gossamer` (`join(share=True)`, so this one publishes), `ultra` (UltraDict), `ultra-locked` (UltraDict with the
lock that it needs if unrelated processes write) or `smd` (shared-memory-dict).  Told `fill N`, it writes N keys; told
`write S`, it writes over them, at random, for S seconds, and answers how many writes a second that were; told
`write_on`, it goes on until the next word.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import Any


def opened(kind: str, name: str, port: str, keys_max: int = 1000) -> Any:
    """Return the dict, in the process that has it first."""
    if kind == "gossamer":
        import gossamer

        return gossamer.join(name, port=int(port), share=True)
    if kind.startswith("ultra"):
        from UltraDict import UltraDict

        return UltraDict(name=name, buffer_size=10_000_000, shared_lock=kind == "ultra-locked")
    from shared_memory_dict import SharedMemoryDict

    return SharedMemoryDict(name=name, size=64 * keys_max)


def main() -> None:
    shared = opened(*sys.argv[1:4])
    keys = 0
    writing = threading.Event()

    def write(seconds: float) -> float:
        rng = random.Random(1)
        order = [f"bench/{rng.randrange(keys)}" for _ in range(10_000)]
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds and (seconds < 1e9 or writing.is_set()):
            first = count % len(order)
            for key in order[first : first + 10]:
                shared[key] = count * 0.5
            count += 10
        return count / (time.perf_counter() - began)

    answer(None)
    thread = threading.Thread()
    for line in sys.stdin:
        word, *rest = line.split()
        if writing.is_set():
            writing.clear()
            thread.join()
        if word == "fill":
            keys = int(rest[0])
            for number in range(keys):
                shared[f"bench/{number}"] = number * 0.5
            answer(None)
        elif word == "write":
            answer(write(float(rest[0])))
        else:
            writing.set()
            thread = threading.Thread(target=write, args=(1e9,))
            thread.start()
            answer(None)
    writing.clear()
    if hasattr(shared, "unlink"):
        shared.unlink()
    elif hasattr(shared, "shm"):
        shared.shm.close()
        shared.shm.unlink()
    else:
        shared.close()


def answer(what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
