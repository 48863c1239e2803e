"""Maelstrom nodes on virtual time: lines from one to the other, some lost, all delayed."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterable
from itertools import count

from gossamer.simulation.maelstrom.node import MaelstromNode

EPOCH_MS = 1_800_000_000_000


class Cables:
    """Nodes n1, n2, ... and one client, "c"."""

    def __init__(self, service: str, nodes: int, *, loss: float = 0.0) -> None:
        self.rng = random.Random(service)
        self.loss = loss
        self.now = 0.0
        self.nodes = {f"n{at}": MaelstromNode(service, random.Random(at)) for at in range(1, nodes + 1)}
        self.replies: list[dict] = []
        self._due = dict.fromkeys(self.nodes, 0.0)
        self._side: dict[str, int] = {}
        self._on_way: list[tuple[float, int, str, str]] = []
        self._numbers = count(1)

    def start(self) -> None:
        for name in self.nodes:
            assert self.ask(name, "init", node_id=name, node_ids=list(self.nodes))["type"] == "init_ok"
        self.run(3)

    def partition(self, *sides: Iterable[str]) -> None:
        self._side = {name: number for number, side in enumerate(sides) for name in side}

    def ask(self, name: str, type: str, **more: object) -> dict:
        """Return the body of the reply, which a node gives at once."""
        number = next(self._numbers)
        body = {"type": type, "msg_id": number, **more}
        self._hear(name, json.dumps({"src": "c", "dest": name, "body": body}))
        reply = self.replies.pop()
        assert reply["in_reply_to"] == number
        return reply

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            name = min(self._due, key=self._due.get)
            arrives = self._on_way[0][0] if self._on_way else until + 1
            self.now = max(self.now, min(arrives, self._due[name]))
            if self.now > until:
                self.now = until
                return
            if arrives <= self._due[name]:
                _, _, to, line = heapq.heappop(self._on_way)
                self._hear(to, line)
            else:
                self._tick(name)

    def _hear(self, name: str, line: str) -> None:
        self.nodes[name].hear(line, self.now, EPOCH_MS + int(self.now * 1000))
        self._due[name] = self.now
        self._take(name)

    def _tick(self, name: str) -> None:
        self._due[name] = self.nodes[name].tick(self.now, EPOCH_MS + int(self.now * 1000))
        self._take(name)

    def _take(self, name: str) -> None:
        lines, self.nodes[name].lines[:] = self.nodes[name].lines[:], []
        for line in lines:
            message = json.loads(line)
            if message["dest"] == "c":
                self.replies.append(message["body"])
            elif self.rng.random() >= self.loss and self._side.get(name) == self._side.get(message["dest"]):
                due = self.now + self.rng.uniform(0.001, 0.05)
                heapq.heappush(self._on_way, (due, next(self._numbers), message["dest"], line))
