"""Who sent how much of what: counts by node, way and kind of message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..wire.messages import Kind

_NAMES = {kind.value: kind.name.lower().replace("_", " ") for kind in Kind}


def kind_of(message: bytes) -> str:
    """Return the kind of an encoded message, from its first bytes."""
    kind = message[1:3]  # one byte below 24, and from there on two, of which the first is 0x18
    return _NAMES.get(kind[-1] if kind[:1] == b"\x18" else kind[0], "unknown") if kind else "unknown"


class Traffic:
    """Counts of what was sent, lost or not."""

    __slots__ = ("bytes", "messages")

    def __init__(self) -> None:
        self.messages: Counter[tuple[str, str, str]] = Counter()
        """By (node, way, kind); the way is "multicast", "unicast" or "stream"."""
        self.bytes: Counter[tuple[str, str, str]] = Counter()

    def sent(self, node: str, way: str, messages: Iterable[bytes]) -> None:
        """Count messages on their way."""
        for message in messages:
            named = node, way, kind_of(message)
            self.messages[named] += 1
            self.bytes[named] += len(message)

    def count(self, kind: str | None = None, *, node: str | None = None, way: str | None = None) -> int:
        """Return how many messages were sent, of this kind, by this node, this way."""
        return _sum(self.messages, node, way, kind)

    def size_bytes(self, kind: str | None = None, *, node: str | None = None, way: str | None = None) -> int:
        """Return how many bytes they had."""
        return _sum(self.bytes, node, way, kind)

    def kinds(self) -> set[str]:
        """Return the kinds of which anything was sent."""
        return {kind for _, _, kind in self.messages}

    def clear(self) -> None:
        """Count from nothing."""
        self.messages.clear()
        self.bytes.clear()


def _sum(counter: Counter[tuple[str, str, str]], *wanted: str | None) -> int:
    return sum(
        n for named, n in counter.items() if all(w in (None, have) for w, have in zip(wanted, named, strict=True))
    )
