"""What a trace keeps of a run, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Datagram:
    """What was sent once, to one or to many; a piece of a stream, too."""

    at: float
    sender: str
    way: str
    kinds: tuple[str, ...]
    size_bytes: int
    fates: list[tuple[str, float | None]] = field(default_factory=list)
    """Receiver, and when it arrived there; None if it was lost."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something happened to a node, or to the network (no name), or was said (no name)."""

    at: float
    what: str
    """"network", "said", "node" or "write"."""
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """How far the nodes that are awake agree, at one moment."""

    at: float
    awake: int
    groups: int
    """How many different states there are among them."""
    largest: int
    """How many share the most common one."""
    sent_bytes: int
    """By all nodes, since the run began."""


@dataclass(frozen=True, slots=True)
class Life:
    """From some moment on, a node was "up", "paused" or "down"."""

    at: float
    name: str
    state: str
