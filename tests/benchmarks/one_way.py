"""One end of a way from a writer to a listener: `one_way.py KIND END NAME PORT`.

KIND is `raw` (trio, one bare multicast datagram), `trio` (the trio door) or `script`
(the script door); END is `send` or `listen`.  A sample is the time from just before the
write in one process until the listener is called in the other, by CLOCK_MONOTONIC,
which both processes of a host share.  Writes are far enough apart for the peers to be idle.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable

import trio

import gossamer

KEY = "bench/one-way"
PAUSE_S = 0.003
GROUP = "239.255.77.77"
DATAGRAM_BYTES = 160
"""As many as the datagram of one small write has, sealed."""

samples: list[int] = []


def main() -> None:
    kind, end, name, port = sys.argv[1:]
    if kind == "script":
        script_door(end, name, int(port))
    else:
        trio.run({"raw": raw, "trio": trio_door}[kind], end, name, int(port))


def script_door(end: str, name: str, port: int) -> None:
    with gossamer.join(name, port=port) as mesh:
        if end == "listen":
            mesh.on(KEY, heard)
        answer(None)
        for line in sys.stdin:
            for _ in range(int(line) if end == "send" else 0):
                mesh[KEY] = time.monotonic_ns()
                time.sleep(pause_s())
            answer(taken())


async def trio_door(end: str, name: str, port: int) -> None:
    async with gossamer.open_mesh(name, port=port) as mesh:
        if end == "listen":
            mesh.on(KEY, heard)

        async def send() -> None:
            mesh[KEY] = time.monotonic_ns()

        await serve(end, send)


async def raw(end: str, name: str, port: int) -> None:
    group = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if end == "listen":
            await udp.bind((GROUP, port))
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))

        async def send() -> None:
            await udp.sendto(struct.pack("q", time.monotonic_ns()).ljust(DATAGRAM_BYTES), (GROUP, port))

        async def listen() -> None:
            while True:
                data = await udp.recv(2048)
                samples.append(time.monotonic_ns() - struct.unpack_from("q", data)[0])

        async with trio.open_nursery() as nursery:
            if end == "listen":
                nursery.start_soon(listen)
            await serve(end, send)
            nursery.cancel_scope.cancel()


async def serve(end: str, send: Callable[[], Awaitable[None]]) -> None:
    """Do as we are told, until nobody tells us anything."""
    answer(None)
    while line := await trio.to_thread.run_sync(sys.stdin.readline):
        for _ in range(int(line) if end == "send" else 0):
            await send()
            await trio.sleep(pause_s())
        answer(taken())


def heard(change: gossamer.Change) -> None:
    samples.append(time.monotonic_ns() - change.new)


def taken() -> list[int]:
    """Return the samples since the last time."""
    found = samples[:]
    samples.clear()
    return found


def pause_s() -> float:
    return PAUSE_S * random.uniform(0.7, 1.3)


def answer(content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
