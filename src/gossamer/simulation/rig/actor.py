"""What runs in each process of a rig: one peer, told by lines of JSON what to do.

`python -m gossamer.simulation.rig.actor`.  The first line says how to join; each that follows is an
order, {"do": "write", ...}, answered by one line on stdout.  The end of stdin is the end
of the actor.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TextIO

import gossamer

from ...net.clocks import Clock
from ...surroundings import Surroundings, surrounded_by
from ...wire.keys import SpaceKey
from ..orders import answer, orders
from ..watching import Watching
from .witness import Witness

LOOK_S = 0.05
"""How often an actor that waits compares its state, at most: a digest takes milliseconds, changes come in thousands."""


class SkewedClock:
    """A wall clock that is wrong, by an offset and by a rate."""

    def __init__(self, offset_ms: int, rate: float) -> None:
        self._began_ns = time.time_ns()
        self._offset_ns = offset_ms * 1_000_000
        self._rate = rate

    def wall_ms(self) -> int:
        """Return milliseconds since 1970, more or less."""
        passed_ns = int((time.time_ns() - self._began_ns) * self._rate)
        return (self._began_ns + self._offset_ns + passed_ns) // 1_000_000

    def step(self, by_ms: int) -> None:
        """Somebody sets the clock."""
        self._offset_ns += by_ms * 1_000_000


class Actor:
    """One peer, and what it can be told to do: each `do_` method is an order and returns the answer."""

    def __init__(self, role: dict[str, Any]) -> None:
        self._clock = SkewedClock(role["skew_ms"], role["clock_rate"])
        with surrounded_by(Surroundings(clock=Clock(wall_ms=self._clock.wall_ms))):
            self._mesh = gossamer.join(
                role["mesh"],
                secret=role["secret"],
                peers=role["peers"],
                nickname=role["name"],
                options=gossamer.Options(**role["options"]),
            )
        self._witness = Witness(self._mesh._ledger)
        self._watching: Watching | None = None
        self._children: dict[str, tuple[TextIO, TextIO]] = {}
        self._looked_at_s = 0.0
        self._digest = ""

    # -- what programs do ---------------------------------------------------------------------------

    def do_write(self, order: dict[str, Any]) -> Any:
        """Put a value under a key; tell what that replaced."""
        with self._witness.noting() as rows:
            self._mesh.set(order["key"], order["value"], ttl=order["ttl_s"])
        return rows

    def do_delete(self, order: dict[str, Any]) -> Any:
        """Delete a key; tell what that replaced."""
        with self._witness.noting() as rows:
            del self._mesh[order["key"]]
        return rows

    def do_batch(self, order: dict[str, Any]) -> Any:
        """Write and delete all of this atomically; tell what that replaced."""
        with self._witness.noting() as rows, self._mesh.batch():
            for key, value in order["items"]:
                self._mesh[key] = value
            for key in order["delete"]:
                self._mesh.pop(key, None)
        return rows

    def do_confirm(self, order: dict[str, Any]) -> Any:
        """Wait until one peer that is there holds all that we wrote; tell its name, or None if none did in time."""
        deadline = time.monotonic() + order["within_s"]
        while peers := self._mesh.peers:
            for peer in peers:
                try:
                    self._mesh.settled(peers=[peer], timeout=max(0.01, min(0.3, deadline - time.monotonic())))
                    return peer.name
                except gossamer.MeshTimeout:
                    if time.monotonic() >= deadline:
                        return None
        return None

    # -- what can be seen ---------------------------------------------------------------------------

    def do_read(self, order: dict[str, Any]) -> Any:
        """Tell the value of a key, None if there is none."""
        return self._mesh.get(order["key"])

    def do_state(self, order: dict[str, Any]) -> Any:
        """Tell all that is visible, as pairs."""
        return [[key, value] for key, value in self._mesh.snapshot().items() if not isinstance(key, SpaceKey)]

    def do_live(self, order: dict[str, Any]) -> Any:
        """Tell the dots of all live writes, and the vector."""
        return {"live": self._witness.live(), "known": self._witness.known()}

    def do_sees(self, order: dict[str, Any]) -> Any:
        """Tell the names of the peers that are there."""
        return sorted(peer.name for peer in self._mesh.peers)

    def do_counts(self, order: dict[str, Any]) -> Any:
        """Tell the statistics of the mesh."""
        return self._mesh.statistics()

    def do_status(self, order: dict[str, Any]) -> Any:
        """Tell in words how this peer is doing."""
        return str(self._mesh.status())

    def do_begin_watching(self, order: dict[str, Any]) -> Any:
        """Watch all keys from now on."""
        self._watching = Watching(self._mesh._watchers, order["changes_max"])

    def do_take_changes(self, order: dict[str, Any]) -> Any:
        """Tell the changes that wait, as [key, old, new]."""
        if self._watching is None:
            raise ValueError("nobody watches here: order begin_watching before")
        return self._watching.take(order["at_most"])

    # -- waiting ------------------------------------------------------------------------------------

    def do_meet(self, order: dict[str, Any]) -> Any:
        """Wait until so many peers are there; tell whether they were in time."""
        return self._await(lambda: len(self._mesh.peers) >= order["peers"], order["within_s"])

    def do_missed(self, order: dict[str, Any]) -> Any:
        """Wait until none of some peers are there any more; tell whether that was in time."""
        gone = set(order["names"])
        return self._await(lambda: gone.isdisjoint(peer.name for peer in self._mesh.peers), order["within_s"])

    def do_digest(self, order: dict[str, Any]) -> Any:
        """Tell the digest of the state as soon as it is not `unlike`, or when the time is over."""
        self._digest = self._witness.digest()
        if self._digest == order["unlike"]:
            self._await(lambda: self._look() != order["unlike"], order["within_s"])
            self._digest = self._witness.digest()
        return self._digest

    def _look(self) -> str:
        if time.monotonic() >= self._looked_at_s + LOOK_S:
            self._digest, self._looked_at_s = self._witness.digest(), time.monotonic()
        return self._digest

    def _await(self, condition: Callable[[], bool], within_s: float) -> bool:
        try:
            return self._mesh.wait(lambda _: condition(), timeout=within_s)
        except gossamer.MeshTimeout:
            return condition()

    # -- the computer -------------------------------------------------------------------------------

    def do_step_clock(self, order: dict[str, Any]) -> Any:
        """Set the wall clock."""
        self._clock.step(order["by_ms"])

    def do_clock(self, order: dict[str, Any]) -> Any:
        """Tell the wall clock, in milliseconds since 1970."""
        return self._clock.wall_ms()

    def do_fork(self, order: dict[str, Any]) -> Any:
        """Fork; the child does what `in_child` tells it."""
        (told, orders_out), (answers, replies_out) = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the child lacks: it is what we test
            child = os.fork()
        if child:
            os.close(told)
            os.close(replies_out)
            self._children[order["name"]] = os.fdopen(orders_out, "w"), os.fdopen(answers)
            return child
        os.close(orders_out)
        os.close(answers)
        self._live_as_child(order["name"], os.fdopen(told), os.fdopen(replies_out, "w"))
        os._exit(0)

    def _live_as_child(self, name: str, told: TextIO, replies: TextIO) -> None:
        """Do as told by the parent, under a name of our own, until it is no more."""
        self._children.clear()
        self._mesh.arguments = replace(self._mesh.arguments, nickname=name)
        len(self._mesh)  # the first use of the mesh, at which it joins anew
        self._witness = Witness(self._mesh._ledger)

        def reply(content: Any) -> None:
            replies.write(json.dumps(content) + "\n")
            replies.flush()

        self.serve(map(json.loads, told), reply)
        self.close()

    def do_in_child(self, order: dict[str, Any]) -> Any:
        """Pass an order on to a child; tell what it answers, errors too."""
        child, answers = self._children[order["name"]]
        child.write(json.dumps(order["order"]) + "\n")
        child.flush()
        return json.loads(answers.readline())

    def do_leave(self, order: dict[str, Any]) -> Any:
        """Close the mesh in an orderly way; tell how long that took, in seconds."""
        began = time.monotonic()
        self._mesh.close()
        return time.monotonic() - began

    def serve(self, told: Iterable[dict[str, Any]], reply: Callable[[Any], None]) -> None:
        """Do what is told, and answer each order, until there are no more."""
        for order in told:
            try:
                reply({"answer": getattr(self, f"do_{order['do']}")(order)})
            except (LookupError, ValueError, TypeError, gossamer.GossamerError) as error:
                reply({"error": type(error).__name__, "why": str(error)})

    def close(self) -> None:
        """Leave, without waiting for anybody."""
        self._mesh.close(linger_s=0)


def main() -> None:
    """Join as the first line says, then do as told until stdin ends."""
    told = orders()
    role = next(told, None)
    if role is None:
        return
    actor = Actor(role)
    try:
        answer({"answer": None})
        actor.serve(told, answer)
    except BrokenPipeError:
        return  # the parent is gone, and so shall we be
    finally:
        actor.close()


if __name__ == "__main__":
    main()
