"""Maelstrom's messages: one JSON object a line, with a source, a destination and a body.

See doc/protocol.md of Maelstrom.  Errors are *definite* (it certainly was not done) or not.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Body = dict[str, Any]


class Code(IntEnum):
    """What went wrong, by Maelstrom's numbers."""

    TIMEOUT = 0
    NOT_SUPPORTED = 10
    TEMPORARILY_UNAVAILABLE = 11
    MALFORMED_REQUEST = 12


class Refused(Exception):
    """A request that was not done, for certain."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code

    def body(self) -> Body:
        """Return what is replied."""
        return {"type": "error", "code": int(self.code), "text": str(self)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message."""

    src: str
    dest: str
    body: Body

    def line(self) -> str:
        """Return the message as a line, without its end."""
        return json.dumps({"src": self.src, "dest": self.dest, "body": self.body}, separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str) -> Envelope:
        """Return the message that a line holds; raise ValueError if it holds none."""
        items = json.loads(line)
        match items:
            case {"src": str(src), "dest": str(dest), "body": {"type": str()} as body}:
                return cls(src, dest, body)
        raise ValueError(f"not a message: {line!r}")


def to_text(messages: Sequence[bytes]) -> list[str]:
    """Return encoded messages as JSON takes them."""
    return [b64encode(message).decode() for message in messages]


def from_text(texts: Sequence[str]) -> list[bytes]:
    """Return what `to_text` was given; raise ValueError for what it did not make."""
    return [b64decode(text, validate=True) for text in texts]
