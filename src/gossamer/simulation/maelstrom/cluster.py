"""N node processes and the network between them: what Maelstrom itself does, as far as it is needed here.

Every message that a node writes goes through `Cluster`, which delays it, loses it or holds it
back at a partition.  Clients talk to their own node, losslessly, one request at a time.
"""

from __future__ import annotations

import heapq
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from typing import Any

from .messages import Body, Envelope

NODE = (sys.executable, "-m", "gossamer.simulation.maelstrom", "node")


class Cluster:
    """Processes and their network.  A context manager: all end with it."""

    def __init__(
        self,
        workload: str,
        nodes: int,
        *,
        rng: random.Random,
        latency_s: float = 0.01,
        loss: float = 0.0,
        command: Iterable[str] = NODE,
    ) -> None:
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.latency_s, self.loss = latency_s, loss
        """Mean time on the way, exponentially distributed; share of messages between nodes that are lost."""
        self.carried = 0
        """Messages between nodes that arrived."""
        self._command = [*command, workload]
        self._rng = rng
        self._side: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._heard: queue.Queue[Envelope] = queue.Queue()
        self._on_way: list[tuple[float, int, Envelope]] = []
        self._numbers = count(1)
        self._waiting: dict[int, Body | None] = {}

    def __enter__(self) -> Cluster:
        for name in self.names:
            pipe = subprocess.PIPE
            process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True, bufsize=1)
            self._processes[name] = process
            threading.Thread(target=self._read, args=(process,), daemon=True).start()
        asked = [self.ask(name, {"type": "init", "node_id": name, "node_ids": self.names}) for name in self.names]
        for number in asked:
            if self.answer(number, within_s=30.0) is None:
                raise TimeoutError("a node did not answer init")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()  # the end of its input is a node's end
        for process in self._processes.values():
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # closed at the end
            for line in process.stdout:
                self._heard.put(Envelope.from_line(line))

    # -- the network ----------------------------------------------------------------------------

    def partition(self, *sides: Iterable[str]) -> None:
        """Nodes of different sides do not hear each other."""
        self._side = {name: number for number, side in enumerate(sides) for name in side}

    def heal(self) -> None:
        """Everyone hears everyone."""
        self._side = {}

    def _route(self, envelope: Envelope, now: float) -> None:
        if (number := envelope.body.get("in_reply_to")) is not None:
            if number in self._waiting:
                self._waiting[number] = envelope.body
        elif self._side.get(envelope.src) == self._side.get(envelope.dest) and self._rng.random() >= self.loss:
            due = now + (self._rng.expovariate(1 / self.latency_s) if self.latency_s else 0.0)
            heapq.heappush(self._on_way, (due, next(self._numbers), envelope))

    def _deliver(self, now: float) -> None:
        while self._on_way and self._on_way[0][0] <= now:
            _, _, envelope = heapq.heappop(self._on_way)
            self.carried += 1
            self._write(envelope)

    def _write(self, envelope: Envelope) -> None:
        stdin = self._processes[envelope.dest].stdin
        assert stdin is not None
        with suppress(BrokenPipeError):  # its process has died: what is sent to it is lost
            stdin.write(envelope.line() + "\n")
            stdin.flush()

    def run_until(self, when: float) -> None:
        """Carry messages until `when`, by `time.monotonic`."""
        while (now := time.monotonic()) < when:
            self._step(when - now)

    def _step(self, wait_s: float) -> None:
        """Carry one message, or wait at most so long for one."""
        now = time.monotonic()
        self._deliver(now)
        if self._on_way:
            wait_s = min(wait_s, max(0.0, self._on_way[0][0] - now))
        with suppress(queue.Empty):
            self._route(self._heard.get(timeout=wait_s), time.monotonic())

    # -- clients --------------------------------------------------------------------------------

    def ask(self, name: str, body: dict[str, Any]) -> int:
        """Send a request of the client of this node; return its number, for `answer`."""
        number = next(self._numbers)
        self._waiting[number] = None
        self._write(Envelope(f"c{name.removeprefix('n')}", name, {**body, "msg_id": number}))
        return number

    def answer(self, number: int, within_s: float = 5.0) -> Body | None:
        """Carry messages until this request is answered, and return the answer; None if it takes too long."""
        deadline = time.monotonic() + within_s
        while self._waiting[number] is None and (left_s := deadline - time.monotonic()) > 0:
            self._step(left_s)
        return self._waiting.pop(number)
