"""Maelstrom's workloads on a shared map: what a client asks, as reads and writes of keys.

    broadcast     each message is a key             the set of messages is the set of keys
    g-set         each element is a key             likewise
    pn-counter    each node's sum is a key          the counter is the sum of the sums

Nothing is ever written by two nodes to one key with two meanings, so last-writer-wins loses
nothing: of an element both write the same, and a sum is its node's alone (and named after
its boot, so that a node that lost its memory starts a new one and adds to it).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from .messages import Body, Code, Refused


class Map(Protocol):
    """What a service needs of a replica."""

    def put(self, key: str, value: object) -> None:
        """Write a key."""

    def items(self, prefix: str) -> dict[str, Any]:
        """Return what is visible under keys that begin so."""


class Service(Protocol):
    """One workload."""

    def handle(self, body: Body) -> Body:
        """Do what a client asks; return the body of the reply.  Raise `Refused`."""


class Broadcast:
    """Sends messages to everyone."""

    def __init__(self, state: Map, boot: str) -> None:
        self._state = state

    def handle(self, body: Body) -> Body:
        """`topology` is acknowledged and not needed: who hears whom is found out by beacons."""
        match body["type"]:
            case "topology":
                return {"type": "topology_ok"}
            case "broadcast":
                message = _given(body, "message")
                _enter(self._state, "message/", message)
                return {"type": "broadcast_ok"}
            case "read":
                return {"type": "read_ok", "messages": _entered(self._state, "message/")}
        raise _unsupported(body)


class GSet:
    """A set that only grows."""

    def __init__(self, state: Map, boot: str) -> None:
        self._state = state

    def handle(self, body: Body) -> Body:
        """An element is any JSON."""
        match body["type"]:
            case "add":
                element = _given(body, "element")
                _enter(self._state, "element/", element)
                return {"type": "add_ok"}
            case "read":
                return {"type": "read_ok", "value": _entered(self._state, "element/")}
        raise _unsupported(body)


class PNCounter:
    """A counter that is incremented and decremented."""

    def __init__(self, state: Map, boot: str) -> None:
        self._state = state
        self._key = f"sum/{boot}"

    def handle(self, body: Body) -> Body:
        """What this node added until now stands under its own key."""
        sums = self._state.items("sum/")
        match body["type"]:
            case "add":
                delta = _given(body, "delta")
                if type(delta) is not int:
                    raise Refused(Code.MALFORMED_REQUEST, f"delta must be an integer, not {delta!r}")
                self._state.put(self._key, sums.get(self._key, 0) + delta)
                return {"type": "add_ok"}
            case "read":
                return {"type": "read_ok", "value": sum(sums.values())}
        raise _unsupported(body)


SERVICES: dict[str, Callable[[Map, str], Service]] = {
    "broadcast": Broadcast,
    "g-set": GSet,
    "pn-counter": PNCounter,
}


def _enter(state: Map, prefix: str, item: Any) -> None:
    text = json.dumps(item, sort_keys=True)
    state.put(prefix + text, text)


def _entered(state: Map, prefix: str) -> list[Any]:
    return [json.loads(text) for text in state.items(prefix).values()]


def _given(body: Body, field: str) -> Any:
    if field not in body:
        raise Refused(Code.MALFORMED_REQUEST, f"a request {body['type']!r} without {field!r}")
    return body[field]


def _unsupported(body: Body) -> Refused:
    return Refused(Code.NOT_SUPPORTED, f"there is no request {body['type']!r} in this workload")
