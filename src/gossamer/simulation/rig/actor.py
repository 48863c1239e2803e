"""A process of the rig: one real peer, which does what it is told over a pipe, a line of JSON each.

It joins by the public API, as any program does.  When its parent ends, it ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from hashlib import blake2b
from queue import SimpleQueue
from typing import Any

import gossamer
from gossamer.net.clocks import Clock, wall_ms
from gossamer.surroundings import Surroundings, surrounded_by

END_S = 3.0
"""How long an actor may take to leave once its parent is gone."""


class Actor:
    """One peer, and what it can be told to do: each `do_` method is an order and returns the answer."""

    def __init__(self, role: dict[str, Any]) -> None:
        self._skew_ms = role["skew_ms"]
        clock = Clock(wall_ms=lambda: wall_ms() + self._skew_ms)
        with surrounded_by(Surroundings(clock=clock)):
            self._mesh = gossamer.join(
                role["mesh"],
                secret=role["secret"],
                nickname=role["name"],
                peers=role["peers"],
                interfaces=["eth0"],
                options=gossamer.Options(**role["options"]),
            )

    def do_write(self, order: dict[str, Any]) -> dict[str, Any]:
        """Put a value; tell when that was, by the hybrid clock."""
        key = order["key"]
        self._mesh.set(key, order["value"], ttl=order["ttl_s"])
        return {"at_s": self._written_at_s(key)}

    def _written_at_s(self, key: str) -> float:
        """Return when our write of a key was made; 0 if another stands over it already, and nobody can tell."""
        entry = self._mesh.entry(key) if key in self._mesh else None
        return entry.written_at_s if entry is not None and entry.writer == self._mesh.me else 0.0

    def do_batch(self, order: dict[str, Any]) -> dict[str, Any]:
        """Put and delete several at once."""
        with self._mesh.batch():
            for key, value in order["items"].items():
                self._mesh[key] = value
            for key in order["delete"]:
                self._mesh.pop(key, None)
        return {"at_s": max(map(self._written_at_s, order["items"]), default=0.0)}

    def do_delete(self, order: dict[str, Any]) -> dict[str, Any]:
        """Delete a key, which must be there."""
        gone = object()
        return {"deleted": self._mesh.pop(order["key"], gone) is not gone}

    def do_read(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell what is visible under a key."""
        return {"value": self._mesh.get(order["key"])}

    def do_state(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell all that is visible."""
        return {"state": self._mesh.snapshot()}

    def do_digest(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell in 16 bytes what is held, conflicts too; once it is not `unlike`, but after `within_s` at the latest."""
        unlike = order.get("unlike")
        deadline = time.monotonic() + order.get("within_s", 0.0)
        digest = self._digest()
        while digest == unlike and (left_s := deadline - time.monotonic()) > 0:
            try:
                self._mesh.wait(lambda mesh: self._digest() != unlike, timeout=left_s)
            except gossamer.MeshTimeout:
                break
            digest = self._digest()
        return {"digest": digest}

    def _digest(self) -> str:
        conflicts = {key: [entry.value for entry in found] for key, found in self._mesh.conflicts().items()}
        held = json.dumps([self._mesh.snapshot(), conflicts], sort_keys=True, default=str)
        return blake2b(held.encode(), digest_size=16).hexdigest()

    def do_sees(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell whom we count on."""
        return {"sees": sorted(peer.name for peer in self._mesh.peers)}

    def do_sent(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell how many bytes we have sent."""
        counts = self._mesh.statistics()
        return {"bytes": counts["datagram bytes sent"] + counts["stream bytes sent"]}

    def do_clock(self, order: dict[str, Any]) -> dict[str, Any]:
        """Let our clock be wrong by so much from now on."""
        self._skew_ms = order["skew_ms"]
        return {}

    def do_stop(self, order: dict[str, Any]) -> dict[str, Any]:
        """Leave in an orderly way."""
        began = time.monotonic()
        self._mesh.close()
        return {"took_s": time.monotonic() - began}

    def close(self) -> None:
        """Leave, without waiting for anybody."""
        self._mesh.close(linger_s=0)


def main() -> None:
    """Join as the first line says, then do as told until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    orders: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(orders,), daemon=True).start()
    first = orders.get()
    if not first:
        return
    actor = Actor(json.loads(first))
    try:
        _answer({})
        while line := orders.get():
            order = json.loads(line)
            _answer(getattr(actor, f"do_{order['do']}")(order))
    except BrokenPipeError:
        return
    finally:
        actor.close()


def _read(orders: SimpleQueue[str]) -> None:
    """Pass on each line, and "" at the end: then the parent is gone, and whatever we are doing must end soon."""
    for line in sys.stdin:
        orders.put(line)
    orders.put("")
    time.sleep(END_S)
    os._exit(1)


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
