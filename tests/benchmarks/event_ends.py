"""One end of a way for events: `event_ends.py KIND END NAME PORT`.

KIND is `events` (`mesh.events` in a script) or `zmq` (PUB and SUB over TCP on the
loopback, as pyzmq has them); END is `send` or `listen`.  Told `burst N`, the sender
emits so many as fast as it can; told `single N`, each when both ends are idle.  Both
answer by CLOCK_MONOTONIC, which the processes of a host share.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

PAUSE_S = 0.003
PATIENCE_S = 30.0


class Heard:
    """What the listener has heard."""

    def __init__(self) -> None:
        self.sent_ns: list[int] = []
        self.at_ns: list[int] = []
        self.grown = threading.Condition()

    def note(self, sent_ns: int) -> None:
        """An event is here."""
        now = time.monotonic_ns()
        with self.grown:
            self.sent_ns.append(sent_ns)
            self.at_ns.append(now)
            self.grown.notify()

    def await_count(self, count: int) -> dict[str, list[int]]:
        """Return when so many had been emitted and when they were here; fewer, if they do not come."""
        with self.grown:
            self.grown.wait_for(lambda: len(self.at_ns) >= count, PATIENCE_S)
            found = {"sent_ns": self.sent_ns[:], "at_ns": self.at_ns[:]}
            self.sent_ns.clear()
            self.at_ns.clear()
        return found


def main() -> None:
    kind, end, name, port = sys.argv[1:]
    heard = Heard()
    emit = {"events": of_a_mesh, "zmq": of_zmq}[kind](end, name, int(port), heard)
    answer(None)
    for line in sys.stdin:
        word, count = line.split()
        if end == "listen":
            answer(heard.await_count(int(count)))
            continue
        for _ in range(int(count)):
            emit(time.monotonic_ns())
            if word == "single":
                time.sleep(PAUSE_S)
        answer(None)


def of_a_mesh(end: str, name: str, port: int, heard: Heard) -> Callable[[int], Any]:
    import gossamer

    mesh = gossamer.join(name, port=port)
    if end == "listen":
        mesh.events.on("tick", heard.note)
    return lambda sent_ns: mesh.events.emit("tick", sent_ns)


def of_zmq(end: str, name: str, port: int, heard: Heard) -> Callable[[int], Any]:
    import zmq

    context = zmq.Context()
    if end == "send":
        publisher = context.socket(zmq.PUB)
        publisher.set_hwm(0)
        publisher.bind(f"tcp://127.0.0.1:{port}")
        return lambda sent_ns: publisher.send_multipart([b"tick", json.dumps([sent_ns]).encode()])
    subscriber = context.socket(zmq.SUB)
    subscriber.set_hwm(0)
    subscriber.connect(f"tcp://127.0.0.1:{port}")
    subscriber.subscribe(b"tick")

    def listen() -> None:
        while True:
            heard.note(json.loads(subscriber.recv_multipart()[1])[0])

    threading.Thread(target=listen, daemon=True).start()
    return lambda sent_ns: None


def answer(content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
