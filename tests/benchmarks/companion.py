"""The other process of a benchmark: a script that joins a mesh and does as it is told.

It reads a line of words and answers with a line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import tracemalloc
from typing import Any

import cbor2

import gossamer
from gossamer.blocking import BlockingMesh


class Companion:
    """What may be asked: each method is a word."""

    def __init__(self) -> None:
        self.mesh: BlockingMesh
        self.plain: dict[str, float] = {}
        self.listener = socket.create_server(("127.0.0.1", 0))

    def join(self, name: str, port: str) -> int:
        """Join; answer with the number of keys."""
        self.mesh = gossamer.join(name, port=int(port))
        return len(self.mesh)

    def close(self) -> None:
        """Leave."""
        self.mesh.close()

    def fill(self, count: str) -> None:
        """Write that many keys."""
        for i in range(int(count)):
            self.mesh[f"bench/{i}"] = i * 0.5

    def fill_plain(self, count: str) -> None:
        """Write that many keys to a dict."""
        self.plain = {f"bench/{i}": i * 0.5 for i in range(int(count))}

    def read(self) -> None:
        """Read every key once."""
        for key in self.mesh:
            self.mesh[key]

    def await_key(self, key: str) -> dict[str, int]:
        """Wait until `key` is there; answer when it was, and how many keys there were then."""
        self.mesh.wait(lambda mesh: key in mesh, timeout=60)
        return {"at_ns": time.monotonic_ns(), "keys": len(self.mesh)}

    def statistics(self) -> dict[str, int]:
        """Answer with the counts of the mesh."""
        return self.mesh.statistics()

    def rss(self) -> int:
        """Answer with the resident memory, in bytes."""
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def trace(self) -> None:
        """Count what is allocated from now on."""
        tracemalloc.start()

    def traced(self) -> int:
        """Answer with the bytes that were allocated since `trace` and are still held."""
        return tracemalloc.get_traced_memory()[0]

    def port(self) -> int:
        """Answer with a TCP port that listens, for the references."""
        return int(self.listener.getsockname()[1])

    def receive_columns(self, count: str) -> int:
        """Take `count` keys from a bare TCP connection, in columns of CBOR; answer when they were there."""
        plain: dict[str, float] = {}
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb", buffering=1 << 18) as stream:
            while len(plain) < int(count):
                keys, values = cbor2.loads(stream.read(int.from_bytes(stream.read(4), "big")))
                plain.update(zip(keys, values, strict=True))
        return time.monotonic_ns()

    def send_whole(self) -> int:
        """Send the plain dict over a bare TCP connection, as one CBOR document; answer with its size in bytes."""
        connection, _ = self.listener.accept()
        with connection:
            document = cbor2.dumps(self.plain)
            connection.sendall(document)
        return len(document)


def main() -> None:
    companion = Companion()
    answer(None)
    for line in sys.stdin:
        word, *words = line.split()
        answer(getattr(companion, word)(*words))


def answer(content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
